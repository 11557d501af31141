"""A short run of what `make fuzz` does for a minute a parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.run import apk_version, debian_version, near
from tests.fuzz.targets import TARGETS, fuzz

from ironhull.debian.version import compare
from ironhull.errors import MalformedError
from ironhull.scan.versions.apk import apk_key


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_changed_was_a_good_input(name: str) -> None:
    for seed in TARGETS[name].seeds():
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_no_changed_input_breaks_a_parser(name: str) -> None:
    found = fuzz(TARGETS[name], seed=1, seconds=600, inputs=200)
    assert [what for what, _ in found.failures] == []
    assert found.inputs >= 200


@given(st.randoms(use_true_random=False))
def test_versions_are_in_an_order_whichever_way_they_are_asked(source: object) -> None:
    for make in (debian_version, apk_version):
        one, two = near(source, make)  # type: ignore[arg-type]
        order = compare if make is debian_version else _by_key
        try:
            assert order(one, two) == -order(two, one)
            assert order(one, one) == 0
        except MalformedError:
            continue


def _by_key(one: str, two: str) -> int:
    key, other = apk_key(one), apk_key(two)
    return (key > other) - (key < other)
