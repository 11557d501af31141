"""The tables of foreign images in a policy, and the dates of a referee."""

from __future__ import annotations

import io

import pytest

from ironhull.errors import InputError, MalformedError
from ironhull.watch.foreign import ForeignChoice, parse_foreign
from ironhull.watch.referee import read_dates


def test_tables_become_choices() -> None:
    one = {"image": "docker.io/library/node:20", "beside": "node:20-debian13"}
    two = {"image": "localhost:5000/shop:1", "base": "localhost:5000/base:1"}
    assert parse_foreign([one, two]) == (
        ForeignChoice(one["image"], "", one["beside"]),
        ForeignChoice(two["image"], two["base"]),
    )


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({}, "expected tables"),
        ([{"base": "r.example/a:1"}], "foreign 1: image is missing"),
        ([{"image": "node:20"}], "names no registry"),
        ([{"image": "r.example/A"}], "foreign 1"),
        ([{"image": "r.example/a", "bas": "r.example/b"}], "did you mean 'base'"),
        ([{"image": 3}], "expected a text"),
        ([{"image": "r.example/a"}] * 2, "is there twice"),
        ([{"image": "r.example/a"}] * 501, "at most 500"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tables: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_foreign(tables)


def test_the_earliest_date_of_a_vulnerability_counts() -> None:
    rows = ("source,vulnerability,first_observed", "a,CVE-1,2026-11-02")
    text = "\n".join((*rows, "b,CVE-1,2026-11-01T12:00+02:00"))
    assert read_dates(io.BytesIO(text.encode()), "dates.csv") == {
        "CVE-1": "2026-11-01T10:00:00.000Z"
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "dates.csv:1: no column vulnerability and no first_observed"),
        (b"vulnerability,first_observed\nCVE-1,soon\n", "dates.csv:2: 'soon' is no date"),
        (b"vulnerability,first_observed\n,2026-11-01\n", "dates.csv:2: '' names no"),
        (b"vulnerability,first_observed\nCVE-1\n", "dates.csv:2: '' is no date"),
        (b"vulnerability,first_observed\nCVE-1,0001-01-01T00:00+14:00\n", "dates.csv:2: '0001-"),
        (b"vulnerability,first_observed\n\xff,2026-11-01\n", "not UTF-8 at byte 29"),
        (b'vulnerability,first_observed\n"CVE-1,2026-11-01\n', "dates.csv:1: unexpected end"),
    ],
)
def test_dates_that_cannot_be_read_are_refused_with_their_line(text: bytes, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        read_dates(io.BytesIO(text), "dates.csv")
