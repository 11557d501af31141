"""What an update takes, what it refuses, and that the old data stay."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import re
import threading
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from tests.fakes import advisories as fake
from tests.fakes.advisories import NOW, bring, osv, write_records
from tests.fakes.mirror import redirected, serving, status, truncated, usual

from ironhull.advisories.database import Database
from ironhull.advisories.documents import documents
from ironhull.advisories.download import download
from ironhull.advisories.feeds.known import KNOWN
from ironhull.advisories.rows import utc
from ironhull.advisories.update import Outcome, Rules, Source, update
from ironhull.errors import EnvironmentProblem, InputError, MalformedError, NetworkError
from ironhull.progress import Silent


def records(count: int, modified: str = "2024-07-01T00:00:00Z") -> list[dict[str, object]]:
    return [
        osv(f"CVE-2024-{number:04d}", "bash", {"Debian:12": "5.3-1"}, modified=modified)
        for number in range(count)
    ]


def one(path: Path, place: Path, now: datetime = NOW, **rules: object) -> Outcome:
    source = Source(KNOWN["osv-debian"], (str(place),))
    return update(path, [source], Rules(now, **rules), Silent())[0]  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "advisories.sqlite"


def count(path: Path) -> int:
    with Database(path) as database:
        return len(database.claims(["bash"], "debian"))


def test_a_feed_is_taken_with_its_date_and_origin(path: Path, tmp_path: Path) -> None:
    place = write_records(tmp_path / "osv", records(3))
    assert one(path, place).status == "updated"
    with Database(path) as database:
        feed = database.feeds[0]
    assert (feed.name, feed.records, feed.date) == ("osv-debian", 3, "2024-07-01T00:00:00Z")
    assert feed.origin == str(place)
    assert feed.imported == "2026-11-23T12:00:00Z"


def test_a_feed_that_shrank_is_refused_and_the_old_data_stay(path: Path, tmp_path: Path) -> None:
    one(path, write_records(tmp_path / "first", records(100)))
    outcome = one(path, write_records(tmp_path / "second", records(89)))
    assert outcome.status == "refused"
    assert "shrank from 100 to 89" in outcome.reason
    assert count(path) == 100
    assert one(path, tmp_path / "second", shrink=0.2).status == "updated"
    assert count(path) == 89


def test_a_feed_that_goes_back_in_time_is_refused(path: Path, tmp_path: Path) -> None:
    one(path, write_records(tmp_path / "first", records(2, "2024-07-02T00:00:00Z")))
    outcome = one(path, write_records(tmp_path / "second", records(3, "2024-07-01T00:00:00Z")))
    assert outcome.status == "refused"
    assert "back in time" in outcome.reason
    assert count(path) == 2


def test_an_empty_feed_is_refused_even_the_first_time(path: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = one(path, tmp_path / "empty")
    assert (outcome.status, "empty" in outcome.reason) == ("refused", True)
    assert not path.exists()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"id": 5, "modified": "2024-07-01T00:00:00Z"}',
        '{"id": "CVE-2024-0001", "modified": "yesterday"}',
        '{"id": "../../etc", "modified": "2024-07-01T00:00:00Z"}',
        '{"id": "CVE-2024-0001", "modified": "2024-07-01T00:00:00Z", "affected": {}}',
        '{"id": "CVE-2024-0001", "modified": "2024-07-01T00:00:00Z", "affected": [{"ranges": 1}]}',
        "[" * 100_000,
    ],
)
def test_a_feed_that_does_not_parse_is_refused_as_a_whole(
    path: Path, tmp_path: Path, text: str
) -> None:
    one(path, write_records(tmp_path / "first", records(5)))
    place = write_records(tmp_path / "second", records(6))
    (place / "CVE-2024-9999.json").write_text(text)
    outcome = one(path, place)
    assert outcome.status == "refused"
    assert "CVE-2024-9999.json" in outcome.reason
    assert count(path) == 5


def test_one_bad_feed_does_not_stop_the_others(path: Path, tmp_path: Path) -> None:
    bad = tmp_path / "kev.json"
    bad.write_text("{}")
    good = write_records(tmp_path / "osv", records(1))
    outcomes = bring(path, kev=bad, osv_debian=good)
    assert [outcome.status for outcome in outcomes] == ["refused", "updated"]
    assert count(path) == 1


def test_the_same_file_again_changes_nothing(path: Path, tmp_path: Path) -> None:
    place = write_records(tmp_path / "osv", records(2))
    one(path, place)
    before = path.stat().st_ino
    assert one(path, place).status == "unchanged"
    assert path.stat().st_ino == before


def test_readers_keep_the_state_that_they_opened(path: Path, tmp_path: Path) -> None:
    one(path, write_records(tmp_path / "first", records(2)))
    with Database(path) as reader:
        one(path, write_records(tmp_path / "second", records(4)))
        assert len(reader.claims(["bash"], "debian")) == 2
    assert count(path) == 4


def test_a_broken_update_leaves_no_file_behind(path: Path, tmp_path: Path) -> None:
    one(path, write_records(tmp_path / "first", records(2)))
    left_over = path.parent / f".{path.name}.12345.new"
    left_over.write_text("from a process that was killed")
    one(path, write_records(tmp_path / "second", records(3)))
    names = {each.name for each in path.parent.iterdir() if each.is_file()}
    assert names == {"advisories.sqlite", "advisories.lock"}


def test_an_update_of_single_records_replaces_adds_and_deletes(path: Path, tmp_path: Path) -> None:
    one(path, write_records(tmp_path / "first", records(3)))
    place = tmp_path / "delta.zip"
    changed = osv("CVE-2024-0000", "bash", {"Debian:12": "6.0-1"}, modified="2024-07-02T00:00:00Z")
    fresh = osv("CVE-2024-0007", "bash", {"Debian:12": None}, modified="2024-07-02T00:00:00Z")
    older = osv("CVE-2024-0002", "bash", {"Debian:12": "9-1"}, modified="2023-01-01T00:00:00Z")
    with zipfile.ZipFile(place, "w") as archive:
        for record in (changed, fresh, older):
            archive.writestr(f"{record['id']}.json", json.dumps(record))
        archive.writestr("DELETED.txt", "CVE-2024-0001\n")
    outcome = one(path, place, delta=True)
    assert outcome.status == "updated"
    assert "2 records changed, 1 deleted, 1 older" in outcome.reason
    with Database(path) as database:
        found = {each.vulnerability: each.fixed for each in database.claims(["bash"], "debian")}
        assert database.feeds[0].records == 3
    assert found == {"CVE-2024-0000": "6.0-1", "CVE-2024-0002": "5.3-1", "CVE-2024-0007": None}


def test_claims_are_counted_by_ecosystem_after_each_update(path: Path, tmp_path: Path) -> None:
    later = "2024-07-02T00:00:00Z"
    elsewhere = osv("CVE-2024-0000", "dash", {"Debian:11": "1-1"})
    one(path, write_records(tmp_path / "first", [*records(3)[1:], elsewhere]))
    moved = osv("CVE-2024-0000", "bash", {"Debian:12": "1-1", "Debian:13": "2-1"}, modified=later)
    withdrawn = osv("CVE-2024-0001", "bash", {"Debian:12": "5.3-1"}, modified=later)
    changes = write_records(tmp_path / "changes", [moved, withdrawn | {"withdrawn": later}])
    assert one(path, changes, delta=True).status == "updated"
    with Database(path) as database:
        assert database.ecosystems == {"debian:12": 2, "debian:13": 1}
    one(path, write_records(tmp_path / "whole", records(5, "2024-07-03T00:00:00Z")))
    with Database(path) as database:
        assert database.ecosystems == {"debian:12": 5}


def test_a_zip_bomb_is_refused(path: Path, tmp_path: Path) -> None:
    place = tmp_path / "bomb.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("CVE-2024-0001.json", b" " * (40 << 20))
    outcome = one(path, place)
    assert outcome.status == "refused"
    assert "larger than" in outcome.reason


def test_a_zip_whose_unpacking_has_no_bound_is_refused(path: Path, tmp_path: Path) -> None:
    place = tmp_path / "delta.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("CVE-2024-0001.json", json.dumps(osv("CVE-2024-0001", "bash", {})))
    outcome = one(path, place)
    assert outcome.status == "refused"
    assert "neither stored nor deflated" in outcome.reason


@pytest.mark.parametrize("cut", [10, 200])
def test_a_truncated_zip_is_refused(path: Path, tmp_path: Path, cut: int) -> None:
    place = tmp_path / "feed.zip"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("CVE-2024-0001.json", json.dumps(records(1)[0]))
    place.write_bytes(place.read_bytes()[:cut])
    assert one(path, place).status == "refused"


def test_links_in_a_folder_are_not_followed(path: Path, tmp_path: Path) -> None:
    outside = write_records(tmp_path / "outside", records(5))
    place = write_records(tmp_path / "osv", records(1))
    (place / "CVE-2024-0004.json").symlink_to(outside / "CVE-2024-0004.json")
    (place / "more").symlink_to(outside)
    assert one(path, place).records == 1


def test_a_missing_file_is_refused_by_name(path: Path, tmp_path: Path) -> None:
    outcome = one(path, tmp_path / "nothing.zip")
    assert (outcome.status, "nothing.zip" in outcome.reason) == ("refused", True)


def test_a_feed_without_a_date_of_its_own_has_its_files(path: Path, tmp_path: Path) -> None:
    listing = tmp_path / "list"
    listing.write_text("CVE-2024-0001 (x)\n\t- bash <unfixed>\n")
    os.utime(listing, (1_700_000_000, 1_700_000_000))
    bring(path, debian_annotations=listing)
    with Database(path) as database:
        feed = database.feeds[0]
    assert (feed.date, feed.dated) == ("2023-11-14T22:13:20Z", False)


def test_the_same_records_in_a_newer_file_are_newer(path: Path, tmp_path: Path) -> None:
    listing = tmp_path / "list"
    listing.write_text("CVE-2024-0001 (x)\n\t- bash <unfixed>\n")
    for moment in (1_700_000_000, 1_700_100_000):
        os.utime(listing, (moment, moment))
        bring(path, debian_annotations=listing)
    with Database(path) as database:
        assert database.feeds[0].date == "2023-11-16T02:00:00Z"


def test_no_database_says_what_to_do(path: Path) -> None:
    with pytest.raises(InputError, match="ironhull advisories update"):
        Database(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00" + bytes(100))
    with pytest.raises((InputError, EnvironmentProblem), match="database"):
        Database(path)


class Server:
    """A feed's server: path → status, headers, body."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        answers = self.answers

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def over_http(path: Path, address: str) -> Outcome:
    source = Source(KNOWN["debian-annotations"], (address,))
    return update(path, [source], Rules(NOW), Silent())[0]


