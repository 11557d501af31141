"""Values whose methods are written late are those of `dataclasses` ."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class Late:
    name: str
    size: int = 3
    tags: list[str] = dataclasses.field(default_factory=list, compare=False)
    hidden: str = dataclasses.field(default="", repr=False)

    @property
    def twice(self) -> int:
        return self.size * 2


@dataclasses.dataclass(frozen=True, slots=True)
class Early:
    name: str
    size: int = 3
    tags: list[str] = dataclasses.field(default_factory=list, compare=False)
    hidden: str = dataclasses.field(default="", repr=False)

    @property
    def twice(self) -> int:
        return self.size * 2


@dataclass(frozen=True, slots=True, order=True)
class Ordered:
    major: int
    minor: int


@dataclass(slots=True)
class Changing:
    count: int = 0

    def __post_init__(self) -> None:
        self.count += 1


ASKED: list[Callable[[Any], object]] = [
    lambda of: repr(of("a")).replace("Early", "Late"),
    lambda of: of("a") == of("a", 3, ["x"]),
    lambda of: of("a") == of("a", 4),
    lambda of: of("a") == "a",
    lambda of: hash(of("a")) == hash(of("a", tags=["x"])),
    lambda of: of("a").tags is of("a").tags,
    lambda of: of(size=1, name="b").twice,
    lambda of: dataclasses.asdict(of("a")),
    lambda of: dataclasses.replace(of("a"), size=9).size,
    lambda of: [each.name for each in dataclasses.fields(of)],
    lambda of: copy.deepcopy(of("a", tags=["x"])).tags,
    lambda of: pickle.loads(pickle.dumps(of("a", tags=["x"]))) == of("a"),
    lambda of: of.__match_args__,
    lambda of: of.__annotations__,
    lambda of: [each.type for each in dataclasses.fields(of)],
    lambda of: hasattr(of("a"), "__dict__"),
    lambda of: dataclasses.is_dataclass(of),
]


@pytest.mark.parametrize("asked", ASKED)
def test_a_value_written_late_answers_as_one_of_the_standard_library(
    asked: Callable[[Any], object],
) -> None:
    assert asked(Late) == asked(Early)


REFUSED: list[Callable[[Any], object]] = [
    lambda of: of(),
    lambda of: of("a", other=1),
    lambda of: setattr(of("a"), "name", "b"),
    lambda of: delattr(of("a"), "name"),
    lambda of: of("a") < of("b"),
]


@pytest.mark.parametrize("asked", REFUSED)
def test_a_value_written_late_refuses_what_the_standard_library_refuses(
    asked: Callable[[Any], object],
) -> None:
    with pytest.raises((TypeError, AttributeError)) as early:
        asked(Early)
    with pytest.raises(early.type):
        asked(Late)


def test_ordered_values_are_in_the_order_of_their_fields() -> None:
    assert sorted([Ordered(2, 1), Ordered(1, 9), Ordered(1, 2)]) == [
        Ordered(1, 2), Ordered(1, 9), Ordered(2, 1),
    ]  # fmt: skip
    assert Ordered(1, 2) <= Ordered(1, 2) < Ordered(1, 3)


def test_a_value_that_may_change_has_no_hash_and_is_told_when_it_is_made() -> None:
    changing = Changing()
    changing.count += 1
    assert changing == Changing(1)
    with pytest.raises(TypeError):
        hash(changing)


def test_classes_without_slots_are_left_to_the_standard_library() -> None:
    with pytest.raises(ValueError, match="slots"):
        dataclass(slots=False)


def test_a_default_that_all_values_would_share_is_refused_as_by_the_standard_library() -> None:
    class Shared:
        tags: list[str] = []  # noqa: RUF012 - what is refused

    decorators: list[Any] = [dataclass, dataclasses.dataclass]
    for decorate in decorators:
        with pytest.raises(ValueError, match="mutable default"):
            decorate(slots=True)(Shared)


STANDARD: Any = dataclasses.make_dataclass(
    "Standard",
    [
        ("name", str),
        ("size", int, 3),
        ("tags", list[str], dataclasses.field(default_factory=list)),
        ("hidden", str, ""),
    ],
)
CALLS: list[tuple[tuple[object, ...], dict[str, object]]] = [
    ((), {}),
    (("a",), {"name": "b"}),
    (("a", 1, [], "", 5), {}),
    (("a",), {"what": 1}),
    ((), {"size": 1}),
    (("a", 1), {"hidden": "x"}),
    ((), {"name": "a", "tags": ["x"]}),
]


@pytest.mark.parametrize("before", [0, 20])
@pytest.mark.parametrize(("args", "named"), CALLS)
def test_first_and_later_calls_of_a_constructor_are_taken_alike(
    args: tuple[object, ...], named: dict[str, object], before: int
) -> None:
    @dataclass(frozen=True, slots=True)
    class Early:
        name: str
        size: int = 3
        tags: list[str] = dataclasses.field(default_factory=list, compare=False)
        hidden: str = ""

    of: Any = Early
    for _ in range(before):
        assert of("a", size=4) == Early("a", 4)
    assert _answer(of, args, named) == _answer(STANDARD, args, named)


def _answer(of: Any, args: tuple[object, ...], named: dict[str, object]) -> object:
    """The fields, or what was said of the call without the class's name."""
    try:
        return dataclasses.astuple(of(*args, **named))
    except TypeError as error:
        return str(error).partition("()")[2]


def test_what_follows_a_constructor_is_done_for_each_value() -> None:
    assert {Changing(1).count for _ in range(20)} == {2}
