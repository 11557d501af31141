from __future__ import annotations

import hashlib
import os
import time

import pytest
from tests.fakes.asgi import Gone, Silence

from ironhull.registry.server.limits import Limits
from ironhull.registry.server.refusal import Refusal

EMPTY = "sha256:" + hashlib.sha256(b"").hexdigest()


def start(site, repository="app"):
    answer = site.ask("POST", f"/v2/{repository}/blobs/uploads/")
    assert answer.status == 202
    assert answer.headers["range"] == "0-0"
    return answer.headers["location"]


def put(site, location, data=b"", digest=None, **more):
    digest = digest or "sha256:" + hashlib.sha256(data).hexdigest()
    return site.ask("PUT", f"{location}?digest={digest}", body=data, **more)


def uploads_on_disk(site):
    folder = site.registry.uploads.folder
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_blob_pushed_at_once_can_be_pulled_and_leaves_no_upload(site):
    digest = site.push_blob("app", b"hello")
    answer = site.ask("GET", f"/v2/app/blobs/{digest}")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.headers["docker-content-digest"] == digest
    assert answer.path == site.layout.blobs.path(digest)
    assert uploads_on_disk(site) == []


def test_chunks_in_order_make_the_blob(site, kit):
    location = start(site)
    for first, data in ((0, b"abc"), (3, b"defg")):
        answer = site.ask(
            "PATCH",
            location,
            body=data,
            headers={"content-range": f"{first}-{first + len(data) - 1}"},
        )
        assert answer.status == 202
        location = answer.headers["location"]
    assert answer.headers["range"] == "0-6"
    assert site.ask("GET", location).headers["range"] == "0-6"
    answer = put(site, location, b"h", kit.sha(b"abcdefgh"), headers={"content-range": "7-7"})
    assert answer.status == 201
    assert answer.headers["location"] == f"/v2/app/blobs/{kit.sha(b'abcdefgh')}"


@pytest.mark.parametrize("content_range", ["2-4", "4-6", "0-2"])
def test_a_chunk_out_of_order_is_refused_and_changes_nothing(site, content_range):
    location = start(site)
    site.ask("PATCH", location, body=b"abc")
    answer = site.ask("PATCH", location, body=b"def", headers={"content-range": content_range})
    assert (answer.status, answer.code) == (416, "RANGE_INVALID")
    assert answer.headers["range"] == "0-2"
    assert answer.headers["location"] == location
    assert site.ask("GET", location).headers["range"] == "0-2"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-range": "0-9"}, b"short"),
        ({"content-range": "0-1"}, b"longer"),
        ({"content-range": "nonsense"}, b"x"),
        # Without Content-Length, as in a chunked transfer.
        ({"content-range": "0-9"}, [b"sho", b"rt"]),
        ({"content-range": "0-1"}, [b"lon", b"ger"]),
    ],
)
def test_a_chunk_of_another_length_than_it_says_is_refused_and_taken_back(site, headers, body):
    location = start(site)
    answer = site.ask("PATCH", location, body=body, headers=headers)
    assert answer.status == 400
    assert answer.code in ("SIZE_INVALID", "BLOB_UPLOAD_INVALID")
    # The upload is as it was, and can go on.
    assert put(site, location, b"whole").status == 201


def test_a_blob_of_another_digest_is_refused_and_not_stored(site, kit):
    location = start(site)
    answer = put(site, location, b"evil", kit.sha(b"good"))
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    for data in (b"evil", b"good"):
        assert site.ask("HEAD", f"/v2/app/blobs/{kit.sha(data)}").status == 404
    assert uploads_on_disk(site) == []
    assert not list(site.layout.blobs)


@pytest.mark.parametrize(
    "digest", ["", "sha512:" + "0" * 128, "md5:" + "0" * 32, "sha256:xyz", "sha256:" + "A" * 64]
)
def test_digests_that_are_no_sha256_are_refused(site, digest):
    location = start(site)
    assert put(site, location, b"x", digest or " ").code == "DIGEST_INVALID"
    assert site.ask("POST", f"/v2/app/blobs/uploads/?digest={digest}").code == "DIGEST_INVALID"
    # The client may say the right one now.
    assert put(site, location, b"x").status == 201


def test_the_empty_blob_is_a_blob(site):
    assert put(site, start(site)).status == 201
    answer = site.ask("GET", f"/v2/app/blobs/{EMPTY}")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