def test_an_update_from_a_server_is_the_same_as_from_a_file(path: Path, server: Server) -> None:
    body = b"CVE-2024-0001 (x)\n\t- bash <unfixed>\n"
    headers = {"Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}
    server.answers["/data/CVE/list"] = (200, headers, body)
    server.answers["/moved"] = (302, {"Location": "/data/CVE/list"}, b"")
    outcome = over_http(path, f"{server.root}/moved")
    assert (outcome.status, outcome.date) == ("updated", "2023-11-14T22:13:20Z")
    assert count(path) == 1


def test_a_time_that_no_clock_has_is_none(path: Path, server: Server) -> None:
    headers = {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 +99999999999999"}
    server.answers["/list"] = (200, headers, b"CVE-2024-0001 (x)\n\t- bash <unfixed>\n")
    assert over_http(path, f"{server.root}/list").status == "updated"
    with pytest.raises(MalformedError, match="not a date"):
        utc("0001-01-01T00:00:00+14:00")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {}, b""), "answered 404"),
        ((302, {"Location": "/list"}, b""), "redirects"),
        ((200, {"Content-Length": "500"}, b"CVE-2024-0001 (x)\n"), "broke off .*after 4 attempts"),
    ],
)
def test_a_server_that_fails_leaves_the_old_data(
    path: Path, server: Server, answer: tuple[int, dict[str, str], bytes], said: str
) -> None:
    server.answers["/list"] = (200, {}, b"CVE-2024-0001 (x)\n\t- bash <unfixed>\n")
    over_http(path, f"{server.root}/list")
    server.answers["/list"] = answer
    outcome = over_http(path, f"{server.root}/list")
    assert outcome.status == "failed"
    assert count(path) == 1
    assert re.search(said, outcome.reason, re.IGNORECASE), outcome.reason


