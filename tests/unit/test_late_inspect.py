"""Modules that come late or not at all, and the same results."""

from __future__ import annotations

import importlib
import inspect
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.late_inspect import _Late, late_inspect, without


def test_who_imports_inspect_in_the_block_gets_it_when_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "inspect")
    with late_inspect():
        late = importlib.import_module("inspect")
    assert "inspect" not in sys.modules
    assert late.isfunction(inspect.isfunction)
    assert late.isfunction is sys.modules["inspect"].isfunction
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        late.nothing  # noqa: B018


def test_who_uses_inspect_in_the_block_gets_it_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the dataclasses of Python 3.13 did while the modules of the command loaded."""
    monkeypatch.delitem(sys.modules, "inspect")
    with late_inspect():
        late = importlib.import_module("inspect")
        assert late.get_annotations(int) == {}
        assert sys.modules["inspect"] is late
        assert late.isfunction(inspect.isfunction)
        loaded = sys.modules["inspect"]
        assert loaded is not late
    assert sys.modules["inspect"] is loaded


class Parent:
    one: int


class Child(Parent):
    two: str


class Bare(Parent):
    pass


@pytest.mark.parametrize("of", [Parent, Child, Bare, int, late_inspect])
def test_annotations_are_those_that_inspect_gives(of: object) -> None:
    assert _Late("inspect").get_annotations(of) == inspect.get_annotations(of)  # type: ignore[arg-type]


def test_a_module_that_is_loaded_already_stays() -> None:
    with late_inspect():
        assert importlib.import_module("inspect") is inspect
    assert sys.modules["inspect"] is inspect


@given(st.text(st.sampled_from(" \tab\n\r\x0b"), max_size=12))
def test_texts_are_cleaned_as_inspect_does(text: str) -> None:
    assert _Late("inspect").cleandoc(text) == inspect.cleandoc(text)


def test_a_module_is_not_there_in_the_block_and_there_again_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("threading.active_count", lambda: 1)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys"), pytest.raises(ImportError):
        importlib.import_module("colorsys")
    loaded = importlib.import_module("colorsys")
    with without("colorsys"):
        assert importlib.import_module("colorsys") is loaded
    assert sys.modules["colorsys"] is loaded


def test_a_module_stays_where_another_thread_might_want_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("threading.active_count", lambda: 2)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys"):
        importlib.import_module("colorsys")
