"""Text of strangers: what a terminal, a browser or a viewer would obey is taken out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.reports.json_text import json_text
from ironhull.reports.table import columns
from ironhull.reports.text import harmless, harmless_lines, one_line, shown_json

# With lone surrogates, which a file's name can have.
ANY_TEXT = st.text(st.characters(exclude_categories=()))
OBEYED = {
    "escape": "\x1b",
    "backspace": "\b",
    "delete": "\x7f",
    "a C1 control": "\x9b",
    "right to left override": "\u202e",
    "isolate": "\u2067",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "no width": "\u200b",
    "byte order mark": "\ufeff",
    "a tag": "\U000e0041",
    "lone surrogate": "\ud800",
    "private use": "\ue000",
}


@pytest.mark.parametrize("sign", OBEYED.values(), ids=OBEYED)
def test_a_sign_that_is_obeyed_is_taken_out_of_text_and_spelled_out_in_json(sign: str) -> None:
    assert sign not in harmless(f"a{sign}b")
    assert sign not in harmless_lines(f"a{sign}b")
    assert sign not in json_text({"name": f"a{sign}b"})
    assert json.loads(json_text({"name": f"a{sign}b"})) == {"name": f"a{sign}b"}


@given(ANY_TEXT)
def test_a_harmless_text_is_printable_and_as_long_as_before(text: str) -> None:
    found = harmless(text)
    assert found.isprintable()
    assert len(found) == len(text)
    assert harmless(found) == found


@given(ANY_TEXT)
def test_lines_stay_lines(text: str) -> None:
    assert harmless_lines(text).count("\n") == text.count("\n")
    assert harmless_lines(text).replace("\n", "").isprintable()


@given(ANY_TEXT)
def test_each_line_is_as_harmless_as_alone(text: str) -> None:
    assert harmless_lines(text) == "\n".join(map(harmless, text.split("\n")))


@given(ANY_TEXT)
def test_json_keeps_every_value_and_shows_only_what_is_printable(text: str) -> None:
    written = json_text({text: [text]})
    assert written.replace("\n", "").isprintable()
    # json.loads joins a pair of lone surrogates, as every reader does.
    assert json.loads(written) == json.loads(json.dumps({text: [text]}))


@given(st.text())
def test_json_that_others_wrote_keeps_its_value(text: str) -> None:
    written = json.dumps({"a": text}, indent="\t", ensure_ascii=False)
    assert json.loads(shown_json(written)) == {"a": text}


def test_plain_text_stays_as_it_is() -> None:
    text = "Grüße, 世界 ✅ é"
    assert harmless(text) is text
    assert json_text(text) == f'"{text}"'


def test_white_space_becomes_a_space_and_one_line_has_no_two() -> None:
    assert harmless("a\tb\N{NO-BREAK SPACE}c\nd") == "a b c d"
    assert one_line("  a \r\n\u2028 b\x1b ") == "a b\N{REPLACEMENT CHARACTER}"


def test_one_line_is_cut_to_the_limit_and_says_so() -> None:
    assert one_line("abcdef", 6) == "abcdef"
    assert one_line("abcdefg", 6) == "abcde…"


def test_columns_line_up_and_no_cell_begins_another_row() -> None:
    rows = [("NAME", "SIZE"), ("a\nb\x1b[31m", "7"), ("c", "1234")]
    assert columns(rows, right=(1,)) == [
        "NAME      SIZE",
        "a b\N{REPLACEMENT CHARACTER}[31m     7",
        "c         1234",
    ]
