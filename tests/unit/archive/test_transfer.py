from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.fakes.mirror import (
    FakeMirror,
    dripping,
    hanging,
    ignoring_range,
    longer,
    redirected,
    serving,
    status,
    truncated,
    usual,
    wrong_range,
)

from ironhull.archive.transfer import PATIENCE, AbsentError, Transfer
from ironhull.errors import EnvironmentProblem, NetworkError, UntrustedError
from ironhull.transport.patience import Clock, Patience

DATA = bytes(range(256)) * 400
QUICK = replace(PATIENCE, idle=10, whole=60, first_wait=0.01, connect=10)
# For a server that says nothing; long enough for one that is only slow on a busy machine.
IMPATIENT = replace(PATIENCE, idle=1, whole=20, first_wait=0.01, connect=10)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[FakeMirror]:
    (tmp_path / "file").write_bytes(DATA)
    with serving(tmp_path) as mirror:
        yield mirror


def get(
    mirror: FakeMirror, patience: Patience = QUICK, path: str = "file", limit: int = len(DATA)
) -> bytes:
    received = bytearray()
    count = Transfer(patience).get(f"{mirror.url}/{path}", received.extend, limit=limit)
    assert count == len(received)
    return bytes(received)


def ranges(mirror: FakeMirror) -> list[str]:
    return [request.headers.get("range", "") for request in mirror.requests]


def test_a_file_comes_whole_and_uncompressed(mirror: FakeMirror) -> None:
    assert get(mirror) == DATA
    (request,) = mirror.requests
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("ironhull/")


def test_a_transfer_that_breaks_off_goes_on_from_there(mirror: FakeMirror) -> None:
    mirror.fail("file", truncated(1000), truncated(500), usual)
    assert get(mirror) == DATA
    assert ranges(mirror) == ["", "bytes=1000-", "bytes=1500-"]
    assert mirror.requests[1].headers["if-range"].startswith('"')


def test_a_server_that_cannot_resume_sends_all_again_and_no_byte_comes_twice(
    mirror: FakeMirror,
) -> None:
    mirror.fail("file", truncated(1000), ignoring_range)
    assert get(mirror) == DATA


def test_another_part_than_was_asked_for_is_refused(mirror: FakeMirror) -> None:
    mirror.fail("file", truncated(1000), wrong_range)
    with pytest.raises(UntrustedError, match="asked for bytes from 1000"):
        get(mirror)


def test_breaking_off_always_ends(mirror: FakeMirror) -> None:
    mirror.fail("file", truncated(0))
    with pytest.raises(NetworkError, match=r"gave up after 4 attempts, with 0 bytes"):
        get(mirror)
    assert len(mirror.requests) == 4


def test_progress_of_a_byte_at_a_time_ends_too(mirror: FakeMirror) -> None:
    mirror.fail("file", truncated(1))
    with pytest.raises(NetworkError, match="gave up after 16 attempts, with 16 bytes"):
        get(mirror)


def test_a_server_that_has_trouble_is_asked_again(mirror: FakeMirror) -> None:
    mirror.fail("file", status(503), status(502), status(429), usual)
    assert get(mirror) == DATA


def test_the_pause_that_a_server_asks_for_is_made(mirror: FakeMirror) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    mirror.fail("file", status(503, retry_after="7"), status(503, retry_after=soon), usual)
    pauses: list[float] = []
    Transfer(PATIENT, clock=Clock(sleep=pauses.append)).get(
        f"{mirror.url}/file", len, limit=len(DATA)
    )
    assert pauses[0] == 7
    assert 0 <= pauses[1] <= 2


PATIENT = replace(PATIENCE, idle=0.3, whole=60, first_wait=0.01)


def test_a_pause_that_is_too_long_is_not_made(mirror: FakeMirror) -> None:
    mirror.fail("file", status(503, retry_after="3600"))
    with pytest.raises(NetworkError, match="come back in 3600 s"):
        get(mirror)


def test_one_trouble_of_a_server_is_noted_once(mirror: FakeMirror) -> None:
    mirror.fail("file", status(503), status(503), status(502), usual)
    notes: list[str] = []
    Transfer(QUICK, note=notes.append).get(f"{mirror.url}/file", len, limit=len(DATA))
    assert [note.partition(": the")[2] for note in notes] == [
        " server answers 503; trying again",
        " server answers 502; trying again",
    ]


def test_nonsense_in_retry_after_is_not_followed(mirror: FakeMirror) -> None:
    mirror.fail("file", status(503, retry_after="soon"), status(503, retry_after="-1"), usual)
    assert get(mirror) == DATA


@pytest.mark.parametrize("code", [404, 410])
def test_absence_is_said_at_once(mirror: FakeMirror, code: int) -> None:
    mirror.fail("file", status(code))
    with pytest.raises(AbsentError, match="not found"):
        get(mirror)
    assert len(mirror.requests) == 1


@pytest.mark.parametrize("code", [400, 401, 403, 204, 304, 416])
def test_other_answers_are_final(mirror: FakeMirror, code: int) -> None:
    mirror.fail("file", status(code))
    with pytest.raises(NetworkError, match=str(code)):
        get(mirror)
    assert len(mirror.requests) == 1


def test_a_server_that_hangs_is_given_up(mirror: FakeMirror) -> None:
    mirror.fail("file", hanging())
    with pytest.raises(NetworkError, match="does not answer in time"):
        get(mirror, IMPATIENT)


