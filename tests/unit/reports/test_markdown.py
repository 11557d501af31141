"""Markdown: what a stranger wrote is shown as it was written, and does nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ironhull.reports.markdown import code, cut, escape, fence, row, text_row
from ironhull.reports.text import one_line

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
GAP = "\u200b"
# What GitHub and GitLab look for in the finished text.
ACTING = re.compile(r"(?<!\w)@\w|(?<![\w&])[#!]\d|\bGH-\d|(?:https?|ftp)://|\bwww\.", re.IGNORECASE)
MARKUP = st.text(st.sampled_from("ab1 @#!\\`*_~|<>&[]()$:/.-'\"\n\x1b\u202eGHwtps"), max_size=40)
EVIL = (
    "[x](https://example.org) @team",
    "**bold** ~~gone~~ 1~rc1~deb",
    "a|b\\|c",
    "<img src=x onerror=alert(1)> &amp; <!--",
    "`code` ``more`` \\`",
    "closes #12, GH-7, !3 and www.example.org",
    "a\n\n# heading\n- @team",
    "mail me@example.org",
)


def tokens(markdown: str) -> list[Token]:
    return [inner for outer in READER.parse(markdown) for inner in (outer, *(outer.children or ()))]


def shown(markdown: str) -> str:
    """The text that a reader sees."""
    kinds = ("text", "code_inline")
    return "".join(each.content for each in tokens(markdown) if each.type in kinds)


def kinds(markdown: str) -> set[str]:
    return {each.type for each in tokens(markdown)}


@pytest.mark.parametrize("text", EVIL)
def test_an_escaped_text_is_only_text(text: str) -> None:
    plain = {"paragraph_open", "paragraph_close", "inline", "text"}
    assert kinds(f"x {escape(text)}") <= plain | {"text_special"}
    assert not ACTING.search(shown(f"x {escape(text)}"))


@given(MARKUP)
@example("&#64;team")
@example("\\")
def test_an_escaped_text_reads_as_it_was_written(text: str) -> None:
    found = READER.renderInline(f"x {escape(text)} x")
    seen = (
        found.replace(GAP, "")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", '"')
        .replace("&amp;", "&")
    )
    assert seen == f"x {one_line(text)} x" if one_line(text) else seen == "x  x"
    assert escape(text).isprintable()


@given(MARKUP)
@example("a\\|b")
@example("`")
@example("\\")
def test_code_is_code_and_stays_in_its_cell(text: str) -> None:
    table = f"| a | b |\n|---|---|\n{row(code(text), 'end')}"
    found = [each for each in READER.parse(table) if each.type == "inline"]
    assert len(found) == 4, table
    assert found[3].content == "end"
    inner = "".join(
        each.content for each in found[2].children or () if not each.type.startswith("html")
    )
    assert inner.replace(GAP, "") == one_line(text)
    assert not {"link_open", "em_open", "strong_open", "s_open"} & {
        each.type for each in found[2].children or ()
    }


@given(st.lists(MARKUP, min_size=1, max_size=4))
def test_a_row_has_its_cells_whatever_they_hold(cells: list[str]) -> None:
    head = f"|{'a|' * len(cells)}\n|{'---|' * len(cells)}\n"
    found = [each for each in READER.parse(head + text_row(*cells)) if each.type == "inline"]
    assert len(found) == 2 * len(cells)


@given(st.lists(MARKUP))
@example(["```", "````x"])
def test_no_line_ends_a_fence(lines: list[str]) -> None:
    found = READER.parse("\n".join(fence(lines, "sh")))
    assert [each.type for each in found] == ["fence"]
    assert found[0].content == "".join(f"{one_line(line)}\n" for line in lines)


def test_an_ordinary_name_is_easy_to_read_raw() -> None:
    assert code("@types/node") == "`@types/node`"
    assert escape("libssl3t64 3.5.1-1+deb13u2") == "libssl3t64 3.5.1-1+deb13u2"


def test_a_cut_list_says_how_much_is_left_out() -> None:
    assert cut(["a", "b"], 2) == ["a", "b"]
    assert cut(["a", "b", "c"], 1, " (in JSON)") == ["a", "", "… and 2 more (in JSON)"]
