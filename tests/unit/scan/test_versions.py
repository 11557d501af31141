"""The order of versions in every ecosystem, by lists that are known to be in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.errors import MalformedError
from ironhull.scan.versions.apk import apk_key
from ironhull.scan.versions.languages import (
    composer_key,
    gem_key,
    maven_key,
    nuget_key,
    pep440_key,
)
from ironhull.scan.versions.semver import go_key, satisfies, semver_key

ORDERED: list[tuple[Callable[[str], Any], Sequence[str]]] = [
    (
        apk_key,
        # From apk-tools' own rules: pre-releases before, patches after, fractions for zeros.
        [
            "0.1.0_alpha",
            "0.1.0_alpha2",
            "0.1.0_beta",
            "0.1.0_rc1",
            "0.1.0",
            "0.1.0-r1",
            "0.1.0_p1",
            "0.1.1",
            "0.1.1a",
            "0.1.1b-r2",
            "1.01",
            "1.1",
            "1.2.3-r9",
            "1.2.3-r10",
            "1.10",
            "2.0_git20240101",
        ],
    ),
    (
        semver_key,
        # semver.org, clause 11.
        [
            "0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "v1.2",
            "1.2.1+incompatible",
            "1.10.0",
        ],
    ),
    (pep440_key, ["1.0.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1", "1.1", "1!0.5"]),
    (gem_key, ["1.0.a", "1.0.b1", "1.0.rc1", "1.0", "1.0.1", "1.1.pre.1", "1.1", "1.10"]),
    (nuget_key, ["1.0.0-ALPHA", "1.0.0-beta", "1.0.0", "1.0.0.1", "1.2", "1.10.0"]),
    (composer_key, ["v1.0-dev", "1.0-alpha1", "1.0-beta2", "1.0-RC1", "1.0", "1.0-p1", "1.0.1"]),
    (
        maven_key,
        [
            "1.0-alpha-1",
            "1.0-beta-1",
            "1.0-milestone-1",
            "1.0-rc1",
            "1.0-SNAPSHOT",
            "1.0",
            "1.0-sp",
            "1.0-xyz",
            "1.0-1",
            "1.0.1",
            "1.1",
            "1.10",
        ],
    ),
]

EQUAL = [
    (semver_key, "1.2", "v1.2.0"),
    (pep440_key, "1.0", "1.0.0"),
    (gem_key, "1.0", "1"),
    (nuget_key, "1.0", "1.0.0.0"),
    (composer_key, "v1.0", "1.0.0"),
    (maven_key, "1.0-ga", "1.0"),
    (maven_key, "1.0.0", "1"),
    (maven_key, "1-cr1", "1-rc1"),
]

KEYS = [key for key, _ in ORDERED]


@pytest.mark.parametrize(
    ("key", "versions"), ORDERED, ids=lambda each: getattr(each, "__name__", "")
)
def test_versions_stand_in_their_ecosystems_order(
    key: Callable[[str], Any], versions: Sequence[str]
) -> None:
    for earlier, later in pairwise(versions):
        assert key(earlier) < key(later), (earlier, later)
        assert not key(later) < key(earlier), (earlier, later)


@pytest.mark.parametrize(("key", "one", "other"), EQUAL)
def test_two_ways_to_write_one_version_are_equal(
    key: Callable[[str], Any], one: str, other: str
) -> None:
    assert not key(one) < key(other)
    assert not key(other) < key(one)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.__name__)
@pytest.mark.parametrize("text", ["", " ", "../..", "1" * 300, "latest", "\x00"])
def test_what_is_no_version_is_malformed(key: Callable[[str], Any], text: str) -> None:
    if key is maven_key and text == "latest":
        return  # Maven takes any word.
    with pytest.raises(MalformedError):
        key(text)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.__name__)
@given(texts=st.lists(st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}", fullmatch=True), min_size=3))
def test_plain_numbers_order_alike_everywhere(key: Callable[[str], Any], texts: list[str]) -> None:
    if key is apk_key:
        texts = [text for text in texts if not any(part[:1] == "0" for part in text.split("."))]

    def numbers(text: str) -> list[int]:
        parts = [int(part) for part in text.split(".")]
        while parts and parts[-1] == 0:
            parts.pop()
        return parts

    for one, other in pairwise(texts):
        if numbers(one) < numbers(other):
            assert not key(other) < key(one)


@pytest.mark.parametrize(
    ("version", "expression", "expected"),
    [
        ("20.11.1", "20.x || 22.x", True),
        ("21.0.0", "20.x || 22.x", False),
        ("20.11.1", "^20.15.1 || ^22.4.1", False),
        ("20.16.0", "^20.15.1", True),
        ("21.0.0", "^20.15.1", False),
        ("4.8.3", ">=4.0.0 <4.8.4", True),
        ("4.8.4", ">=4.0.0 <4.8.4", False),
        ("5.1.0", "<= 5", True),
        ("6.0.0", "<= 5", False),
        ("9.1.0", ">= 9.0.0", True),
        ("0.12.3", "0.12.x", True),
        ("0.13.0", "0.12.x", False),
        ("1.2.9", "~1.2.3", True),
        ("1.3.0", "~1.2.3", False),
        ("0.2.5", "^0.2.3", True),
        ("0.3.0", "^0.2.3", False),
        ("1.2.3", "1.2.3", True),
        ("7.7.7", "*", True),
    ],
)
def test_npm_ranges(version: str, expression: str, expected: bool) -> None:
    assert satisfies(version, expression) is expected


def test_go_names_its_release_candidates_without_hyphen_and_dot() -> None:
    order = ["1.25.9", "go1.26rc1", "1.26.0-rc.2", "1.26rc10", "go1.26", "1.26.1beta1", "v1.26.1"]
    keys = [go_key(text) for text in order]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert go_key("go1.26rc1") == semver_key("1.26.0-rc.1")
    assert go_key("1.26") == semver_key("1.26.0")
    for text in ("(devel)", "go1.26rc", "go", "1.26rc1x"):
        with pytest.raises(MalformedError):
            go_key(text)
