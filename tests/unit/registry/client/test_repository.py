from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.registry import FakeRegistry, cut, garbage, hang_up, says
from tests.unit.registry.client.conftest import Notes

from ironhull.errors import MalformedError, NetworkError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of, parse_digest
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.media_types import OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.credentials import Login
from ironhull.registry.client.repository import Repository
from ironhull.store.blobs import BlobStore
from ironhull.transport.patience import Patience

Connect = Callable[..., Repository]
DATA = bytes(range(256)) * 4096


def manifest(**more: object) -> bytes:
    empty = {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": digest_of(b"{}"),
        "size": 2,
    }
    value = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": empty, "layers": [], **more}
    return json.dumps(value, indent=3).encode()


def blob_of(registry: FakeRegistry, data: bytes = DATA) -> Descriptor:
    return Descriptor(OCI_LAYER_GZIP, parse_digest(registry.put_blob("app", data)), len(data))


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "store" / "blobs")


def leftovers(blobs: BlobStore) -> list[Path]:
    return [path for path in blobs.root.parent.rglob("*") if path.is_file()]


# Manifests.


def test_the_bytes_of_a_manifest_are_kept_as_read(registry: FakeRegistry, connect: Connect) -> None:
    raw = manifest()
    digest = registry.put_manifest("app", "1", OCI_MANIFEST, raw)
    for reference in ("1", digest):
        document = connect(registry).fetch_manifest(reference)
        assert document.raw == raw
        assert document.digest == digest
    assert connect(registry).has_manifest("1") == digest
    assert connect(registry).has_manifest("2") is None


def test_a_manifest_that_is_not_there_is_named(registry: FakeRegistry, connect: Connect) -> None:
    with pytest.raises(NotFoundError, match=rf"{registry.host}/app: no manifest 9"):
        connect(registry).fetch_manifest("9")


