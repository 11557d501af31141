"""Manifests and blobs in a bucket of an S3 service, as a repository of a registry has them.

A manifest is the object `PREFIX/manifests/NAME`, a blob `PREFIX/blobs/sha256/HEX`. A bucket checks
no digests, so a blob is given anew by whoever has the right one, and what is read is held to size
and digest here. S3 makes an object appear whole or not at all, in several parts too.

Needs obstore, an extra: whoever imports this module says so where it is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, S3Store

from ironhull.errors import InputError, IronhullError, NetworkError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, digest_of, hex_of
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.reports.text import one_line
from ironhull.store.blobs import CHUNK, BlobStore

VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_SKIP_SIGNATURE",
)
"""Of an environment: where the service is and who asks. The rest is found as by other clients."""
_PLACE = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANSWER = re.compile(r"<Code>(?P<code>[^<]*)</Code>(?:\s*<Message>(?P<message>[^<]*)</Message>)?")


def open_bucket(
    place: str, environment: Mapping[str, str], *, plain_http: bool = False, ca: bytes | None = None
) -> Bucket:
    """The bucket at `s3://BUCKET[/PREFIX]`, which is not asked for anything yet.

    `environment` may have `VARIABLES`; `ca` is a certificate authority to trust (PEM). Without TLS
    only this machine is reached, unless `plain_http` or AWS_ALLOW_HTTP says so. InputError for
    what names no bucket.
    """
    found = _PLACE.fullmatch(place)
    prefix = ((found and found["prefix"]) or "").rstrip("/")
    if not found or not all(map(_SEGMENT.fullmatch, prefix.split("/") if prefix else ())):
        raise InputError(
            f"{place!r:.200} names no bucket (expected s3://BUCKET/PREFIX: letters, digits, - . _)"
        )
    config: dict[str, Any] = {
        name.lower(): environment[name] for name in VARIABLES if environment.get(name)
    }
    try:
        client = _client(place, config, environment, plain_http=plain_http)
        if ca is not None:
            client["root_certificate"] = ca
        store = S3Store(
            found["bucket"],
            prefix=prefix or None,
            config=config,  # type: ignore[arg-type]
            client_options=client,  # type: ignore[arg-type]
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
        )
    except (BaseError, ValueError) as error:
        raise InputError(f"{place}: {_said(error)}") from None
    return Bucket(store, place)


def _client(
    place: str, config: Mapping[str, Any], environment: Mapping[str, str], *, plain_http: bool
) -> dict[str, Any]:
    """How the service is talked to; InputError where that would be without TLS."""
    # Without an end, a service that hangs would stop a build; a layer may have a gigabyte.
    client: dict[str, Any] = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "15m"}
    endpoint = config.get("aws_endpoint_url_s3") or config.get("aws_endpoint_url") or ""
    if endpoint.startswith("http://"):
        allowed = plain_http or environment.get("AWS_ALLOW_HTTP", "").lower() == "true"
        if not allowed and urlsplit(endpoint).hostname not in _LOOPBACK:
            raise InputError(
                f"{place}: the service at {endpoint!r:.200} is reached without TLS (expected "
                "https://…, or AWS_ALLOW_HTTP=true)"
            )
        client["allow_http"] = True
    return client


class Bucket:
    """Manifests and blobs under a prefix of a bucket. Safe for several threads.

    NetworkError for a service that refuses, cannot be reached or has no such bucket.
    """

    def __init__(self, objects: ObjectStore, place: str) -> None:
        self._objects = objects
        self._place = place

    def __str__(self) -> str:
        return self._place

    def fetch_manifest(self, reference: str) -> Document:
        """The manifest with this name; NotFoundError if there is none, MalformedError."""
        raw = self._small(f"manifests/{reference}", MAX_DOCUMENT, f"manifest {reference}")
        return Document.parse(raw, OCI_MANIFEST)

    def has_manifest(self, reference: str) -> Digest | None:
        """The digest of the manifest with this name; None if there is none."""
        try:
            return self.fetch_manifest(reference).digest
        except NotFoundError:
            return None

    def push_manifest(self, document: Document, tag: str) -> None:
        """Give a manifest this name, whatever had it before."""
        with self._explained(f"push of manifest {tag}"):
            obstore.put(self._objects, f"manifests/{tag}", document.raw)

    def read_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """A small blob in memory, verified; UntrustedError if it is larger than `limit` bytes."""
        what = f"blob {descriptor.digest}"
        if descriptor.size > limit:
            raise UntrustedError(f"{self}: {what}: {descriptor.size} bytes, the limit is {limit}")
        raw = self._small(_path(descriptor), descriptor.size, what)
        if (found := digest_of(raw)) != descriptor.digest:
            raise UntrustedError(f"{self}: {what}: the bucket has {found} under its name")
        return raw

    def fetch_blob(self, descriptor: Descriptor, store: BlobStore) -> None:
        """Bring a blob into a store unless it is there; it appears when it is verified whole.

        UntrustedError if the bytes are not those of the descriptor, NotFoundError for none.
        """
        if store.has(descriptor.digest, descriptor.size):
            return
        what = f"blob {descriptor.digest}"
        try:
            with store.writer(descriptor.digest, descriptor.size) as blob:
                for chunk in self._chunks(_path(descriptor), descriptor.size, what):
                    blob.write(chunk)
        except UntrustedError as error:
            raise UntrustedError(f"{self}: {error}") from None

    def push_blob(self, descriptor: Descriptor, source: Callable[[], BinaryIO]) -> None:
        """Give a blob, in the place of what is there under its digest."""
        with source() as file, self._explained(f"push of blob {descriptor.digest}"):
            obstore.put(self._objects, _path(descriptor), file)

    def _small(self, path: str, limit: int, what: str) -> bytes:
        try:
            return b"".join(self._chunks(path, limit, what))
        except UntrustedError as error:
            raise UntrustedError(f"{self}: {error}") from None

    def _chunks(self, path: str, limit: int, what: str) -> Iterator[bytes]:
        """An object's bytes; UntrustedError for one of more than `limit`."""
        with self._explained(what):
            stream = iter(obstore.get(self._objects, path).stream(CHUNK))
        received = 0
        while True:
            with self._explained(what):
                chunk = bytes(next(stream, b""))
            if not chunk:
                return
            received += len(chunk)
            if received > limit:
                raise UntrustedError(f"{what}: more than {limit} bytes")
            yield chunk

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Makes the library's errors ours."""
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise self._failure(what, error) from None

    def _failure(self, what: str, error: Exception) -> IronhullError:
        answer = _ANSWER.search(str(error))
        if answer and answer["code"] == "NoSuchBucket":
            return NetworkError(f"{self}: there is no such bucket (make it, or mend the setting)")
        if isinstance(error, FileNotFoundError):
            return NotFoundError(f"{self}: no {what}")
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            return NetworkError(
                f"{self}: {what}: refused (are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY right, "
                f"and may they list the bucket?): {_said(error)}"
            )
        return NetworkError(f"{self}: {what}: {_said(error)}")


def _path(descriptor: Descriptor) -> str:
    return f"blobs/sha256/{hex_of(descriptor.digest)}"


def _said(error: Exception) -> str:
    """What the service says, else the library, without the state of its insides."""
    text = str(error).partition("\n\nDebug source")[0]
    answer = _ANSWER.search(text)
    return one_line(": ".join(filter(None, answer.groups())) if answer else text, 400)
