"""One publication: the predicate of its statement, whose subject is the image's root manifest.

The repository is named without its registry, so that a record holds wherever the repository is
mirrored under its own name. docs/publication-record.md has the fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from ironhull.attest.listing import type_of
from ironhull.errors import InputError, MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, parse_digest
from ironhull.oci.document import Document, canonical
from ironhull.oci.media_types import INDEXES, MANIFESTS
from ironhull.oci.reference import MAX_NAME, NAME, TAG
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.store.referrers import referrer_descriptor
from ironhull.verify.strict import strict_object

MAX_RECORDS = 1 << 16
MAX_TAGS = 100
MAX_PLATFORMS = 100
MAX_STATEMENTS = 2000
_MAX_TEXT = 500
_MAX_SIZE = 1 << 40
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_PLATFORM = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){1,2}")
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, order=True)
class PublishedPlatform:
    """A manifest that the index lists."""

    platform: str
    """`linux/amd64`; `unknown/unknown` where the index does not say."""
    digest: Digest


@dataclass(frozen=True, slots=True, order=True)
class PublishedStatement:
    """Something that was attached: a referrer by its manifest's digest."""

    subject: Digest
    type: str
    """The predicate's type, else the artifact's."""
    referrer: Digest
    size: int
    """Bytes of the referrer's manifest."""


