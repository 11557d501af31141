"""Opens whatever is attached: a bundle, an envelope, a statement, or a document as it is."""

from __future__ import annotations

from codecs import BOM_UTF8

import msgspec

from ironhull.attest.bundle import parse_bundle
from ironhull.attest.envelope import Envelope, parse_envelope
from ironhull.attest.opened import Opened
from ironhull.attest.statement import parse_statement
from ironhull.errors import MalformedError
from ironhull.json_fields import decode

_ABSENT = msgspec.Raw()


class _Shape(msgspec.Struct):
    """The fields by which the kinds are told apart, not read yet."""

    envelope: msgspec.Raw = msgspec.field(default=_ABSENT, name="dsseEnvelope")
    payload: msgspec.Raw = _ABSENT
    payload_type: msgspec.Raw = msgspec.field(default=_ABSENT, name="payloadType")
    predicate: msgspec.Raw = _ABSENT
    predicate_type: msgspec.Raw = msgspec.field(default=_ABSENT, name="predicateType")

    @property
    def is_bundle(self) -> bool:
        return bytes(self.envelope).startswith(b"{")

    @property
    def is_envelope(self) -> bool:
        return bytes(self.payload).startswith(b'"') and bool(bytes(self.payload_type))

    @property
    def is_statement(self) -> bool:
        return bytes(self.predicate).startswith(b"{") and bool(bytes(self.predicate_type))


# Made when this is loaded: what msgspec first learns of a type in several threads at once ends the
# process.
_SHAPE = msgspec.json.Decoder(_Shape)


def open_attachment(data: bytes, name: str) -> Opened:
    """What a bundle, an envelope or a statement holds; MalformedError for damaged ones.

    No signature is looked at: who signed it is to be checked before. What is none of them is
    given back as it is.
    """
    # Editors of one system write a byte order mark, which no JSON has.
    data = data.removeprefix(BOM_UTF8)
    shape = _shape(data, name)
    envelope: Envelope | None = None
    if shape.is_bundle:
        envelope = parse_bundle(decode(data, name), name).envelope
    elif shape.is_envelope:
        envelope = parse_envelope(decode(data, name), name)
    if envelope is not None:
        data = envelope.payload
        shape = _shape(data, name)
    if shape.is_statement:
        statement = parse_statement(data, name)
        return Opened(statement.predicate, statement.predicate_type)
    return Opened(data)


def _shape(data: bytes, name: str) -> _Shape:
    try:
        return _SHAPE.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        # Anything may stand in these fields, so that it is no JSON or no object: said as such.
        decode(data, name)
        raise MalformedError(f"{name}: not a JSON object") from None
