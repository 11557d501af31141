"""in-toto statements (v1 and v0.1): what is said, and of which artifacts. Written: v1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ironhull.errors import MalformedError
from ironhull.json_fields import an_object, decode, objects, text
from ironhull.oci.document import canonical
from ironhull.values import dataclass

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_SUBJECTS = 100_000


@dataclass(frozen=True, slots=True)
class Subject:
    """An artifact that a statement is about. Digests identify it, names do not."""

    name: str
    digests: Mapping[str, str]
    """Algorithm → digest in hexadecimal, as written."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement; a field that it lacks is empty."""

    type: str
    """`https://in-toto.io/Statement/v1`, or `…/v0.1`."""
    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: bytes
    """JSON, byte by byte as it stands in the statement."""


class _Written(msgspec.Struct):
    predicate: msgspec.Raw
    type: Any = msgspec.field(default="", name="_type")
    subject: Any = None
    predicate_type: Any = msgspec.field(default="", name="predicateType")


# Made when this is loaded: what msgspec first learns of a type in several threads at once ends the
# process.
_WRITTEN = msgspec.json.Decoder(_Written)


def parse_statement(data: bytes, name: str) -> Statement:
    """The statement that a payload is; MalformedError for what is none."""
    try:
        written = _WRITTEN.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        decode(data, name)
        raise MalformedError(f"{name}: a statement without a predicate") from None
    value = {
        "_type": written.type,
        "subject": written.subject,
        "predicateType": written.predicate_type,
    }
    subjects = objects(value, "subject", name)
    if len(subjects) > MAX_SUBJECTS:
        raise MalformedError(f"{name}: a statement about {len(subjects)} artifacts")
    return Statement(
        type=text(value, "_type", name),
        subjects=tuple(_subject(each, name) for each in subjects),
        predicate_type=text(value, "predicateType", name),
        predicate=bytes(written.predicate),
    )


def render_statement(subjects: Sequence[Subject], predicate_type: str, predicate: bytes) -> bytes:
    """A statement of version 1, in canonical JSON around the predicate's own bytes."""
    listed = [{"digest": dict(each.digests), "name": each.name} for each in subjects]
    head = canonical({"_type": STATEMENT_TYPE})[:-1]
    tail = canonical({"predicateType": predicate_type, "subject": listed})[1:]
    return head + b',"predicate":' + predicate + b"," + tail


def _subject(value: dict[str, Any], name: str) -> Subject:
    digests = an_object(value, "digest", name)
    if not all(isinstance(each, str) for each in digests.values()):
        raise MalformedError(f"{name}: the digests of a subject are not texts")
    return Subject(text(value, "name", name), digests)
