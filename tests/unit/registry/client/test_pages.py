from __future__ import annotations

from contextlib import suppress

import pytest
from tests.work import ends

from ironhull.errors import MalformedError
from ironhull.registry.client.pages import next_link


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ([], None),
        ([""], None),
        (['</v2/a/tags/list?last=x>; rel="next"'], "/v2/a/tags/list?last=x"),
        (["</v2/a>; rel=next"], "/v2/a"),
        (["</v2/a>; REL='next'"], "/v2/a"),
        (['</v2/a>; rel="prev", </v2/b>; rel="next"'], "/v2/b"),
        (["</v2/a>; rel=prev", "</v2/b>; rel=next"], "/v2/b"),
        (['</v2/a?x=1,2;3>; title="of, one"; rel="last next"'], "/v2/a?x=1,2;3"),
        (['<https://style.example/x.css>; rel="preload"; title="what comes next"'], None),
        (["</v2/a>; rel=nextish"], None),
        # Without the brackets, or without a relation, where it is the only one.
        (["/v2/a/tags/list?last=x&n=1; rel=next"], "/v2/a/tags/list?last=x&n=1"),
        (['/v2/a/tags/list?last=x,y; rel="next"'], "/v2/a/tags/list?last=x,y"),
        (["/v2/a/tags/list?last=x"], "/v2/a/tags/list?last=x"),
        (["</v2/a/tags/list?last=x>"], "/v2/a/tags/list?last=x"),
        (["/v2/a; rel=prev"], None),
    ],
)
def test_the_next_page_is_found(headers: list[str], target: str | None) -> None:
    assert next_link(headers) == target


@pytest.mark.parametrize(
    "header",
    [
        "/v2/a; rel=prev, /v2/b; rel=next",
        "</v2/b; rel=next",
        "<>; rel=next",
        "</v2/a>; rel=prev, /v2/b; rel=next",
        "</v2/a>; rel=" + "x" * 20_000,
        "a b c",
    ],
)
def test_half_a_list_does_not_pass_for_the_whole(header: str) -> None:
    with pytest.raises(MalformedError, match="Link"):
        next_link([header])


@pytest.mark.parametrize("piece", [" ", "<", "<a>;", "; rel=a", ";\t", "a"])
def test_a_hostile_header_takes_no_time(piece: str) -> None:
    with ends(), suppress(MalformedError):
        next_link([piece * (16_000 // len(piece))])
