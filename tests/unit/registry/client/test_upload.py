from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import pytest
from tests.fakes.registry import FakeRegistry, Upload, forget_tokens, hang_up, says, swallow
from tests.unit.registry.client.conftest import Notes

from ironhull.errors import NetworkError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.media_types import OCI_LAYER_GZIP
from ironhull.registry.client import upload
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.repository import Repository

Connect = Callable[..., Repository]
DATA = bytes(range(256)) * 12_000
BLOB = Descriptor(OCI_LAYER_GZIP, digest_of(DATA), len(DATA))


class Sent:
    def __init__(self) -> None:
        self.advanced = 0

    def advance(self, amount: int) -> None:
        self.advanced += amount


def push(repository: Repository, mount_from: str | None = None) -> bool:
    sent = Sent()
    result = repository.push_blob(BLOB, lambda: io.BytesIO(DATA), sent.advance, mount_from)
    assert sent.advanced == len(DATA)
    return result


def arrived(registry: FakeRegistry) -> bool:
    return registry.blobs.get(("app", BLOB.digest)) == DATA


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "_CHUNK", 1 << 20)
    monkeypatch.setattr(upload, "_SMALL_CHUNK", 1 << 20)


def test_a_blob_goes_over_in_one_put(registry: FakeRegistry, connect: Connect) -> None:
    assert push(connect(registry, write=True))
    assert arrived(registry)
    assert [seen.method for seen in registry.seen] == ["HEAD", "POST", "PUT"]