@dataclass(frozen=True, slots=True)
class VexSet:
    """A numbered set of VEX statements that held when it was published."""

    number: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published, before it is numbered."""

    repository: str
    """Without the registry."""
    tags: tuple[str, ...]
    """Those that were moved to the image."""
    image: Digest
    """Of the index, or of the manifest of an image without one."""
    media_type: str
    size: int
    platforms: tuple[PublishedPlatform, ...]
    statements: tuple[PublishedStatement, ...]
    vex_set: VexSet | None
    published: datetime
    """UTC, whole seconds."""

    def says_the_same_as(self, other: Publication) -> bool:
        """Whether it is the same image with the same statements; tags and time apart."""
        return (
            (self.image, self.platforms, self.vex_set)
            == (other.image, other.platforms, other.vex_set)
        ) and set(self.statements) == set(other.statements)

    def at(self, when: datetime) -> Publication:
        """The same at another time."""
        return replace(self, published=when)


@dataclass(frozen=True, slots=True)
class Record:
    """A publication in its place in the chain."""

    number: int
    """From 1."""
    previous: Digest | None
    """SHA-256 of the bundle of the record before; None for the first."""
    publication: Publication


def publication_of(
    repository: str,
    tags: Sequence[str],
    root: Document,
    attached: Sequence[Document],
    vex_set: VexSet | None,
    now: datetime,
) -> Publication:
    """A publication as it has just happened; InputError for one that is too large to record."""
    listed = root.manifests if root.is_index else ()
    platforms = {
        PublishedPlatform(str(each.platform or "unknown/unknown"), each.digest)
        for each in listed
        if "vnd.docker.reference.type" not in each.annotations
    }
    statements = {
        _statement(referrer_descriptor(document), document.subject)
        for document in attached
        if document.subject is not None
    }
    for what, count, most in (
        ("tags", len(tags), MAX_TAGS),
        ("platforms", len(platforms), MAX_PLATFORMS),
        ("statements", len(statements), MAX_STATEMENTS),
    ):
        if count > most:
            raise InputError(f"{count} {what}: a record has at most {most} (--no-record: none)")
    return Publication(
        repository,
        tuple(sorted(set(tags))),
        root.digest,
        root.media_type,
        len(root.raw),
        tuple(sorted(platforms)),
        tuple(sorted(statements)),
        vex_set,
        now.astimezone(UTC).replace(microsecond=0),
    )


def _statement(shown: Descriptor, subject: Descriptor) -> PublishedStatement:
    return PublishedStatement(subject.digest, type_of(shown), shown.digest, shown.size)


def render_record(record: Record) -> bytes:
    """The predicate, in canonical JSON."""
    said = record.publication
    vex = said.vex_set
    return canonical(
        {
            "number": record.number,
            "previous": record.previous,
            "repository": said.repository,
            "tags": list(said.tags),
            "image": {"digest": said.image, "mediaType": said.media_type, "size": said.size},
            "platforms": [
                {"platform": each.platform, "digest": each.digest} for each in said.platforms
            ],
            "statements": [
                {
                    "subject": each.subject,
                    "type": each.type,
                    "referrer": each.referrer,
                    "size": each.size,
                }
                for each in said.statements
            ],
            "vexSet": None if vex is None else {"number": vex.number, "digest": vex.digest},
            "published": said.published.strftime(_MOMENT),
        }
    )


def parse_record(predicate: bytes) -> Record:
    """The record that a predicate is, every field checked; LogRefusedError, RefusedError.

    Fields that this version does not know are passed over: they are signed with the rest.
    """
    value = strict_object(predicate, "the record", folded=True)
    try:
        return _record(value)
    except MalformedError as error:
        raise LogRefusedError(LogReason.WRONG_FIELD, str(error)) from None


def _record(value: dict[str, Any]) -> Record:
    number = _number(value, "number", MAX_RECORDS)
    previous = value.get("previous")
    if (previous is None) != (number == 1) or "previous" not in value:
        raise MalformedError(f"previous: {previous!r:.100} in record {number}")
    image, vex = _object(value, "image"), value.get("vexSet")
    media_type = _text(image, "mediaType")
    if media_type not in INDEXES | MANIFESTS:
        raise MalformedError(f"mediaType: {media_type!r:.100} is no index or manifest")
    said = Publication(
        repository=_matching(value, "repository", NAME, MAX_NAME),
        tags=_list(value, "tags", MAX_TAGS, _tag),
        image=parse_digest(image.get("digest")),
        media_type=media_type,
        size=_number(image, "size", _MAX_SIZE),
        platforms=_list(value, "platforms", MAX_PLATFORMS, _a_platform),
        statements=_list(value, "statements", MAX_STATEMENTS, _a_statement),
        vex_set=None if vex is None else _a_vex_set(vex),
        published=_moment(value),
    )
    return Record(number, None if previous is None else parse_digest(previous), said)


def _a_platform(value: object) -> PublishedPlatform:
    each = _an_object(value, "platforms")
    return PublishedPlatform(
        _matching(each, "platform", _PLATFORM, 100), parse_digest(each.get("digest"))
    )


def _a_statement(value: object) -> PublishedStatement:
    each = _an_object(value, "statements")
    return PublishedStatement(
        parse_digest(each.get("subject")),
        _text(each, "type"),
        parse_digest(each.get("referrer")),
        _number(each, "size", _MAX_SIZE),
    )


def _a_vex_set(value: object) -> VexSet:
    each = _an_object(value, "vexSet")
    return VexSet(_number(each, "number", _MAX_SIZE), parse_digest(each.get("digest")))


def _tag(value: object) -> str:
    if not isinstance(value, str) or not TAG.fullmatch(value):
        raise MalformedError(f"tags: {value!r:.200} is no tag")
    return value


def _moment(value: dict[str, Any]) -> datetime:
    text = _text(value, "published")
    try:
        found = datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        found = None
    if found is None or found.strftime(_MOMENT) != text:
        raise MalformedError(f"published: {text!r:.100} is no time like 2026-11-28T12:00:00Z")
    return found


def _list(
    value: dict[str, Any], key: str, most: int, read: Callable[[object], _Item]
) -> tuple[_Item, ...]:
    found = value.get(key)
    if not isinstance(found, list) or len(found) > most:
        raise MalformedError(f"{key} is missing, no list, or has more than {most} items")
    items = tuple(map(read, found))
    if len(set(items)) != len(items):
        raise MalformedError(f"{key}: the same twice")
    return items


def _matching(value: dict[str, Any], key: str, pattern: re.Pattern[str], most: int) -> str:
    found = _text(value, key)
    if len(found) > most or not pattern.fullmatch(found):
        raise MalformedError(f"{key}: {found!r:.200} is none")
    return found


def _text(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str) or not 0 < len(found) <= _MAX_TEXT:
        raise MalformedError(f"{key} is missing, no text, or longer than {_MAX_TEXT}")
    return found


def _number(value: dict[str, Any], key: str, most: int) -> int:
    found = value.get(key)
    if type(found) is not int or not 0 < found <= most:
        raise MalformedError(f"{key}: {found!r:.50} is no number from 1 to {most}")
    return found


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    return _an_object(value.get(key), key)


def _an_object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError(f"{what}: expected an object, got {type(value).__name__}")
    return value
