"""Templates as they are compiled here say what Jinja makes of them, and escape as it escapes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment, StrictUndefined, UndefinedError
from markupsafe import Markup, escape

from ironhull.catalog.templating import Templates, written

PARTS = {
    "page": "{% block head %}of {{ name }}{% endblock %}<{% block main %}{% endblock %}>"
    "{{ self.head() }}",
    "parts": '{% macro box(label, more="") %}[{{ label }}{{ more }}{{ caller() }}]{% endmacro %}'
    "{% macro plain(text) %}({{ text }}){% endmacro %}",
    "child": '{% extends "page" %}{% from "parts" import box, plain %}{% block main %}'
    '{% call box("a<b", more=name) %}{% for each in rows %}{{ loop.index }}{{ each.real }}'
    '{{ each.__class__.__name__ }}{{ plain(name) }}{% if not loop.last %}, {% endif %}{% endfor %}'
    '{% endcall %}{{ plain(text=name ~ "&") }}{% include "leaf" %}{% set a = {} %}'
    '{% set _ = a.update({"k": name}) %}{{ a["k"] }}{{ name[:3] | upper }}{{ markup }}{{ none }}'
    "{{ 1.50 }}{{ yes }}{% endblock %}",
    "leaf": "{% macro own(n) %}{{ n + 1 }}{% endmacro %}{{ own(n=2) }}{{ own(rows | length) }}",
}  # fmt: skip


def environment(kind: type[Environment]) -> Environment:
    return kind(loader=DictLoader(PARTS), autoescape=True, undefined=StrictUndefined)


@given(st.text(), st.lists(st.integers()))
def test_a_page_is_what_jinja_makes_of_it(name: str, rows: list[int]) -> None:
    values = {"name": name, "rows": rows, "markup": Markup("<i>"), "none": None, "yes": True}
    found, expected = (
        environment(kind).get_template("child").render(values) for kind in (Templates, Environment)
    )
    assert found == expected


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none())
def test_a_value_is_written_as_it_is_escaped(value: object) -> None:
    assert written(value) == str(escape(value))


@pytest.mark.parametrize("sign", "&<>\"'")
def test_every_sign_that_html_has_a_use_for_is_escaped(sign: str) -> None:
    assert sign not in re.sub("&#?[a-z0-9]+;", "", written(f"a{sign}b"))
    assert written(Markup(sign)) == sign


class Text(str):
    """A text of another kind."""


def test_a_text_of_another_kind_is_escaped_too() -> None:
    assert written(Text("<")) == "&lt;"


@pytest.mark.parametrize("text", ["{{ nothing }}", "{{ nothing.at_all }}", "{{ nothing() }}"])
def test_a_name_that_nobody_gave_is_no_empty_text(text: str) -> None:
    with pytest.raises(UndefinedError):
        environment(Templates).from_string(text).render()


def test_an_attribute_that_there_is_not_is_no_empty_text() -> None:
    with pytest.raises(AttributeError):
        environment(Templates).from_string("{{ name.nothing }}").render(name="a")