def test_an_upload_belongs_to_its_repository(site):
    location = start(site)
    other = location.replace("/app/", "/other/")
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        answer = site.ask(method, f"{other}?digest={EMPTY}")
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("name", ["0" * 32, "x", "..%2f..%2findex.json", ".repository", "0" * 4000])
def test_an_unknown_upload_is_not_found(site, name):
    answer = site.ask("GET", f"/v2/app/blobs/uploads/{name}")
    assert answer.status in (400, 404)


def test_a_cancelled_upload_is_gone(site):
    location = start(site)
    assert site.ask("DELETE", location).status == 204
    assert site.ask("GET", location).status == 404
    assert uploads_on_disk(site) == []


def test_what_came_before_the_client_went_away_is_kept_for_a_resume(site, kit):
    location = start(site)
    answer = site.ask("PATCH", location, body=[b"abc", b"de", Gone])
    assert (answer.status, answer.code) == (400, "REQUEST_INVALID")
    assert site.ask("GET", location).headers["range"] == "0-4"
    headers = {"content-range": "5-7"}
    assert site.ask("PATCH", location, body=b"fgh", headers=headers).status == 202
    assert put(site, location, b"", kit.sha(b"abcdefgh")).status == 201


def test_a_push_at_once_that_breaks_off_leaves_nothing(site, kit):
    url = f"/v2/app/blobs/uploads/?digest={kit.sha(b'abc')}"
    answer = site.ask("POST", url, body=[b"ab", Gone])
    # The web server says of a malformed chunk that the client went away: it is still there.
    assert (answer.status, answer.code) == (400, "REQUEST_INVALID")
    assert answer.headers["connection"] == "close"
    assert uploads_on_disk(site) == []
    assert "client went away" in site.stream.getvalue()


def test_a_small_blob_whose_size_is_known_is_there_when_it_is_answered(site, kit):
    digest = kit.sha(b"abc")
    url, headers = f"/v2/app/blobs/uploads/?digest={digest}", {"content-length": "3"}
    answer = site.ask("POST", url, body=b"abc", headers=headers)
    assert (answer.status, answer.headers["docker-content-digest"]) == (201, digest)
    assert site.ask("GET", f"/v2/app/blobs/{digest}").body == b"abc"
    assert site.ask("GET", f"/v2/other/blobs/{digest}").status == 404
    assert uploads_on_disk(site) == []


@pytest.mark.parametrize("body", [b"abd", [b"ab", Gone]])
def test_a_small_blob_that_is_another_or_breaks_off_leaves_nothing(site, kit, body):
    digest = kit.sha(b"abc")
    url, headers = f"/v2/app/blobs/uploads/?digest={digest}", {"content-length": "3"}
    assert site.ask("POST", url, body=body, headers=headers).status == 400
    assert site.ask("GET", f"/v2/app/blobs/{digest}").status == 404
    assert uploads_on_disk(site) == []
    assert not site.layout.blobs.has(digest)


def test_an_upload_outlives_the_server(make, kit):
    location = start(make())
    first = make()
    first.ask("PATCH", location, body=b"abc")
    second = make()
    assert second.ask("GET", location).headers["range"] == "0-2"
    assert put(second, location, b"def", kit.sha(b"abcdef")).status == 201
    assert second.ask("GET", f"/v2/app/blobs/{kit.sha(b'abcdef')}").body == b"abcdef"


def test_two_requests_cannot_write_to_one_upload_at_once(site):
    location = start(site)
    upload = site.registry.uploads.take("app", location.rpartition("/")[2])
    answer = site.ask("PATCH", location, body=b"x")
    assert (answer.status, answer.code) == (409, "BLOB_UPLOAD_INVALID")
    site.registry.uploads.release(upload)
    assert site.ask("PATCH", location, body=b"x").status == 202


LIMITED = {
    "uploads": "there are 2 unfinished uploads",
    "uploads_of_owner": "address 127.0.0.1 has 2 unfinished uploads",
    "uploads_of_repository": "app has 2 unfinished uploads",
}