def test_a_manifest_of_another_digest_is_refused(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_manifest("app", "1", OCI_MANIFEST, manifest())
    other = {"content-type": OCI_MANIFEST, "docker-content-digest": digest}
    registry.fail("GET", "/manifests/", says(200, manifest(x=1), **other), times=2)
    for reference in (digest, "1"):
        with pytest.raises(UntrustedError, match="should be"):
            connect(registry).fetch_manifest(reference)


def test_a_manifest_of_another_size_than_its_descriptor_says_is_refused(
    registry: FakeRegistry, connect: Connect
) -> None:
    raw = manifest()
    digest = parse_digest(registry.put_manifest("app", "1", OCI_MANIFEST, raw))
    for wrong in (
        Descriptor(OCI_MANIFEST, digest, len(raw) + 1),
        Descriptor(OCI_INDEX, digest, len(raw)),
    ):
        with pytest.raises(UntrustedError, match="expected"):
            connect(registry).fetch_manifest(digest, wrong)


def test_a_registry_that_names_another_algorithm_is_told_so(
    registry: FakeRegistry, connect: Connect
) -> None:
    strange = {"content-type": OCI_MANIFEST, "docker-content-digest": "sha512:" + "a" * 128}
    for method in ("GET", "HEAD"):
        registry.fail(method, "/manifests/", says(200, manifest(), **strange))
    for ask in (connect(registry).fetch_manifest, connect(registry).has_manifest):
        with pytest.raises(MalformedError, match=r"/app: manifest 1: .*'sha512' is not supported"):
            ask("1")


def test_this_machine_is_not_asked_for_through_a_proxy(
    registry: FakeRegistry, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.put_manifest("app", "1", OCI_MANIFEST, manifest())
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert connect(registry).fetch_manifest("1").raw == manifest()


@pytest.mark.parametrize("kind", ["text/html", "application/json", "", "application/x-\x1b[31m"])
def test_a_wrong_content_type_is_no_manifest(
    registry: FakeRegistry, connect: Connect, kind: str
) -> None:
    registry.put_manifest("app", "1", kind, manifest())
    with pytest.raises(MalformedError, match="content type") as caught:
        connect(registry).fetch_manifest("1")
    assert "\x1b" not in str(caught.value)


def test_a_schema_1_manifest_is_told_by_name(registry: FakeRegistry, connect: Connect) -> None:
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    registry.put_manifest("app", "1", kind, b'{"schemaVersion":1}')
    with pytest.raises(MalformedError, match="schema 1"):
        connect(registry).fetch_manifest("1")


def test_a_manifest_that_is_also_an_index_is_refused(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.put_manifest("app", "1", OCI_MANIFEST, manifest(manifests=[]))
    with pytest.raises(MalformedError, match="both"):
        connect(registry).fetch_manifest("1")


def test_a_manifest_under_the_media_type_of_an_index_is_refused(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.put_manifest("app", "1", OCI_INDEX, manifest(mediaType=OCI_INDEX))
    with pytest.raises(MalformedError):
        connect(registry).fetch_manifest("1")


def test_a_huge_manifest_is_not_read_to_its_end(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_manifest("app", "1", OCI_MANIFEST, b" " * (MAX_DOCUMENT + 1))
    with pytest.raises(NetworkError, match=f"more than {MAX_DOCUMENT} bytes"):
        connect(registry).fetch_manifest("1")
    assert len(registry.requests("GET", "/manifests/1")) == 1


def test_a_registry_that_changes_a_manifest_is_caught(
    registry: FakeRegistry, connect: Connect
) -> None:
    wrong = {"docker-content-digest": digest_of(b"other")}
    registry.fail("PUT", "/manifests/", says(201, **wrong))
    with pytest.raises(UntrustedError, match="changed what it was given"):
        connect(registry, write=True).push_manifest(Document.parse(manifest(), OCI_MANIFEST), "1")


def test_deletion_removes_a_tag_and_says_what_is_not_there(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.put_manifest("app", "1", OCI_MANIFEST, manifest())
    repository = connect(registry, write=True)
    repository.delete("1")
    with pytest.raises(NotFoundError):
        repository.delete("1")
    registry.fail("DELETE", "/manifests/", says(405))
    with pytest.raises(Refused, match="does not delete"):
        repository.delete("2")


# Blobs.


def test_a_blob_is_verified_and_stored(
    registry: FakeRegistry, connect: Connect, blobs: BlobStore
) -> None:
    descriptor = blob_of(registry)
    advanced: list[int] = []
    connect(registry).fetch_blob(descriptor, blobs, advanced.append)
    assert blobs.path(descriptor.digest).read_bytes() == DATA
    assert sum(advanced) == len(DATA)
    connect(registry).fetch_blob(descriptor, blobs, advanced.append)
    assert len(registry.requests("GET", "/blobs/")) == 1


def test_an_empty_blob_is_a_blob(
    registry: FakeRegistry, connect: Connect, blobs: BlobStore
) -> None:
    descriptor = blob_of(registry, b"")
    connect(registry).fetch_blob(descriptor, blobs)
    assert blobs.size(descriptor.digest) == 0


@pytest.mark.parametrize("ranges", [True, False])
def test_a_pull_goes_on_after_breaks(
    connect: Connect, blobs: BlobStore, notes: Notes, ranges: bool
) -> None:
    with FakeRegistry(ranges=ranges) as registry:
        descriptor = blob_of(registry)
        registry.fail("GET", "/blobs/", cut(1000))
        registry.fail("GET", "/blobs/", hang_up)
        registry.fail("GET", "/blobs/", cut(500_000))
        advanced: list[int] = []
        connect(registry).fetch_blob(descriptor, blobs, advanced.append)
        asked = [seen.headers.get("range") for seen in registry.requests("GET", "/blobs/")]
    assert blobs.path(descriptor.digest).read_bytes() == DATA
    assert sum(advanced) == len(DATA)
    assert asked[0] is None
    assert asked[1] == f"bytes=1000-{len(DATA) - 1}"
    assert any("going on at byte 1000 of" in note for note in notes.notes)


def test_a_registry_that_knows_no_ranges_sends_all_of_it_again(
    registry: FakeRegistry, connect: Connect, blobs: BlobStore
) -> None:
    descriptor = blob_of(registry)
    registry.fail("GET", "/blobs/", cut(1000))
    registry.fail("GET", "/blobs/", says(416))
    connect(registry).fetch_blob(descriptor, blobs)
    asked = [seen.headers.get("range") for seen in registry.requests("GET", "/blobs/")]
    assert asked == [None, f"bytes=1000-{len(DATA) - 1}", None]
    assert blobs.path(descriptor.digest).read_bytes() == DATA


def test_a_pull_that_always_breaks_ends_with_an_error_and_leaves_nothing(
    registry: FakeRegistry, connect: Connect, blobs: BlobStore
) -> None:
    descriptor = blob_of(registry)
    registry.fail("GET", "/blobs/", cut(0), times=100)
    with pytest.raises(NetworkError, match=rf"{registry.host}/app: blob sha256:"):
        connect(registry).fetch_blob(descriptor, blobs)
    assert leftovers(blobs) == []
    assert len(registry.requests("GET", "/blobs/")) < 20


def test_a_blob_of_another_digest_is_not_stored(
    registry: FakeRegistry, connect: Connect, blobs: BlobStore
) -> None:
    descriptor = blob_of(registry)
    registry.fail("GET", "/blobs/", says(200, DATA[1:] + b"x"))
    with pytest.raises(UntrustedError, match="should be"):
        connect(registry).fetch_blob(descriptor, blobs)
    assert leftovers(blobs) == []


@pytest.mark.parametrize("body", [DATA + b"more", DATA[:-1]])
def test_a_blob_of_another_length_is_refused_before_it_is_read(
    registry: FakeRegistry, connect: Connect, blobs: BlobStore, body: bytes
) -> None:
    descriptor = blob_of(registry)
    registry.fail("GET", "/blobs/", says(200, body))
    with pytest.raises(UntrustedError, match=f"announces {len(body)} bytes"):
        connect(registry).fetch_blob(descriptor, blobs)
    assert leftovers(blobs) == []


def endless(handler: object) -> bool:
    handler.send_response(200)  # type: ignore[attr-defined]
    handler.end_headers()  # type: ignore[attr-defined]
    try:
        for _ in range(2000):
            handler.wfile.write(b"x" * 65536)  # type: ignore[attr-defined]
    except OSError:
        pass
    handler.close_connection = True  # type: ignore[attr-defined]
    return True


def test_no_more_is_read_than_the_descriptor_says(
    registry: FakeRegistry, connect: Connect, blobs: BlobStore
) -> None:
    descriptor = blob_of(registry)
    registry.fail("GET", "/blobs/", endless)
    with pytest.raises(UntrustedError, match="is larger than"):
        connect(registry).fetch_blob(descriptor, blobs)
    assert leftovers(blobs) == []


def test_a_range_that_begins_elsewhere_is_refused(
    registry: FakeRegistry, connect: Connect, blobs: BlobStore
) -> None:
    descriptor = blob_of(registry)
    registry.fail("GET", "/blobs/", cut(1000))
    wrong = {"content-range": f"bytes 999-{len(DATA) - 1}/{len(DATA)}"}
    registry.fail("GET", "/blobs/", says(206, DATA[999:], **wrong))
    with pytest.raises(UntrustedError, match="asked for bytes from 1000"):
        connect(registry).fetch_blob(descriptor, blobs)
    assert leftovers(blobs) == []


def test_a_blob_that_is_not_there_is_named(
    registry: FakeRegistry, connect: Connect, blobs: BlobStore
) -> None:
    missing = Descriptor(OCI_LAYER_GZIP, digest_of(b"?"), 1)
    with pytest.raises(NotFoundError, match="the registry does not have it"):
        connect(registry).fetch_blob(missing, blobs)


def test_a_small_blob_is_verified_too(registry: FakeRegistry, connect: Connect) -> None:
    descriptor = blob_of(registry, b"small")
    assert connect(registry).read_blob(descriptor) == b"small"
    registry.fail("GET", "/blobs/", says(200, b"smalI"))
    with pytest.raises(UntrustedError, match="should be"):
        connect(registry).read_blob(descriptor)
    with pytest.raises(UntrustedError, match="the limit is 3"):
        connect(registry).read_blob(descriptor, limit=3)


def test_a_registry_that_has_another_size_under_the_digest_is_caught(
    registry: FakeRegistry, connect: Connect
) -> None:
    descriptor = blob_of(registry, b"small")
    longer = Descriptor(descriptor.media_type, descriptor.digest, 6)
    with pytest.raises(UntrustedError, match="the registry has 5 bytes"):
        connect(registry).has_blob(longer)


# Tags.


def test_tags_come_in_pages(connect: Connect) -> None:
    with FakeRegistry(page=7) as registry:
        names = sorted(f"v{n}" for n in range(30))
        for name in names:
            registry.put_manifest("app", name, OCI_MANIFEST, manifest())
        assert connect(registry).tags() == names
        assert len(registry.requests("GET", "/tags/list")) == 5


def test_a_repository_that_is_not_there_is_named(registry: FakeRegistry, connect: Connect) -> None:
    with pytest.raises(NotFoundError, match="no such repository"):
        connect(registry).tags()


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("<http://elsewhere.example/v2/app/tags/list>; rel=next", "elsewhere"),
        ("</v2/other/tags/list?n=1>; rel=next", "elsewhere"),
        ("</v2/app/tags/list?n=1000>; rel=next", "circles"),
        ("<file:///etc/passwd>; rel=next", "sends us to"),
    ],
)
def test_pages_stay_in_the_repository_and_end(
    registry: FakeRegistry, connect: Connect, link: str, message: str
) -> None:
    registry.fail("GET", "/tags/", says(200, b'{"tags":["a"]}', link=link), times=2)
    with pytest.raises(NetworkError, match=message):
        connect(registry).tags()


@pytest.mark.parametrize("body", [b"[]", b"<html>", b'{"tags":7}', b'{"tags":["\x1b[2J"]}', b""])
def test_a_list_of_tags_that_is_none_is_refused(
    registry: FakeRegistry, connect: Connect, body: bytes
) -> None:
    registry.fail("GET", "/tags/", says(200, body))
    with pytest.raises(NetworkError, match="tags"):
        connect(registry).tags()


# Registries that do not behave.


def test_an_overloaded_registry_is_asked_again_when_it_says(
    registry: FakeRegistry, connect: Connect, notes: Notes
) -> None:
    registry.put_manifest("app", "1", OCI_MANIFEST, manifest())
    registry.fail("GET", "/manifests/", says(429, retry_after="1"))
    registry.fail("GET", "/manifests/", says(503))
    assert connect(registry).fetch_manifest("1").media_type == OCI_MANIFEST
    assert "the server answers 429; trying again in 1.0 s" in notes.notes[0]
    assert len(registry.requests("GET", "/manifests/")) == 3


def test_a_registry_that_asks_to_wait_for_long_is_given_up_with_its_wish(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.fail("GET", "/manifests/", says(429, retry_after="3600"), times=9)
    with pytest.raises(Refused, match=r"429.*Retry-After 3600") as caught:
        connect(registry).fetch_manifest("1")
    assert caught.value.wait == 3600
    assert len(registry.requests("GET", "/manifests/")) == 1


def test_a_broken_registry_is_given_up_after_some_attempts(
    registry: FakeRegistry, connect: Connect
) -> None:
    body = json.dumps({"errors": [{"code": "UNKNOWN", "message": "disk\x1b[31m on fire"}]})
    registry.fail("GET", "/manifests/", says(500, body.encode()), times=99)
    with pytest.raises(Refused) as caught:
        connect(registry).fetch_manifest("1")
    message = str(caught.value)
    assert message.startswith(f"{registry.host}/app: manifest 1: answered 500")
    assert "UNKNOWN: disk\ufffd[31m on fire" in message
    assert "\x1b" not in message
    assert len(registry.requests("GET", "/manifests/")) == 4


def test_garbage_instead_of_http_is_an_error_of_the_network(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.fail("GET", "/manifests/", garbage, times=99)
    with pytest.raises(NetworkError, match=registry.host):
        connect(registry).fetch_manifest("1")


def test_a_registry_that_never_ends_its_answer_is_given_up(
    registry: FakeRegistry, connect: Connect
) -> None:
    def slow(handler: object) -> bool:
        handler.send_response(200)  # type: ignore[attr-defined]
        handler.send_header("content-type", OCI_MANIFEST)  # type: ignore[attr-defined]
        handler.send_header("content-length", "1000")  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]
        handler.connection.settimeout(10)  # type: ignore[attr-defined]
        handler.rfile.read(1)  # type: ignore[attr-defined]
        return True

    registry.fail("GET", "/manifests/", slow, times=99)
    hasty = Patience(attempts=2, first_wait=0.01, idle=0.2, whole=1)
    with pytest.raises(NetworkError, match="does not answer in time"):
        connect(registry, patience=hasty).fetch_manifest("1")


def test_a_port_where_nobody_listens_says_so(connect: Connect) -> None:
    with FakeRegistry() as gone:
        pass
    with pytest.raises(NetworkError, match=f"{gone.host}.*refused"):
        connect(gone).tags()


def test_redirects_are_followed_without_the_login(registry: FakeRegistry, connect: Connect) -> None:
    with FakeRegistry(auth="basic", login=("u", "secret")) as guarded:
        raw = manifest()
        registry.put_manifest("app", "1", OCI_MANIFEST, raw)
        target = f"{registry.url}/v2/app/manifests/1"

        def elsewhere(handler: object) -> bool:
            if handler.headers.get("authorization"):  # type: ignore[attr-defined]
                return bool(says(307, location=target)(handler))  # type: ignore[arg-type]
            return False

        guarded.fail("GET", "/manifests/", elsewhere, times=2)
        login = Login("u", "secret", "test")
        assert connect(guarded, login=login).fetch_manifest("1").raw == raw
        assert "authorization" in guarded.seen[-1].headers
    assert len(registry.seen) == 1
    assert "authorization" not in registry.seen[0].headers


@pytest.mark.parametrize(
    "location",
    ["http://user:password@localhost:1/x", "file:///etc/passwd", "gopher://localhost/"],
)
def test_redirects_to_strange_places_are_not_followed(
    registry: FakeRegistry, connect: Connect, location: str
) -> None:
    registry.fail("GET", "/manifests/", says(302, location=location))
    with pytest.raises(NetworkError, match="sends us to"):
        connect(registry).fetch_manifest("1")


def test_redirects_in_circles_end(registry: FakeRegistry, connect: Connect) -> None:
    registry.fail("GET", "/", says(302, location="/v2/app/manifests/1"), times=99)
    with pytest.raises(NetworkError, match="redirects"):
        connect(registry).fetch_manifest("1")
