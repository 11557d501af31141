from __future__ import annotations

import random
import shutil
import subprocess
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ironhull.debian.version import (
    Version,
    compare,
    parse_version,
    satisfies,
    version_key,
)
from ironhull.errors import MalformedError

PART = st.text("0123456789aZ.+~", min_size=0, max_size=8)
VERSIONS = st.builds(
    lambda epoch, digit, upstream, revision: f"{epoch}{digit}{upstream}{revision}",
    st.sampled_from(["", "0:", "1:", "10:"]),
    st.sampled_from("0129"),
    st.one_of(PART, PART.map(lambda text: f"{text}-1")),
    st.one_of(st.just(""), st.text("0123456789aZ.+~", min_size=1, max_size=6).map("-{}".format)),
)

# Rising. Written from Policy 5.6.12's rules, each line one of them.
RISING = [
    ["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0a"],
    ["1.0~rc1-1", "1.0-1~bpo12+1", "1.0-1", "1.0-1+b1", "1.0-1+deb13u1", "1.0-1.1"],
    ["1.0A", "1.0a", "1.0+", "1.0-", "1.0."][:3],
    ["9", "10", "100"],
    ["1.9", "1.10"],
    ["2.0", "1:0.1", "2:0"],
    ["1-1", "1-2", "1-10", "1.1-1"],
]


@pytest.mark.parametrize("versions", RISING)
def test_versions_are_ordered_as_policy_says(versions: list[str]) -> None:
    shuffled = random.Random(7).sample(versions, len(versions))
    assert sorted(shuffled, key=version_key) == versions
    for earlier, later in pairwise(versions):
        assert compare(earlier, later) == -1
        assert compare(later, earlier) == 1


@pytest.mark.parametrize(
    ("a", "b"), [("1.0", "1.0-0"), ("0:1", "1"), ("1.", "1.0"), ("1a", "1a0"), ("1.02", "1.2")]
)
def test_different_texts_can_be_equal_versions(a: str, b: str) -> None:
    assert compare(a, b) == 0
    assert version_key(a) == version_key(b)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_is_total(a: str, b: str, c: str) -> None:
    assert compare(a, b) == -compare(b, a)
    assert compare(a, a) == 0
    if compare(a, b) <= 0 and compare(b, c) <= 0:
        assert compare(a, c) <= 0


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="needs dpkg")
@settings(max_examples=150, deadline=None)
@given(VERSIONS, VERSIONS)
@example("1.0", "1.0-0~")
@example("1", "1-0~a")
@example("1.a", "1.")
@example("0", "00")
def test_the_order_is_that_of_dpkg(a: str, b: str) -> None:
    operator = {-1: "lt", 0: "eq", 1: "gt"}[compare(a, b)]
    done = subprocess.run(["dpkg", "--compare-versions", a, operator, b], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b""), f"dpkg does not say {a} {operator} {b}"


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="needs dpkg")
@settings(max_examples=150, deadline=None)
@given(st.text("019aZ.+~:-_ \u0661/", min_size=1, max_size=10))
def test_what_dpkg_takes_for_a_version_we_take(text: str) -> None:
    if text.startswith("-") or text != text.strip(" "):
        return  # dpkg would read an option, or trim
    if text.startswith("+") and ":" in text:
        return  # strtol takes "+0" for a number; an epoch is unsigned (Debian Policy 5.6.12)
    done = subprocess.run(["dpkg", "--validate-version", text], capture_output=True)
    try:
        parse_version(text)
    except MalformedError:
        assert done.returncode != 0
    else:
        assert done.returncode == 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        ("a1", "start with a digit"),
        ("1 2", "a character"),
        ("1-", "revision is empty"),
        ("1--", "revision is empty"),
        ("1:1-a:b", "a character"),
        ("x:1", "epoch"),
        (":1", "epoch"),
        ("9999999999:1", "epoch"),
        ("1:", "start with a digit"),
        ("1_0", "a character"),
        ("١", "start with a digit"),
        ("1" * 1025, "longer than"),
        ("1" * 1000 + ":1", "epoch"),
    ],
)
def test_a_bad_version_is_refused_with_its_fault(text: str, fault: str) -> None:
    for function in (parse_version, version_key, lambda text: compare(text, text)):
        with pytest.raises(MalformedError, match=fault):
            function(text)


def test_a_version_is_cut_at_the_first_colon_and_the_last_dash() -> None:
    assert parse_version("2:1.0-rc-1:2-3") == Version(2, "1.0-rc-1:2", "3")
    assert str(parse_version("2:1.0-rc-1:2-3")) == "2:1.0-rc-1:2-3"
    assert parse_version("1.0") == Version(0, "1.0", "")


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("<<", (True, False, False)),
        ("<=", (True, True, False)),
        ("<", (True, True, False)),
        ("=", (False, True, False)),
        (">=", (False, True, True)),
        (">", (False, True, True)),
        (">>", (False, False, True)),
    ],
)
def test_relations_hold_as_policy_says(operator: str, expected: tuple[bool, ...]) -> None:
    assert tuple(satisfies(v, operator, "2") for v in ("1", "2", "3")) == expected


def test_an_unknown_relation_is_refused() -> None:
    with pytest.raises(MalformedError, match="relation"):
        satisfies("1", "==", "1")