@pytest.mark.parametrize("limit", LIMITED)
def test_unfinished_uploads_are_limited_and_a_finished_one_makes_room(make, limit):
    site = make(limits=Limits(**{limit: 2}, reserve=0))
    first, _ = start(site), start(site)
    for query in ("", f"?digest={EMPTY}"):
        answer = site.ask("POST", f"/v2/app/blobs/uploads/{query}")
        assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
        assert LIMITED[limit] in answer.body.decode()
        assert int(answer.headers["retry-after"]) > 0
    assert put(site, first, b"x").status == 201
    start(site)


def begun(site, owner, repository="app", count=1, **more):
    """Uploads that were begun and left."""
    uploads = [site.registry.uploads.start(repository, owner, **more) for _ in range(count)]
    for upload in uploads:
        site.registry.uploads.release(upload)
    return uploads


def rest(*uploads, seconds=300.0):
    for upload in uploads:
        for path in upload.path.parent.glob(f"{upload.path.name}*"):
            os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_the_uploads_of_one_user_leave_room_for_those_of_others(make):
    site = make()
    uploads = site.registry.uploads
    begun(site, "user alice", count=256)
    with pytest.raises(Refusal, match="user alice has 256 unfinished uploads"):
        uploads.start("app", "user alice")
    # In the same repository too: it has room for two such users.
    begun(site, "user bob", count=256)
    with pytest.raises(Refusal, match="app has 512 unfinished uploads"):
        uploads.start("app", "user carol")
    begun(site, "user carol", "other")


@pytest.mark.parametrize("restart", [False, True])
def test_uploads_that_killed_clients_left_make_room_for_the_next_one(make, restart):
    limits = Limits(uploads_of_owner=3, reserve=0)
    site = make(limits=limits)
    oldest, left, new = begun(site, "user alice", count=3)
    rest(left, seconds=130)
    rest(oldest, seconds=140)
    rest(new, seconds=110)
    if restart:
        site = make(limits=limits)
    begun(site, "user alice")
    assert not oldest.path.exists()
    begun(site, "user alice")
    assert not left.path.exists()
    with pytest.raises(Refusal, match="user alice has 3 unfinished"):
        site.registry.uploads.start("app", "user alice")
    assert len(uploads_on_disk(site)) == 6


def test_who_has_most_at_rest_makes_room_for_others_first(make):
    site = make(limits=Limits(uploads=5, reserve=0))
    many = begun(site, "user many", "one", count=4)
    (few,) = begun(site, "user few", "two")
    rest(*many, seconds=200)
    rest(few, seconds=300)
    begun(site, "user other", "three")
    assert few.path.exists()
    assert [upload.path.exists() for upload in many].count(False) == 1


def test_an_upload_that_is_being_written_makes_no_room(make):
    site = make(limits=Limits(uploads_of_owner=1, reserve=0))
    held = site.registry.uploads.start("app", "user alice")
    rest(held)
    with pytest.raises(Refusal, match="user alice has 1 unfinished"):
        site.registry.uploads.start("app", "user alice")
    site.registry.uploads.release(held)
    begun(site, "user alice")


@pytest.mark.parametrize(
    ("once", "data", "seconds", "gone"),
    [
        (True, b"half", 1100, False),
        (True, b"half", 1300, True),
        (False, b"", 1100, False),
        (False, b"", 1300, True),
        (False, b"half", 1300, False),
        (False, b"half", 90_000, True),
    ],
)
@pytest.mark.parametrize("restart", [False, True])
def test_what_nobody_can_continue_is_collected_soon_and_the_rest_in_a_day(
    make, once, data, seconds, gone, restart
):
    site = make()
    upload = site.registry.uploads.start("app", "user alice", once=once)
    upload.append([data])
    site.registry.uploads.release(upload)
    rest(upload, seconds=seconds)
    if restart:
        site = make()
    assert site.registry.uploads.expire() == int(gone)
    assert len(uploads_on_disk(site)) == (0 if gone else 1 if once else 2)


def test_what_is_only_begun_holds_no_file_open(site):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert site.ask("PATCH", start(site), body=b"abc").status == 202
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_upload_of_one_request_cannot_be_continued_by_another(site):
    (upload,) = begun(site, "user alice", once=True)
    assert site.ask("PATCH", f"/v2/app/blobs/uploads/{upload.id}", body=b"x").status == 404


def test_an_upload_that_another_worker_began_is_found(make):
    old, new = make(), make()
    assert len(new.registry.uploads) == 0
    location = start(old)
    assert old.ask("PATCH", location, body=b"abc").status == 202
    assert new.ask("GET", location).headers["range"] == "0-2"
    assert (
        put(new, location, b"def", "sha256:" + hashlib.sha256(b"abcdef").hexdigest()).status == 201
    )