def test_a_blob_that_is_there_sends_no_byte(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_blob("app", DATA)
    assert not push(connect(registry, write=True))
    assert registry.received == 0
    assert [seen.method for seen in registry.seen] == ["HEAD"]


def test_a_blob_of_another_repository_is_mounted(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_blob("other", DATA)
    assert not push(connect(registry, write=True), "other")
    assert arrived(registry)
    assert registry.received == 0


def test_a_mount_asks_for_the_right_to_pull_from_there(connect: Connect) -> None:
    with FakeRegistry(auth="token") as registry:
        registry.put_blob("other", DATA)
        push(connect(registry, write=True), "other")
        asked = registry.requests("GET", "^/token")[-1].path
    assert "repository%3Aother%3Apull" in asked
    assert "repository%3Aapp%3Apull%2Cpush" in asked


def test_a_mount_that_is_not_granted_becomes_an_upload(connect: Connect) -> None:
    with FakeRegistry(mounts=False) as registry:
        registry.put_blob("other", DATA)
        assert push(connect(registry, write=True), "other")
        assert arrived(registry)
    with FakeRegistry() as registry:
        registry.fail("POST", "mount=", says(403))
        assert push(connect(registry, write=True), "other")
        assert arrived(registry)


def test_a_session_that_came_in_the_place_of_a_mount_is_ended_where_the_blob_was_there(
    connect: Connect,
) -> None:
    with FakeRegistry(mounts=False) as registry:
        registry.put_blob("app", DATA)
        repository = connect(registry, write=True)
        assert not repository.push_blob(
            BLOB, lambda: io.BytesIO(DATA), mount_from="other", ask=False
        )
        assert registry.uploads == {}
        assert [seen.method for seen in registry.seen] == ["POST", "HEAD", "DELETE"]


def test_a_registry_that_refuses_a_mount_is_asked_for_a_session_only_if_the_blob_is_to_be_sent(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.put_blob("app", DATA)
    registry.fail("POST", "mount=", says(405))
    repository = connect(registry, write=True)
    data = partial(io.BytesIO, DATA)
    assert not repository.push_blob(BLOB, data, mount_from="other", ask=False)
    assert [seen.method for seen in registry.seen] == ["POST", "HEAD"]


def test_a_session_of_a_blob_that_cannot_be_had_is_ended(connect: Connect) -> None:
    def lost() -> io.BytesIO:
        raise NotFoundError("gone")

    with FakeRegistry(mounts=False) as registry:
        with pytest.raises(NotFoundError):
            connect(registry, write=True).push_blob(BLOB, lost, mount_from="other")
        assert registry.uploads == {}


@pytest.mark.usefixtures("small_chunks")
def test_chunks_are_at_least_as_long_as_the_registry_asks(connect: Connect) -> None:
    with FakeRegistry(chunk_min=1_500_000) as registry:
        assert push(connect(registry, write=True))
        assert arrived(registry)
        patches = registry.requests("PATCH", "/uploads/")
        assert [seen.headers["content-range"] for seen in patches] == [
            "0-1499999",
            "1500000-2999999",
            f"3000000-{len(DATA) - 1}",
        ]
        assert [seen.received for seen in registry.requests("PUT", "/uploads/")] == [0]


def test_an_absurd_chunk_length_is_refused(connect: Connect) -> None:
    with (
        FakeRegistry(chunk_min=1 << 60) as registry,
        pytest.raises(NetworkError, match="wants chunks of"),
    ):
        push(connect(registry, write=True))


@pytest.mark.usefixtures("small_chunks")
def test_an_upload_that_breaks_goes_on_where_the_registry_has_it(
    registry: FakeRegistry, connect: Connect, notes: Notes
) -> None:
    registry.fail("PUT", "/uploads/", swallow(1_000_000))
    registry.fail("PATCH", "/uploads/", swallow(500_000))
    assert push(connect(registry, write=True))
    assert arrived(registry)
    first = registry.requests("PATCH", "/uploads/")[0]
    assert first.headers["content-range"].startswith("1000000-")
    assert registry.received == len(DATA)
    assert any("going on" in note for note in notes.notes)


def test_an_upload_whose_session_is_lost_begins_again(connect: Connect) -> None:
    with FakeRegistry(upload_status=False) as registry:
        registry.fail("PUT", "/uploads/", swallow(1_000_000))
        assert push(connect(registry, write=True))
        assert arrived(registry)
        assert len(registry.requests("POST", "/uploads/")) == 2


def test_an_answer_that_got_lost_is_found_out_by_asking(
    registry: FakeRegistry, connect: Connect
) -> None:
    def lost(handler: object) -> bool:
        registry.put_blob("app", handler.receive())  # type: ignore[attr-defined]
        return hang_up(handler)  # type: ignore[arg-type]

    registry.fail("PUT", "/uploads/", lost)
    assert push(connect(registry, write=True))
    assert registry.received == len(DATA)
    assert len(registry.requests("POST", "/uploads/")) == 1


@pytest.mark.usefixtures("small_chunks")
def test_a_proxy_that_limits_bodies_gets_chunks(registry: FakeRegistry, connect: Connect) -> None:
    registry.fail("PUT", "/uploads/", says(413))
    assert push(connect(registry, write=True))
    assert arrived(registry)
    assert len(registry.requests("PATCH", "/uploads/")) == 3


def test_an_overloaded_registry_is_asked_to_take_it_later(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.fail("PUT", "/uploads/", says(429, retry_after="1"))
    registry.fail("PUT", "/uploads/", says(500))
    assert push(connect(registry, write=True))
    assert arrived(registry)


def test_a_token_that_ends_during_an_upload_is_renewed(connect: Connect) -> None:
    with FakeRegistry(auth="token") as registry:
        registry.fail("PUT", "/uploads/", forget_tokens)
        assert push(connect(registry, write=True))
        assert arrived(registry)
        assert registry.issued == 2


def test_a_registry_that_always_breaks_is_given_up(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.fail("PUT", "/uploads/", hang_up, times=99)
    registry.fail("PATCH", "/uploads/", hang_up, times=99)
    with pytest.raises(NetworkError):
        push(connect(registry, write=True))
    assert len(registry.seen) < 40


def test_a_refusal_is_told_with_its_reason(registry: FakeRegistry, connect: Connect) -> None:
    body = b'{"errors":[{"code":"DENIED","message":"read-only"}]}'
    registry.fail("POST", "/uploads/", says(403, body))
    with pytest.raises(Refused, match=r"/app: push of blob .*403 \(DENIED: read-only\)"):
        push(connect(registry, write=True))


def test_a_location_elsewhere_gets_the_bytes_and_not_the_login(connect: Connect) -> None:
    with FakeRegistry() as storage, FakeRegistry(auth="token") as registry:
        storage.uploads["1"] = Upload("app")
        location = f"{storage.url}/v2/app/blobs/uploads/1"
        repository = connect(registry, write=True)
        assert not repository.has_blob(BLOB)
        registry.fail("POST", "/uploads/", says(202, location=location))
        assert push(repository)
        assert arrived(storage)
        assert all("authorization" not in seen.headers for seen in storage.seen)


def test_no_location_is_an_error(registry: FakeRegistry, connect: Connect) -> None:
    registry.fail("POST", "/uploads/", says(202))
    with pytest.raises(NetworkError, match="no Location"):
        push(connect(registry, write=True))


def test_a_registry_that_claims_more_than_was_sent_is_refused(connect: Connect) -> None:
    with FakeRegistry(chunk_min=1) as registry:
        lie = {"location": "/v2/app/blobs/uploads/1", "range": "0-99999999"}
        registry.fail("PATCH", "/uploads/", says(202, **lie), times=99)
        with pytest.raises(NetworkError, match="the registry says it has"):
            push(connect(registry, write=True))


def test_a_local_blob_that_is_cut_off_is_not_sent_as_whole(
    registry: FakeRegistry, connect: Connect
) -> None:
    with pytest.raises(UntrustedError, match="ends after"):
        connect(registry, write=True).push_blob(BLOB, lambda: io.BytesIO(DATA[:-1]))
    assert not arrived(registry)


def test_an_empty_blob_is_pushed(registry: FakeRegistry, connect: Connect) -> None:
    empty = Descriptor(OCI_LAYER_GZIP, digest_of(b""), 0)
    assert connect(registry, write=True).push_blob(empty, lambda: io.BytesIO(b""))
    assert registry.blobs["app", empty.digest] == b""


def test_a_repository_is_not_mounted_from_itself(registry: FakeRegistry, connect: Connect) -> None:
    push(connect(registry, write=True), "app")
    assert not registry.requests("POST", "mount")


def small_blobs(repository: Repository, count: int) -> list[Descriptor]:
    pushed = []
    for number in range(count):
        data = b"statement %d" % number
        pushed.append(Descriptor(OCI_LAYER_GZIP, digest_of(data), len(data)))
        assert repository.push_blob(pushed[-1], partial(io.BytesIO, data), ask=False)
    return pushed


def test_small_blobs_after_the_first_go_over_in_one_request_each(
    registry: FakeRegistry, connect: Connect
) -> None:
    pushed = small_blobs(connect(registry, write=True), 4)
    assert [seen.method for seen in registry.seen] == ["POST", "PUT", "POST", "POST", "POST"]
    assert {digest for _, digest in registry.blobs} == {each.digest for each in pushed}


def test_a_registry_of_ironhull_gets_blobs_of_some_megabytes_in_one_request_each(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.takes_together = True
    repository = connect(registry, write=True)
    assert repository.has_manifest("1") is None
    for size, methods in ((3 << 20, ["POST"]), ((8 << 20) + 1, ["POST", "PUT"])):
        data, before = bytes(size), len(registry.seen)
        blob = Descriptor("application/octet-stream", digest_of(data), size)
        assert repository.push_blob(blob, partial(io.BytesIO, data), ask=False)
        assert [seen.method for seen in registry.seen[before:]] == methods
        assert registry.blobs["app", blob.digest] == data


def test_a_registry_that_takes_no_blob_with_its_first_request_is_tried_once(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.whole_posts = False
    pushed = small_blobs(connect(registry, write=True), 4)
    assert [seen.method for seen in registry.seen] == ["POST", "PUT"] * 4
    assert sum("digest=" in seen.path for seen in registry.seen if seen.method == "POST") == 1
    assert {digest for _, digest in registry.blobs} == {each.digest for each in pushed}


@pytest.mark.parametrize("status", [400, 405, 413, 415])
def test_a_registry_that_refuses_a_blob_with_its_first_request_gets_it_otherwise(
    registry: FakeRegistry, connect: Connect, status: int
) -> None:
    registry.fail("POST", r"uploads/\?digest=", says(status))
    pushed = small_blobs(connect(registry, write=True), 4)
    methods = [seen.method for seen in registry.seen]
    assert methods == ["POST", "PUT", "POST", "POST", "PUT", "POST", "PUT", "POST", "PUT"]
    assert {digest for _, digest in registry.blobs} == {each.digest for each in pushed}


def test_a_blob_that_breaks_in_its_first_request_is_sent_the_usual_way(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.fail("POST", r"uploads/\?digest=", hang_up)
    pushed = small_blobs(connect(registry, write=True), 3)
    assert {digest for _, digest in registry.blobs} == {each.digest for each in pushed}
    assert [seen.method for seen in registry.seen][-2:] == ["POST", "PUT"]


def test_large_blobs_are_never_sent_before_the_registry_said_where(
    registry: FakeRegistry, connect: Connect
) -> None:
    repository = connect(registry, write=True)
    small_blobs(repository, 3)
    del registry.seen[:]
    assert repository.push_blob(BLOB, lambda: io.BytesIO(DATA), ask=False)
    assert [seen.method for seen in registry.seen] == ["POST", "PUT"]