def test_a_feed_that_breaks_off_goes_on_and_keeps_its_time(path: Path, tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"CVE-2024-0001 (x)\n\t- bash <unfixed>\n")
    with serving(tmp_path) as mirror:
        mirror.fail("list", status(503, retry_after="0"), truncated(9), usual)
        outcome = over_http(path, f"{mirror.url}/list")
    assert (outcome.status, count(path)) == ("updated", 1)
    assert [seen.headers.get("range") for seen in mirror.requests] == [None, None, "bytes=9-"]


def test_a_login_of_a_feed_is_sent_and_not_told(tmp_path: Path) -> None:
    with serving(tmp_path / "nothing") as mirror:
        address = f"{mirror.url}/list".replace("http://", "http://user:secret@")
        with pytest.raises(NetworkError, match="answered 404") as caught:
            download(address, tmp_path, Silent())
    assert mirror.requests[0].headers["authorization"].startswith("Basic ")
    assert "secret" not in str(caught.value)


def test_a_feed_is_not_followed_to_another_protocol(tmp_path: Path) -> None:
    with serving(tmp_path) as mirror:
        mirror.fail("list", redirected("ftp://x.example/list"))
        with pytest.raises(NetworkError, match="which is no HTTP"):
            download(f"{mirror.url}/list", tmp_path, Silent())