def test_a_server_that_hangs_in_the_middle_is_asked_for_the_rest(mirror: FakeMirror) -> None:
    mirror.fail("file", hanging(1000), usual)
    assert get(mirror, IMPATIENT) == DATA
    assert ranges(mirror) == ["", "bytes=1000-"]


def test_a_server_that_drips_is_given_up(mirror: FakeMirror) -> None:
    mirror.fail("file", dripping(0.02))
    with pytest.raises(NetworkError, match="too slowly"):
        get(mirror, replace(PATIENCE, idle=1, whole=0.5, rate=1e6, first_wait=0.01))


def test_more_than_announced_stops_the_transfer(mirror: FakeMirror) -> None:
    mirror.fail("file", longer())
    with pytest.raises(UntrustedError, match=f"larger than the {len(DATA)} bytes"):
        get(mirror)
    mirror.fail("file", usual)
    with pytest.raises(UntrustedError, match=f"announces {len(DATA)} bytes"):
        get(mirror, limit=10)


def test_redirects_are_followed(mirror: FakeMirror) -> None:
    mirror.fail("old", redirected("/middle"))
    mirror.fail("middle", redirected(f"{mirror.url}/file"))
    assert get(mirror, path="old") == DATA


@pytest.mark.parametrize("target", ["/old", "/{n}/old"])
def test_redirects_without_end_end(mirror: FakeMirror, target: str) -> None:
    mirror.fail("old", redirected(target))
    with pytest.raises(NetworkError, match="without end"):
        get(mirror, path="old")
    assert len(mirror.requests) <= 8


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x.example/y", "gopher://x"])
def test_redirects_to_other_protocols_are_not_followed(mirror: FakeMirror, target: str) -> None:
    mirror.fail("old", redirected(target))
    with pytest.raises(NetworkError, match="not followed"):
        get(mirror, path="old")


@pytest.mark.parametrize("target", ["http://[", "http://x:99999/", "http://\x00/"])
def test_a_redirect_to_what_is_no_address_is_an_error(mirror: FakeMirror, target: str) -> None:
    mirror.fail("old", redirected(target))
    with pytest.raises(NetworkError):
        get(mirror, path="old")


def test_a_redirect_to_nowhere_is_an_error(mirror: FakeMirror) -> None:
    mirror.fail("old", status(302))
    with pytest.raises(NetworkError, match="the server answers 302"):
        get(mirror, path="old")


def test_a_missing_server_is_named() -> None:
    with serving(Path("/nonexistent")) as gone:
        url = gone.url
    with pytest.raises(NetworkError, match=f"{url}/file: no server answers there"):
        Transfer(QUICK).get(f"{url}/file", len, limit=1)


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(NetworkError, match=r"no such host|no server answers"):
        Transfer(QUICK).get("http://nowhere.invalid/file", len, limit=1)


def test_user_and_password_go_to_the_server_and_not_into_messages(mirror: FakeMirror) -> None:
    url = mirror.url.replace("http://", "http://user:secret@")
    Transfer(QUICK).get(f"{url}/file", len, limit=len(DATA))
    assert mirror.requests[0].headers["authorization"] == "Basic dXNlcjpzZWNyZXQ="
    with pytest.raises(AbsentError) as caught:
        Transfer(QUICK).get(f"{url}/none", len, limit=1)
    assert "secret" not in str(caught.value)


def test_a_password_does_not_follow_a_redirect(mirror: FakeMirror) -> None:
    mirror.fail("old", redirected(f"{mirror.url}/file"))
    url = mirror.url.replace("http://", "http://user:secret@")
    Transfer(QUICK).get(f"{url}/old", len, limit=len(DATA))
    assert "authorization" not in mirror.requests[1].headers


def test_caches_on_the_way_can_be_passed_by(mirror: FakeMirror) -> None:
    Transfer(QUICK).get(f"{mirror.url}/file", len, limit=len(DATA), fresh=True)
    assert mirror.requests[0].headers["cache-control"] == "no-cache"


def test_a_file_on_disk_is_read(tmp_path: Path) -> None:
    (tmp_path / "a b%41").write_bytes(DATA)
    received = bytearray()
    Transfer().get((tmp_path / "a b%41").as_uri(), received.extend, limit=len(DATA))
    assert received == DATA
    with pytest.raises(UntrustedError, match="larger than"):
        Transfer().get((tmp_path / "a b%41").as_uri(), len, limit=10)


def test_a_file_that_is_not_there_or_no_file_is_absent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("none", "fifo", "."):
        with pytest.raises(AbsentError, match="not found"):
            Transfer().get(f"{tmp_path.as_uri()}/{name}", len, limit=10)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"cannot read .*too long"):
        Transfer().get(f"{tmp_path.as_uri()}/{'x' * 300}", len, limit=10)


def test_a_time_that_no_clock_has_tells_no_file_from_a_later_one(mirror: FakeMirror) -> None:
    modified = "Mon, 01 Jan 2024 00:00:00 +99999999999999"

    def odd(handler: BaseHTTPRequestHandler, data: bytes) -> bool:
        handler.send_response(200)
        handler.send_header("last-modified", modified)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
        return True

    mirror.fail("file", odd)
    received = bytearray()
    stands_for = Transfer(QUICK).get_changed(
        f"{mirror.url}/file", received.extend, limit=len(DATA), known=""
    )
    assert (bytes(received), stands_for) == (DATA, "")
