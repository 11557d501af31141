"""Whatever stands in a file: a definition, or a DefinitionError with places; never a crash."""

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.work import ends

from ironhull.definition.format import FORMAT
from ironhull.definition.model import ImageDefinition, Place
from ironhull.definition.patterns import compile_pattern
from ironhull.definition.reader import load
from ironhull.definition.shape import (
    Anything,
    FixedKeys,
    Flag,
    ListOf,
    MapOf,
    Shape,
    Text,
    TextOr,
    TextOrList,
    Whole,
)
from ironhull.definition.tree import Problems, Scalar, ScalarKind
from ironhull.definition.variables import Substitution
from ironhull.errors import DefinitionError

_TEXTS = st.sampled_from(
    [
        *(
            "",
            "a",
            "node",
            "/app",
            "/a/../b",
            "20",
            "${A}",
            "${V}",
            "${A:(.*)}",
            "$${A}",
            "#{ target.arch == 'amd64' ? 'x' : 'y' }",
            "#{ ((!target.dev",
            "${target.arch}",
            "linux/amd64",
        ),
        *(
            "debian",
            "13",
            "0755",
            "4755",
            "8080/tcp",
            "SIGTERM",
            "runtime",
            "!perl",
            "perl=1",
            "root",
        ),
        *("file", "symlink", "x.conf", "../x", "deb https://a.example/d s c", "pkg:deb/debian/x1"),
        *("debian_package", "zstd:3", "2026-01-01", "https://a.example/#sha256=" + "0" * 64),
        *("sha256:" + "0" * 64, "file:x", "(a+)+", "[", "\x00", "\n", "é", "\U0001f600"),
    ]
)
_SCALARS = st.one_of(
    _TEXTS, st.text(max_size=8), st.integers(), st.booleans(), st.none(), st.floats()
)
_ANY = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(_TEXTS, st.sampled_from(list(FORMAT.keys))), inner, max_size=3),
    ),
    max_leaves=8,
)


def _values(shape: Shape) -> st.SearchStrategy[Any]:
    """Values that are nearly what the shape wants, and sometimes not at all."""
    match shape:
        case Text():
            right: st.SearchStrategy[Any] = (
                st.sampled_from(shape.options) if shape.options else _TEXTS
            )
        case Whole():
            right = st.integers(shape.least - 1, shape.most + 1)
        case Flag():
            right = st.booleans()
        case ListOf():
            right = st.lists(_values(shape.item), max_size=3)
        case MapOf():
            right = st.dictionaries(_TEXTS, _values(shape.value), max_size=3)
        case TextOrList():
            right = st.one_of(_values(shape.text), _values(shape.items))
        case TextOr():
            right = st.one_of(_values(shape.text), _values(shape.record))
        case Anything():
            right = _ANY
        case FixedKeys():
            keys = {name: _values(key.shape) for name, key in shape.keys.items()}
            needed = [name for name, key in shape.keys.items() if key.required]
            right = st.fixed_dictionaries(
                {name: keys[name] for name in needed},
                optional={name: keys[name] for name in keys if name not in needed},
            )
        case _:
            raise AssertionError(shape)
    return st.one_of(right, right, right, right, right, _ANY)


def _load(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "web.yaml"
        path.write_bytes(data)
        try:
            assert isinstance(load(path), ImageDefinition)
        except DefinitionError as error:
            problems = error.problems
        else:
            return
        assert problems
        for problem in problems:
            assert problem.message
            assert problem.line >= 0


@settings(max_examples=150, deadline=None)
@given(_values(FORMAT))
def test_any_values_give_a_definition_or_problems(value: Any) -> None:
    _load(yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace"))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_problems(data: bytes) -> None:
    _load(data)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="a:-[]{}&*!|>#'\"%@`\n ,?<\t", max_size=60))
def test_any_syntax_gives_problems(text: str) -> None:
    _load(text.encode())


_PIECES = ["a", "b", ".", "[ab]", "(", ")", "(?:", "*", "+", "?", "{1,9}", "|", "\\1", "^", "$"]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=16).map("".join))
@example("a*a*a*a*b$")
@example("(a|a)*$")
@example("((a?)?)*b")
@example("(?:a+)+b")
def test_a_pattern_that_is_accepted_ends_soon(pattern: str) -> None:
    with ends():
        compiled = compile_pattern(pattern)
        if not isinstance(compiled, str):
            compiled.search("a" * 128)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("ABCD"),
        st.lists(st.sampled_from(["${A}", "${B}", "${C:(.)}", "$${D}", "x"]), max_size=4).map(
            "".join
        ),
    ),
    st.lists(st.sampled_from(["${A}", "${B}", "${C}", "${D:(.*)}", "y", "$${", "${E}"])).map(
        "".join
    ),
)
def test_variables_end_whatever_they_refer_to(declared: dict[str, str], text: str) -> None:
    place = Place("web.yaml", 1, 1)
    problems = Problems()
    variables = {name: Scalar(place, value, ScalarKind.TEXT) for name, value in declared.items()}
    substitution = Substitution(variables, {}, frozenset("E"), problems)
    replaced = substitution._scalar(Scalar(place, text, ScalarKind.TEXT), False)
    assert replaced.kind in (ScalarKind.TEXT, ScalarKind.BROKEN)
    assert (replaced.kind is ScalarKind.BROKEN) == bool(problems.errors)
