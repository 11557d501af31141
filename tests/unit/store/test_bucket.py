"""A bucket in memory, as the library has one: what is read of it is held to size and digest."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from ironhull.errors import (
    InputError,
    MalformedError,
    NetworkError,
    NotFoundError,
    UntrustedError,
)
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of, hex_of
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_LAYER_ZSTD, OCI_MANIFEST
from ironhull.store.blobs import BlobStore
from ironhull.store.bucket import VARIABLES, Bucket, open_bucket

DATA = b"a layer" * 1000
LAYER = Descriptor(OCI_LAYER_ZSTD, digest_of(DATA), len(DATA))
PATH = f"blobs/sha256/{hex_of(LAYER.digest)}"


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def bucket(objects: MemoryStore) -> Bucket:
    return Bucket(objects, "s3://layers/team")


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def test_a_blob_that_was_given_is_read_and_brought(bucket, blobs):
    bucket.push_blob(LAYER, lambda: io.BytesIO(DATA))
    bucket.fetch_blob(LAYER, blobs)
    assert blobs.read(LAYER.digest) == DATA
    assert bucket.read_blob(LAYER, len(DATA)) == DATA


def test_a_manifest_has_a_name_and_may_be_another_later(bucket):
    assert bucket.has_manifest("key") is None
    for number in (1, 2):
        document = Document.of({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "n": number})
        bucket.push_manifest(document, "key")
        assert bucket.fetch_manifest("key").raw == document.raw
        assert bucket.has_manifest("key") == document.digest


@pytest.mark.parametrize("other", [DATA[:-1], DATA + b"x", b"b" + DATA[1:], b"", DATA * 2], ids=len)
def test_other_bytes_under_a_digest_are_refused_and_leave_nothing(bucket, objects, blobs, other):
    obstore.put(objects, PATH, other)
    with pytest.raises(UntrustedError, match="s3://layers/team"):
        bucket.read_blob(LAYER, len(DATA))
    with pytest.raises(UntrustedError, match="s3://layers/team"):
        bucket.fetch_blob(LAYER, blobs)
    assert not [path for path in blobs.root.parent.rglob("*") if path.is_file()]


def test_a_blob_that_is_given_takes_the_place_of_wrong_bytes(bucket, objects, blobs):
    obstore.put(objects, PATH, b"x" * len(DATA))
    bucket.push_blob(LAYER, lambda: io.BytesIO(DATA))
    bucket.fetch_blob(LAYER, blobs)
    assert blobs.has(LAYER.digest, LAYER.size)


def test_what_is_too_large_is_not_read(bucket, objects):
    obstore.put(objects, PATH, DATA)
    with pytest.raises(UntrustedError, match="the limit is 10"):
        bucket.read_blob(LAYER, 10)
    obstore.put(objects, "manifests/key", b"[" * (5 << 20))
    with pytest.raises(UntrustedError, match="manifest key: more than"):
        bucket.fetch_manifest("key")


def test_what_is_not_there_or_no_manifest_is_said(bucket, objects, blobs):
    for ask in (lambda: bucket.read_blob(LAYER, 1 << 20), lambda: bucket.fetch_blob(LAYER, blobs)):
        with pytest.raises(NotFoundError, match=f"no blob {LAYER.digest}"):
            ask()
    with pytest.raises(NotFoundError, match="no manifest key"):
        bucket.fetch_manifest("key")
    obstore.put(objects, "manifests/key", b"<html>")
    with pytest.raises(MalformedError):
        bucket.fetch_manifest("key")


def test_a_source_that_breaks_off_leaves_nothing(bucket, objects):
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("the disk is gone")

    with pytest.raises(Exception, match=r"s3://layers/team: push of blob .*the disk is gone"):
        bucket.push_blob(LAYER, lambda: Broken(DATA))
    assert [each for page in obstore.list(objects) for each in page] == []


class Cutting(BaseHTTPRequestHandler):
    """A service whose connections break off in the middle, whatever is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.send_header("Last-Modified", "Sun, 29 Nov 2026 00:00:00 GMT")
        self.send_header("ETag", '"x"')
        self.end_headers()
        self.wfile.write(DATA[:100])

    def do_PUT(self) -> None:
        self.rfile.read(100)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cutting() -> Iterator[Bucket]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Cutting) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield open_bucket("s3://layers/team", login(f"http://127.0.0.1:{server.server_port}"))
        finally:
            server.shutdown()
            thread.join()


def login(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }


def test_what_breaks_off_on_its_way_is_said_and_leaves_nothing(cutting, blobs):
    for ask in (
        lambda: cutting.fetch_blob(LAYER, blobs),
        lambda: cutting.read_blob(LAYER, len(DATA)),
        lambda: cutting.fetch_manifest("key"),
        lambda: cutting.push_blob(LAYER, lambda: io.BytesIO(DATA)),
    ):
        with pytest.raises(NetworkError, match="s3://layers/team"):
            ask()
    assert not [path for path in blobs.root.parent.rglob("*") if path.is_file()]


def test_without_tls_only_this_machine_is_reached_unless_it_is_allowed():
    there = login("http://192.0.2.1:9")
    with pytest.raises(InputError, match="without TLS"):
        open_bucket("s3://layers", there)
    open_bucket("s3://layers", there, plain_http=True)
    open_bucket("s3://layers", there | {"AWS_ALLOW_HTTP": "true"})


def test_a_service_at_an_address_that_is_none_is_said():
    with pytest.raises(InputError, match="s3://layers: "):
        open_bucket("s3://layers", login("http://["))


@pytest.mark.parametrize(
    "place", ["s3://", "s3://B/x", "s3://a/x", "s3://layers//x", "s3://layers/../x", "s3://la/x y"]
)
def test_a_place_that_names_no_bucket_is_refused(place):
    with pytest.raises(InputError, match="names no bucket"):
        open_bucket(place, {})


def test_a_place_may_have_no_prefix_and_half_a_login_is_none(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert str(open_bucket("s3://layers", {"AWS_REGION": "eu-west-1"})) == "s3://layers"
    with pytest.raises(InputError, match=r"s3://layers: .*SecretAccessKey"):
        open_bucket("s3://layers", {"AWS_ACCESS_KEY_ID": "a"})