def test_an_upload_whose_file_was_removed_is_gone(site):
    location = start(site)
    (site.registry.uploads.folder / location.rpartition("/")[2]).unlink()
    answer = site.ask("PATCH", location, body=b"x")
    assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert uploads_on_disk(site) == []


def test_an_upload_of_an_earlier_version_goes_on(site, kit):
    folder = site.registry.uploads.folder
    folder.mkdir(parents=True)
    (folder / ("a" * 32)).write_bytes(b"abc")
    (folder / ("a" * 32 + ".repository")).write_text("app")
    assert put(site, f"/v2/app/blobs/uploads/{'a' * 32}", b"d", kit.sha(b"abcd")).status == 201


@pytest.mark.parametrize("body", [b"x" * 11, [b"x" * 6, b"x" * 5]])
def test_a_blob_larger_than_the_limit_is_refused(make, body):
    site = make(limits=Limits(blob=10, reserve=0))
    location = start(site)
    answer = site.ask("PATCH", location, body=body)
    assert (answer.status, answer.code) == (413, "SIZE_INVALID")
    assert put(site, location, b"x" * 10).status == 201


def test_the_limit_counts_all_chunks_together(make):
    site = make(limits=Limits(blob=10, reserve=0))
    location = start(site)
    assert site.ask("PATCH", location, body=b"x" * 8).status == 202
    assert site.ask("PATCH", location, body=b"x" * 3).status == 413
    assert site.ask("GET", location).headers["range"] == "0-7"


def test_a_client_that_falls_silent_is_told_so_and_can_resume(make):
    site = make(limits=Limits(idle=0.05, reserve=0))
    location = start(site)
    answer = site.ask("PATCH", location, body=[b"abc", Silence])
    assert (answer.status, answer.code) == (408, "REQUEST_TIMEOUT")
    assert site.ask("GET", location).headers["range"] == "0-2"


def test_a_client_that_trickles_is_told_so(make):
    site = make(limits=Limits(slowest=10**9, patience=0, reserve=0))
    answer = site.ask("PATCH", start(site), body=[b"a", b"b", b"c"])
    assert (answer.status, answer.code) == (408, "REQUEST_TIMEOUT")


def test_a_disk_without_room_is_said_before_the_bytes_are_sent(make):
    site = make(limits=Limits(reserve=10**18))
    answer = site.ask("POST", "/v2/app/blobs/uploads/")
    assert (answer.status, answer.code) == (507, "STORAGE_FULL")


def test_a_large_body_is_hashed_and_stored_in_order(site, kit):
    pieces = [bytes([n]) * 300_000 for n in range(20)]
    location = start(site)
    assert site.ask("PATCH", location, body=pieces).status == 202
    whole = b"".join(pieces)
    assert put(site, location, b"", kit.sha(whole)).status == 201
    assert site.ask("GET", f"/v2/app/blobs/{kit.sha(whole)}").body == whole


def test_a_blob_is_mounted_from_another_repository(site):
    digest = site.push_blob("team/base", b"layer")
    url = f"/v2/app/blobs/uploads/?mount={digest}&from=team/base"
    answer = site.ask("POST", url)
    assert (answer.status, answer.headers["location"]) == (201, f"/v2/app/blobs/{digest}")
    assert site.ask("GET", f"/v2/app/blobs/{digest}").body == b"layer"


def test_a_mount_that_cannot_be_becomes_an_upload(site, kit):
    site.push_blob("team/base", b"layer")
    for query in (
        f"mount={kit.sha(b'layer')}&from=nobody",
        f"mount={kit.sha(b'layer')}",
        f"mount={kit.sha(b'other')}&from=team/base",
    ):
        answer = site.ask("POST", f"/v2/app/blobs/uploads/?{query}")
        assert answer.status == 202
        assert "/blobs/uploads/" in answer.headers["location"]
    assert site.ask("HEAD", f"/v2/app/blobs/{kit.sha(b'layer')}").status == 404


def test_a_blob_of_one_repository_is_not_in_another(site):
    digest = site.push_blob("team/secret", b"layer")
    assert site.ask("GET", f"/v2/app/blobs/{digest}").code == "BLOB_UNKNOWN"
