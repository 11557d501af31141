from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.debian.stanza import MAX_STANZA, parse_stanza, parse_stanzas, split_stanzas
from ironhull.errors import MalformedError

TWO = """\
# a comment
Package: a
Depends: b,
 c (>= 1)
\t, d
Empty:
 one
 .
 two
# another


Package:b
Version:  1.0 \t
"""


def test_fields_come_in_lower_case_with_their_continuation_lines() -> None:
    first, second = parse_stanzas(TWO)
    assert first == {"package": "a", "depends": "b,\nc (>= 1)\n, d", "empty": "\none\n.\ntwo"}
    assert second == {"package": "b", "version": "1.0"}


def test_bytes_that_are_not_utf8_do_not_stop_the_reader() -> None:
    assert parse_stanza(b"Maintainer: \xff")["maintainer"] == "�"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (" a: b", "f:1: a line continues no field"),
        ("a: 1\n\n b", "f:3: a line continues no field"),
        ("a: 1\nA: 2", "f:2: field 'a' is there twice"),
        ("nothing", "f:1: expected `Field: value`, got 'nothing'"),
        ("a b: c", "f:1: expected"),
        ("-a: c", "f:1: expected"),
        (": c", "f:1: expected"),
        ("\0: c", "f:1: expected"),
    ],
)
def test_what_is_no_stanza_is_refused_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_stanzas(text, "f")
    assert fault in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "a: 1\n\nb: 2"])
def test_one_stanza_means_one(text: str) -> None:
    with pytest.raises(MalformedError, match="expected one stanza"):
        parse_stanza(text)


LINES = st.lists(
    st.sampled_from(["A: 1", "B: 2 ", "C:", " more", "\tmore", "", "", ""]), max_size=30
)


@given(LINES, st.integers(1, 40))
def test_stanzas_of_a_stream_are_those_of_the_whole_text(lines: list[str], step: int) -> None:
    text = "\n".join(lines).encode()
    pieces = list(split_stanzas(text[i : i + step] for i in range(0, len(text), step)))
    expected: list[list[str]] = [[]]
    for line in lines:
        if line:
            expected[-1].append(line)
        else:
            expected.append([])
    assert [piece.decode().split("\n") for piece in pieces] == [e for e in expected if e]


def test_a_stanza_without_end_is_refused() -> None:
    endless = (b"A: " + b"x" * (1 << 20) + b"\n" for _ in range(1000))
    with pytest.raises(MalformedError, match=f"larger than {MAX_STANZA}"):
        list(split_stanzas(endless))


@given(st.binary(max_size=200) | st.text("aA:# \t\n.", max_size=60).map(str.encode))
def test_any_bytes_are_stanzas_or_refused(data: bytes) -> None:
    try:
        stanzas = parse_stanzas(data)
    except MalformedError:
        return
    assert all(stanza and all(name == name.lower() for name in stanza) for stanza in stanzas)
