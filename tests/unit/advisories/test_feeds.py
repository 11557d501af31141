"""Each format, with the real samples and with what is wrong in every way."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.find import excerpt, whole

from ironhull.advisories.documents import documents
from ironhull.advisories.feeds.annotations import AnnotationFeed, temporary
from ironhull.advisories.feeds.facts import (
    DistroInfoFeed,
    EndOfLifeFeed,
    EpssFeed,
    KevFeed,
    SupportFeed,
)
from ironhull.advisories.feeds.nodejs import NodeFeed
from ironhull.advisories.feeds.osv import OsvFeed
from ironhull.advisories.feeds.secdb import SecdbFeed
from ironhull.advisories.feeds.tracker import TrackerFeed
from ironhull.advisories.interface import Feed, FeedDate
from ironhull.advisories.model import Cycle, Exploited, InArchive, Record, Score, State, Support
from ironhull.errors import MalformedError


@dataclass
class Text:
    """A document in memory."""

    name: str
    text: str

    def read(self) -> bytes:
        return self.text.encode()

    def open(self) -> IO[bytes]:
        return io.BytesIO(self.text.encode())


def rows(feed: Feed, text: str, name: str = "feed.json") -> list[object]:
    return list(feed.read([Text(name, text)]))


def real(feed: Feed, name: str) -> list[object]:
    return list(feed.read(documents(excerpt(name), feed.wants)))


@pytest.mark.parametrize(
    ("feed", "name", "kind", "count"),
    [
        (KevFeed(), "kev-2026-08-07.json", Exploited, 1662),
        (EpssFeed(), "epss-sample-2026-09.csv", Score, 2147),
        (NodeFeed(), "node-core-vulns-2026-04.json", Record, 171),
        (AnnotationFeed(), "debian/DSA-list-2023-04", Record, 5406),
        (AnnotationFeed(), "tracker-annotations", Record, 125),
        (EndOfLifeFeed(), "endoflife", Cycle, 121),
        (SupportFeed(), "debian", Support, 56),
        (TrackerFeed(), "debian/tracker-json-sample.json", Record, 7),
    ],
)
def test_the_whole_data_are_read(feed: Feed, name: str, kind: type, count: int) -> None:
    found = list(feed.read(documents(whole(name), feed.wants)))
    assert len([row for row in found if isinstance(row, kind)]) == count


def test_kev_is_read_with_its_date() -> None:
    found = real(KevFeed(), "kev-2026-08-07.json")
    assert FeedDate("2026-08-07T16:45:47.0648Z") in found
    entries = [row for row in found if isinstance(row, Exploited)]
    assert len(entries) == 40
    assert entries[0].vulnerability == "CVE-2026-8037"


def test_kev_that_lost_entries_on_the_way_is_malformed() -> None:
    text = '{"dateReleased": "2026-08-07T16:45:47Z", "count": 2, "vulnerabilities": []}'
    with pytest.raises(MalformedError, match="says 2 entries, has 0"):
        rows(KevFeed(), text)


def test_epss_is_read_in_whatever_order_it_comes() -> None:
    found = real(EpssFeed(), "epss-sample-2026-09.csv")
    scores = [row for row in found if isinstance(row, Score)]
    assert len(scores) == 40
    assert FeedDate("2026-09-29T12:00:22Z", "v2026.06.15") in found


@pytest.mark.parametrize(
    "text",
    [
        "cve,epss,percentile\n",
        "#model_version:v1,score_date:2026-09-29T12:00:22Z\nCVE,score\n",
        "#score_date:2026-09-29T12:00:22Z\ncve,epss,percentile\nCVE-2024-0001,high,0.1\n",
        "#score_date:2026-09-29T12:00:22Z\ncve,epss,percentile\nCVE-2024-0001,1.5,0.1\n",
        "#score_date:2026-09-29T12:00:22Z\ncve,epss,percentile\nCVE-2024-0001\n",
        "#score_date:2026-09-29T12:00:22Z\ncve,epss,percentile\nx,0.5,nan\n",
        "",
    ],
)
def test_epss_that_is_not_epss_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        rows(EpssFeed(), text, "epss.csv")


def test_nodes_index_keeps_its_expressions() -> None:
    found = real(NodeFeed(), "node-core-vulns-2026-04.json")
    records = [row for row in found if isinstance(row, Record)]
    assert len(records) == 40
    last = records[-1]
    assert last.claims[0].vulnerability == "CVE-2026-21717"
    assert last.claims[0].line.startswith("20.x || 22.x || 24.x || 25.x\t^20.20.2")


def test_release_dates_come_from_both_feeds() -> None:
    debian = [row for row in real(DistroInfoFeed(), "debian/debian.csv") if isinstance(row, Cycle)]
    bookworm = next(row for row in debian if row.codename == "bookworm")
    assert (bookworm.cycle, bookworm.eol, bookworm.lts) == ("12", "2026-07-11", "2028-06-30")
    cycles = [row for row in real(EndOfLifeFeed(), "endoflife") if isinstance(row, Cycle)]
    assert {"python", "alpine-linux", "debian"} <= {row.product for row in cycles}


def test_ended_and_limited_support_are_read_with_tabs_and_spaces() -> None:
    found = [row for row in real(SupportFeed(), "debian") if isinstance(row, Support)]
    horde = next(row for row in found if row.pattern == "php-horde.*")
    assert (horde.release, horde.kind, horde.date) == ("12", "ended", "2025-03-22")
    assert next(row for row in found if row.pattern == "golang.*").kind == "limited"


def test_support_of_an_unknown_file_is_malformed() -> None:
    with pytest.raises(MalformedError, match="expected security-support"):
        rows(SupportFeed(), "pdns 1 2025-01-01", "security-support-ended")


def test_the_trackers_export_gives_states_and_the_archives_versions() -> None:
    found = real(TrackerFeed(), "debian/tracker-json-sample.json")
    claims = [claim for row in found if isinstance(row, Record) for claim in row.claims]
    assert any(claim.state is State.NOT_AFFECTED for claim in claims)
    assert any(claim.state is State.END_OF_LIFE for claim in claims)
    assert {claim.urgency for claim in claims} <= {"", "high", "low", "medium", "unimportant"}
    assert InArchive("9", "stretch", "prototypejs", "1.7.1-3") in found


@pytest.mark.parametrize(
    "text",
    [
        '{"bash": {"CVE-2024-0001": {"releases": {"sid": {"status": "perhaps"}}}}}',
        '{"bash": {"CVE-2024-0001": {"releases": {"sid": {"status": "resolved"}}}}}',
        '{"bash": {"CVE-2024-0001": {"releases": {"sid": {"status": 1}}}}}',
        '{"bash": [1]}',
        '{"a": {"CVE-2024-0001": {"releases": {"sid": {"status": "open", "repositories": []}}}}}',
    ],
)
def test_an_export_with_wrong_types_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        rows(TrackerFeed(), text)


def test_each_open_state_of_the_export_is_told_apart() -> None:
    release = '"%s": {"status": "open", "nodsa": "Minor", "nodsa_reason": "%s"}'
    releases = ", ".join(
        release % pair
        for pair in (("bookworm", ""), ("bullseye", "postponed"), ("buster", "ignored"))
    )
    text = '{"bash": {"CVE-2024-0001": {"releases": {%s, "sid": {"status": "undetermined"}}}}}'
    record = next(row for row in rows(TrackerFeed(), text % releases) if isinstance(row, Record))
    assert {claim.ecosystem: claim.state for claim in record.claims} == {
        "debian:12": State.NO_DSA,
        "debian:11": State.POSTPONED,
        "debian:10": State.IGNORED,
        "debian:sid": State.UNDETERMINED,
    }


def test_the_list_of_dsas_is_joined_to_its_cves() -> None:
    found = real(AnnotationFeed(), "debian/DSA-list-2023-04")
    records = {row.id: row for row in found if isinstance(row, Record)}
    xorg = records["DSA-5380-1"]
    assert [(c.vulnerability, c.ecosystem, c.fixed, c.advisory) for c in xorg.claims] == [
        ("CVE-2023-1393", "debian:11", "2:1.20.11-1+deb11u6", "DSA-5380-1")
    ]
    # A regression update names no CVE: it is about itself.
    assert records["DSA-5356-2"].claims[0].vulnerability == "DSA-5356-2"
    assert len(records) == 40


def test_every_real_annotation_is_read() -> None:
    found = real(AnnotationFeed(), "tracker-annotations")
    records = {row.id: row for row in found if isinstance(row, Record)}
    assert len([name for name in records if name.startswith("CVE-")]) == 121
    assert records["CVE-2026-34180"].related == ("DSA-6335-1",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CVE-2024-0001 (x)\n\t- bash <perhaps>\n", "not a package line"),
        ("CVE-2024-0001 (x)\n\t[bookworm] bash 1.0\n", "not a package line"),
        ("\t- bash 1.0-1\n", "belongs to no entry"),
        ("something else\n", "not the head"),
        ("[31 Foo 2024] DSA-1-1 bash - update\n", "not a date"),
        ("CVE-2024-0001 (" + "x" * 70_000 + ")\n", "longer than"),
    ],
)
def test_a_list_that_is_not_the_trackers_is_malformed(text: str, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        rows(AnnotationFeed(), text, "list")


def test_rejected_entries_are_withdrawn() -> None:
    text = "CVE-2024-0001 (x)\n\tREJECTED\n\t- bash <unfixed>\n"
    record = next(row for row in rows(AnnotationFeed(), text, "list") if isinstance(row, Record))
    assert record.withdrawn


def test_a_temporary_name_depends_on_bug_and_words_alone() -> None:
    assert temporary("odd parsing", 12) == temporary("odd parsing", 12)
    assert temporary("odd parsing", 12) != temporary("other words", 12)


def test_alpines_database_knows_what_never_was_affected() -> None:
    text = """{"distroversion": "v3.20", "reponame": "main", "packages": [{"pkg": {
        "name": "zlib", "secfixes": {"1.2.12-r2": ["CVE-2022-37434 (+ CVE-2022-0001)"],
        "0": ["CVE-2023-45853"]}}}, {"pkg": {"name": "empty", "secfixes": []}}]}"""
    records = [row for row in rows(SecdbFeed(), text) if isinstance(row, Record)]
    assert {row.id: row.claims[0].state for row in records} == {
        "CVE-2022-37434": State.FIXED,
        "CVE-2022-0001": State.FIXED,
        "CVE-2023-45853": State.NOT_AFFECTED,
    }
    assert records[0].claims[0].ecosystem == "alpine:3.20"


def test_osv_ranges_with_several_events_are_kept_as_pairs() -> None:
    text = """{"id": "GHSA-aaaa-bbbb-cccc", "modified": "2024-07-01T00:00:00Z", "affected": [{
        "package": {"ecosystem": "npm", "name": "x"}, "ranges": [{"type": "SEMVER", "events": [
        {"introduced": "1.0.0"}, {"fixed": "1.2.3"}, {"introduced": "2.0.0"},
        {"last_affected": "2.5.0"}, {"introduced": "3.0.0"}]}]}]}"""
    record = next(row for row in rows(OsvFeed("npm"), text) if isinstance(row, Record))
    assert record.claims[0].ranges == (
        ("1.0.0", "1.2.3", ""),
        ("2.0.0", "", "2.5.0"),
        ("3.0.0", "", ""),
    )


def test_a_distributions_ranges_become_the_end_of_the_last() -> None:
    text = """{"id": "CVE-2024-0001", "modified": "2024-07-01T00:00:00Z", "affected": [{
        "package": {"ecosystem": "Debian:12", "name": "x"}, "ranges": [{"type": "ECOSYSTEM",
        "events": [{"introduced": "0"}, {"fixed": "1-1"}, {"introduced": "2-1"}%s]}]}]}"""
    for events, expected in ((', {"fixed": "3-1"}', "3-1"), ("", "")):
        record = next(
            row for row in rows(OsvFeed("debian"), text % events) if isinstance(row, Record)
        )
        assert record.claims[0].fixed == expected


def test_versions_of_a_language_that_are_no_list_of_texts_are_malformed() -> None:
    text = (
        '{"id":"GHSA-1","modified":"2024-01-01T00:00:00Z","affected":[{"versions":%s,'
        '"package":{"ecosystem":"npm","name":"left-pad"}}]}'
    )
    [record, _] = rows(OsvFeed("npm"), text % '["1.0","1.1"]')
    assert isinstance(record, Record)
    assert record.claims[0].versions == ("1.0", "1.1")
    for versions in ('"1.0"', "[1]", "{}"):
        with pytest.raises(MalformedError, match="not an OSV record"):
            rows(OsvFeed("npm"), text % versions)


def test_a_feed_of_osv_is_as_new_as_its_newest_record() -> None:
    dates = ("2024-03-01T00:00:00Z", "2024-01-01T00:00:00.5Z", "2024-03-01T01:00:00+02:00",
             "2024-05-01T00:00:00.25Z", "2024-05-01T00:00:00Z")  # fmt: skip
    documents = [Text("x.json", f'{{"id":"X-1","modified":"{date}"}}') for date in dates]
    found = [row.date for row in OsvFeed().read(documents) if isinstance(row, FeedDate)]
    assert found == [dates[0], dates[2], dates[3]]


def test_a_dsa_without_cves_is_about_itself() -> None:
    text = """{"id": "DLA-3853-1", "modified": "2024-07-01T05:19:34Z", "affected": [{
        "package": {"ecosystem": "Debian:10", "name": "tryton-server"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "5-1"}]}]}]}"""
    record = next(row for row in rows(OsvFeed("debian"), text) if isinstance(row, Record))
    assert record.claims[0].vulnerability == "DLA-3853-1"


@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise_anything_but_malformed(data: bytes) -> None:
    class Raw(Text):
        def read(self) -> bytes:
            return data

        def open(self) -> IO[bytes]:
            return io.BytesIO(data)

    for feed, name in (
        (OsvFeed(), "a.json"),
        (TrackerFeed(), "a.json"),
        (AnnotationFeed(), "list"),
        (AnnotationFeed(), "a.json"),
        (KevFeed(), "a.json"),
        (EpssFeed(), "a.csv"),
        (NodeFeed(), "a.json"),
        (EndOfLifeFeed(), "a.json"),
        (DistroInfoFeed(), "debian.csv"),
        (SupportFeed(), "security-support-limited"),
        (SecdbFeed(), "a.json"),
    ):
        try:
            list(feed.read([Raw(name, "")]))
        except MalformedError:
            continue


def test_a_folder_is_read_without_what_the_feed_does_not_want(tmp_path: Path) -> None:
    for name in ("CVE-2024-0001.json", "README.md", "CVE-2024-0001.0123abcd.json", ".hidden.json"):
        (tmp_path / name).write_text("{}")
    found = [document.name for document in documents(tmp_path, AnnotationFeed().wants)]
    assert found == ["CVE-2024-0001.json"]


@pytest.mark.parametrize(
    ("feed", "name"),
    [
        (KevFeed(), "kev-2026-08-07.json"),
        (EpssFeed(), "epss-sample-2026-09.csv"),
        (NodeFeed(), "node-core-vulns-2026-04.json"),
        (TrackerFeed(), "debian/tracker-json-sample.json"),
    ],
)
def test_a_byte_order_mark_before_a_feed_is_none_of_it(
    feed: Feed, name: str, tmp_path: Path
) -> None:
    source = excerpt(name)
    marked = tmp_path / source.name
    marked.write_bytes(b"\xef\xbb\xbf" + source.read_bytes())
    assert list(feed.read(documents(marked, feed.wants))) == real(feed, name)


@given(st.integers(0, 3), st.integers(290, 310), st.sampled_from(" \n\tx\u2028\xa0"))
def test_a_summary_is_the_beginning_on_one_line(before: int, size: int, sign: str) -> None:
    text = " " * before + "ab " * 120
    text = text[:size] + sign + text[size + 1 :]
    record = {"id": "CVE-2020-0001", "modified": "2024-07-01T00:00:00Z", "details": text}
    [found, _] = rows(OsvFeed(), json.dumps(record))
    assert isinstance(found, Record)
    assert found.summary == " ".join(text.split())[:300]
