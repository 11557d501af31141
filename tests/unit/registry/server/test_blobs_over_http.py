from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.sending import parse_range

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
    "header", ["bytes=5-3", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=0-1,4-5", "0-1", ""]
)
def test_a_range_that_means_nothing_or_several_gives_the_whole(site, header):
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


@given(st.text(max_size=40), st.integers(0, 2000))
def test_any_range_header_is_a_part_of_the_blob_or_refused(text, size):
    try:
        part = parse_range(text, size)
    except Refusal:
        return
    assert part is None or 0 <= part[0] <= part[1] < size


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 40))
def test_ranges_agree_with_slices(first, last, size):
    data = bytes(size)
    wanted = data[first : last + 1]
    try:
        part = parse_range(f"bytes={first}-{last}", size)
    except Refusal:
        assert not wanted
        return
    if part is None:
        assert first > last
    else:
        assert len(wanted) == part[1] - part[0] + 1


def test_a_blob_in_use_cannot_be_deleted_and_one_that_is_not_can(site, kit):
    site.push_image("app", "1")
    loose = site.push_blob("app", b"loose")
    used = site.ask("DELETE", f"/v2/app/blobs/{kit.sha(b'layer')}")
    assert (used.status, used.code) == (405, "UNSUPPORTED")
    assert site.ask("DELETE", f"/v2/app/blobs/{loose}").status == 202
    assert site.ask("HEAD", f"/v2/app/blobs/{loose}").status == 404
    assert site.ask("DELETE", f"/v2/app/blobs/{loose}").code == "BLOB_UNKNOWN"
