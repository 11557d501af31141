from __future__ import annotations

import http.client

import pytest
import urllib3.exceptions as raised

from ironhull.transport.failure import reason, retry_after


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            raised.ProtocolError("broken", http.client.IncompleteRead(b"", 5)),
            "the transfer broke off",
        ),
        (
            raised.ProtocolError("aborted", ConnectionResetError(104, "Connection reset by peer")),
            "the connection broke: Connection reset by peer",
        ),
        (
            raised.ReadTimeoutError(None, "/", "Read timed out."),  # type: ignore[arg-type]
            "the server does not answer in time",
        ),
        (
            raised.ProxyError("no", OSError("Tunnel connection failed: 407")),
            "the proxy fails: Tunnel connection failed: 407",
        ),
        (OSError(113, "No route to host"), "No route to host"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_failure_is_told_in_words_for_people(error: BaseException, said: str) -> None:
    assert reason(error) == said


def test_a_reason_is_one_line_of_bounded_length() -> None:
    told = reason(OSError("a\n" * 1000))
    assert "\n" not in told
    assert len(told) == 300


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("99999999999999", 9999999999.0),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("soon", None),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("Tue, 99 Nov 2023 22:13:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after(header, lambda: 1_700_000_000.0) == seconds