def test_a_feed_that_is_packed_on_the_way_is_read_as_such(tmp_path: Path, server: Server) -> None:
    server.answers["/list"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"text", mtime=0))
    found = download(f"{server.root}/list", tmp_path, Silent())
    assert [document.read() for document in documents(found, lambda name: True)] == [b"text"]


def test_every_default_feed_has_an_address_and_a_name_of_its_own() -> None:
    defaults = [known for known in KNOWN.values() if known.default]
    assert all(known.addresses for known in defaults)
    addresses = [address for known in KNOWN.values() for address in known.addresses]
    assert all(address.startswith("https://") for address in addresses)
    assert len(set(addresses)) == len(addresses)


def test_the_real_export_is_taken_within_its_limits(tmp_path: Path) -> None:
    names = ["CVE-2023-45853", "CVE-2024-3094"]
    place = fake.real_records(tmp_path / "osv", names)
    path = tmp_path / "a.sqlite"
    assert one(path, place).records == 2
    with Database(path) as database:
        record = database.records(["CVE-2024-3094"])[0].record
        assert database.records(["GHSA-rxwq-x6h5-x525"])[0].record.id == "CVE-2024-3094"
    assert (record.score, record.published[:10]) == (10.0, "2024-03-29")


def test_of_one_record_many_times_in_an_update_the_newest_counts(
    path: Path, tmp_path: Path
) -> None:
    one(path, write_records(tmp_path / "first", records(2)))
    place = tmp_path / "delta.zip"

    def version(day: int, fixed: str) -> str:
        dated = f"2024-07-0{day}T00:00:00Z"
        return json.dumps(osv("CVE-2024-0000", "bash", {"Debian:12": fixed}, modified=dated))

    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("1.json", version(3, "6.0-1"))
        archive.writestr("2.json", version(2, "5.0-1"))
        archive.writestr("3.json", version(4, "7.0-1"))
        archive.writestr("DELETED.txt", "CVE-2024-0001\nCVE-2024-0001\n")
    outcome = one(path, place, delta=True)
    assert "2 records changed, 1 deleted, 1 older" in outcome.reason
    with Database(path) as database:
        found = {each.vulnerability: each.fixed for each in database.claims(["bash"], "debian")}
        assert database.feeds[0].records == 1
    assert found == {"CVE-2024-0000": "7.0-1"}
