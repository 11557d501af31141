from __future__ import annotations

import email

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.registry.server.ranges import MAX_RANGES, parse_ranges
from ironhull.registry.server.refusal import Refusal

DATA = bytes(range(256)) * 4


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 0)),
        ("bytes=10-19", (10, 19)),
        ("bytes=1000-", (1000, 1023)),
        ("bytes=-24", (1000, 1023)),
        ("bytes=-5000", (0, 1023)),
        ("bytes=1000-9999999", (1000, 1023)),
        ("bytes=0-", (0, 1023)),
    ],
)
@pytest.mark.parametrize("pathsend", [True, False])
def test_a_range_is_sent_as_asked(site, header, part, pathsend):
    digest = site.push_blob("app", DATA)
    url = f"/v2/app/blobs/{digest}"
    answer = site.ask("GET", url, headers={"range": header}, pathsend=pathsend)
    first, last = part
    assert answer.status == 206
    assert answer.body == DATA[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/1024"
    assert answer.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize("header", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside_the_blob_is_refused(site, header):
    digest = site.push_blob("app", DATA)
    answer = site.ask("GET", f"/v2/app/blobs/{digest}", headers={"range": header})
    assert answer.status == 416
    assert answer.headers["content-range"] == "bytes */1024"


@pytest.mark.parametrize(
    "header",
    [
        *("bytes=5-3", "bytes=-", "bytes=a-b", "lines=0-1", "0-1", ""),
        *("bytes=0-1,1-2", "bytes=8-9,0-1"),
        # Between the numbers there are none: a rule with room for them takes seconds for many.
        *("bytes=0 - 1", f"bytes=0{' ' * 100_000}x"),
        "bytes=" + ",".join(f"{place}-{place}" for place in range(0, 2 * MAX_RANGES + 2, 2)),
    ],
)
def test_ranges_that_mean_nothing_or_cost_too_much_give_the_whole(site, header):
    digest = site.push_blob("app", DATA)
    answer = site.ask("GET", f"/v2/app/blobs/{digest}", headers={"range": header})
    assert (answer.status, answer.body) == (200, DATA)


@pytest.mark.parametrize(("condition", "status"), [("same", 206), ("other", 200)])
def test_if_range_guards_the_range(site, condition, status):
    digest = site.push_blob("app", DATA)
    etag = f'"{digest}"' if condition == "same" else '"sha256:other"'
    headers = {"range": "bytes=0-9", "if-range": etag}
    assert site.ask("GET", f"/v2/app/blobs/{digest}", headers=headers).status == status


def test_head_has_the_headers_and_no_body(site):
    digest = site.push_blob("app", DATA)
    head = site.ask("HEAD", f"/v2/app/blobs/{digest}", headers={"range": "bytes=0-9"})
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == "1024"
    assert head.headers["etag"] == f'"{digest}"'


def test_a_blob_that_the_client_has_is_not_sent_again(site):
    digest = site.push_blob("app", DATA)
    url = f"/v2/app/blobs/{digest}"
    answer = site.ask("GET", url, headers={"if-none-match": f'"{digest}"'})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == f'"{digest}"'


@pytest.mark.parametrize(
    "header", ["bytes=0-1,4-5,1000-", "bytes=0-0, 1-1 ,1023-4000", "bytes=2-3,-1"]
)
def test_several_ranges_come_in_one_answer_each_with_its_place(site, header):
    digest = site.push_blob("app", DATA)
    answer = site.ask("GET", f"/v2/app/blobs/{digest}", headers={"range": header})
    assert answer.status == 206
    assert answer.headers["content-length"] == str(len(answer.body))
    kind = answer.headers["content-type"].encode()
    message = email.message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + answer.body)
    parts = {part["content-range"]: part.get_payload(decode=True) for part in message.walk()}
    del parts[None]
    for said, content in parts.items():
        first, last = map(int, said.removeprefix("bytes ").removesuffix("/1024").split("-"))
        assert content == DATA[first : last + 1]
    assert len(parts) == header.count(",") + 1


def test_a_range_outside_is_left_out_where_others_are_inside(site):
    digest = site.push_blob("app", DATA)
    answer = site.ask("GET", f"/v2/app/blobs/{digest}", headers={"range": "bytes=4-5,5000-6000"})
    assert (answer.status, answer.body) == (206, DATA[4:6])


@given(st.text(max_size=40) | st.text("0123456789-, ", max_size=40), st.integers(0, 2000))
def test_any_range_header_is_parts_of_the_blob_in_order_or_refused(text, size):
    for header in (text, f"bytes={text}"):
        try:
            parts = parse_ranges(header, size)
        except Refusal:
            continue
        places = [place for part in parts for place in (part[0], part[1] + 1)]
        assert places == sorted(places)
        assert all(0 <= first <= last < size for first, last in parts)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 40))
def test_ranges_agree_with_slices(first, last, size):
    data = bytes(size)
    wanted = data[first : last + 1]
    try:
        parts = parse_ranges(f"bytes={first}-{last}", size)
    except Refusal:
        assert not wanted
        return
    if not parts:
        assert first > last
    else:
        ((begin, end),) = parts
        assert len(wanted) == end - begin + 1
