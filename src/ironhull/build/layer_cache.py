"""Layers that were made on another machine, in a repository of a registry or a bucket.

A layer is there under its key, as an artifact of three blobs: the layer itself, its record (what
`record` remembers of a layer that was made), and a statement in a signed envelope: that the layer
with this key has this digest and this record. What is taken:

1. only the statement that the expected key has signed, and that is about the key that was asked for
   (the place, or whoever may write to it, could give another layer's);
2. only the record whose digest the statement has;
3. only the layer whose digest the record has, verified while it comes.

Anything else is refused with a note, and the layer is made here, as if there were no cache.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from ironhull.attest.envelope import Envelope, Signature, envelope_json, pae, parse_envelope
from ironhull.attest.statement import PAYLOAD_TYPE, Subject, parse_statement, render_statement
from ironhull.build.elsewhere import LayerPlace
from ironhull.build.record import MadeLayer, parse_record, record_bytes, write_record
from ironhull.errors import IronhullError, MalformedError, NotFoundError, UntrustedError
from ironhull.json_fields import decode, text
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of, hex_of
from ironhull.oci.document import Document, canonical
from ironhull.oci.media_types import OCI_EMPTY, OCI_MANIFEST
from ironhull.signing.dsse import signers_of
from ironhull.signing.interface import Signer
from ironhull.signing.public_key import PublicKey
from ironhull.store.blobs import MAX_READ
from ironhull.store.home import Home

ARTIFACT = "application/vnd.ironhull.layer.v1"
RECORD = "application/vnd.ironhull.layer.record.v1+json"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
PREDICATE = "https://ironhull.io/made-layer/v1"
_EMPTY = b"{}"


class SignedLayers:
    """SharedLayers of a home over a place: believes one key, and gives if it has its signer.

    `opened` gives the place for as long as a block lasts. After it could not be reached it is not
    asked again: a build waits for it once. Safe for several threads.
    """

    def __init__(
        self,
        home: Home,
        opened: Callable[[], AbstractContextManager[LayerPlace]],
        key: PublicKey,
        signer: Signer | None,
        note: Callable[[str], object],
    ) -> None:
        self._home = home
        self._opened = opened
        self._key = key
        self._signer = signer
        self._note = note
        self._gone = threading.Event()
        self._refused: set[str] = set()

    def bring(self, key: str) -> bool:
        """As `SharedLayers.bring`."""
        if self._gone.is_set():
            return False
        try:
            with self._opened() as place:
                document = _manifest(place, key)
                if document is None:
                    return False
                record = self._verified(place, key, document)
                place.fetch_blob(record.descriptor, self._home.store.blobs)
        except (UntrustedError, MalformedError, NotFoundError) as error:
            self._refused.add(key)
            self._note(f"layer {key[:12]} of the cache is refused, and made here: {error}")
            return False
        except IronhullError as error:
            self._give_up(error)
            return False
        write_record(self._home.layers, record)
        return True

    def keep(self, record: MadeLayer) -> None:
        """As `SharedLayers.keep`: what is there stays, unless it was refused."""
        if self._signer is None or self._gone.is_set():
            return
        try:
            with self._opened() as place:
                if record.key in self._refused or place.has_manifest(record.key) is None:
                    self._push(place, record, self._signer)
        except IronhullError as error:
            self._give_up(error)

    def _give_up(self, error: IronhullError) -> None:
        if not self._gone.is_set():
            self._gone.set()
            self._note(f"the cache of layers is not used any more: {error}")

    def _verified(self, place: LayerPlace, key: str, document: Document) -> MadeLayer:
        where = f"{place}:{key[:12]}"
        signed = _blob(place, document, ENVELOPE, where)
        envelope = parse_envelope(decode(signed, where), where)
        if envelope.payload_type != PAYLOAD_TYPE or not signers_of(envelope, [self._key]):
            raise UntrustedError(f"{where}: not signed by the key {self._key.fingerprint[:16]}")
        statement = parse_statement(envelope.payload, where)
        predicate = decode(statement.predicate, where)
        if statement.predicate_type != PREDICATE or text(predicate, "key", where) != key:
            raise UntrustedError(f"{where}: what is signed is not about this layer")
        raw = _blob(place, document, RECORD, where)
        if digest_of(raw) != text(predicate, "record", where):
            raise UntrustedError(f"{where}: its record is not the one that is signed")
        record = parse_record(key, raw)
        if record is None:
            raise MalformedError(f"{where}: its record is none")
        if [hex_of(record.descriptor.digest)] != [
            subject.digests.get("sha256") for subject in statement.subjects
        ]:
            raise UntrustedError(f"{where}: its record is of another layer than what is signed")
        return record

    def _push(self, place: LayerPlace, record: MadeLayer, signer: Signer) -> None:
        raw, blobs = record_bytes(record), self._home.store.blobs
        layer = record.descriptor
        statement = render_statement(
            [Subject(record.key, {"sha256": hex_of(layer.digest)})],
            PREDICATE,
            canonical({"key": record.key, "record": digest_of(raw)}),
        )
        signature = signer.sign(pae(PAYLOAD_TYPE, statement))
        envelope = Envelope(PAYLOAD_TYPE, statement, (Signature("", signature),))
        place.push_blob(layer, lambda: blobs.open(layer.digest))
        signed = msgspec.json.encode(envelope_json(envelope))
        value: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": ARTIFACT,
            "config": _given(place, OCI_EMPTY, _EMPTY),
            "layers": [
                _given(place, ENVELOPE, signed),
                _given(place, RECORD, raw),
                layer.json(),
            ],
        }
        place.push_manifest(Document.of(value), record.key)


def _manifest(place: LayerPlace, key: str) -> Document | None:
    """What is under the key; None: nothing, which is no fault as it is of a blob that it names."""
    try:
        return place.fetch_manifest(key)
    except NotFoundError:
        return None


def _blob(place: LayerPlace, document: Document, media_type: str, where: str) -> bytes:
    found = [layer for layer in document.layers if layer.media_type == media_type]
    if len(found) != 1:
        raise MalformedError(f"{where}: {len(found)} blobs of {media_type}, expected one")
    return place.read_blob(found[0], MAX_READ)


def _given(place: LayerPlace, media_type: str, data: bytes) -> dict[str, Any]:
    """The descriptor of a small blob that is then there."""
    descriptor = Descriptor(media_type, digest_of(data), len(data))
    place.push_blob(descriptor, lambda: io.BytesIO(data))
    return descriptor.json()
