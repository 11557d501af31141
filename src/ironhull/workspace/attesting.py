"""Signed statements about an image of the store or a registry, attached to it.

Every statement is a referrer of its own, of the manifest of a platform; the index is signed too, so
that whoever comes by a tag finds a signature (docs/compatibility.md, *verify signature*). What
others have attached stays (`attest_places`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ironhull.advisories.database import Database
from ironhull.attest.attaching import referrer_of
from ironhull.attest.statement import Subject, render_statement
from ironhull.errors import InputError, MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import Document
from ironhull.oci.platform import Platform
from ironhull.registry.client.naming import Kind, find_location
from ironhull.signing.dsse import signed_bundle
from ironhull.signing.interface import BundleSigner, Signer
from ironhull.statements.kinds import REBUILDS, SCORE, SIGNATURE, kind_of
from ironhull.workspace.attest_places import AttestPlace, attest_place
from ironhull.workspace.machine import Machine
from ironhull.workspace.predicates import MADE, AttestedPlatform, LookedInto, Unsaid, predicate
from ironhull.workspace.rebuilders import rebuilders_of
from ironhull.workspace.scanning import ScanChoices
from ironhull.workspace.signing_keys import fingerprint_of, statement_signer

CREATED = "org.opencontainers.image.created"


@dataclass(frozen=True, slots=True)
class AttestChoices:
    """What attesting may be told besides the image."""

    types: Sequence[str] = MADE
    """Predicate types; all that Ironhull knows how to make."""
    predicates: Mapping[str, bytes] = field(default_factory=dict)
    """Predicates that somebody brings, by type: JSON objects."""
    platforms: Sequence[Platform] = ()
    """Which of the image's; none: all."""
    scan: ScanChoices = field(default_factory=ScanChoices)
    rebuilders: Sequence[str] = ()
    """Addresses, files and folders of attestations of who else rebuilt packages (rebuilderd's)."""
    rebuilder_keys: Sequence[Path] = ()
    """Public keys of those whose word counts."""


@dataclass(frozen=True, slots=True)
class Said:
    """A statement that was attached."""

    predicate_type: str
    platform: str
    """Empty: the statement is about the index."""
    subject: Digest
    referrer: Digest
    """Of the manifest that carries it."""
    size: int
    """Bytes of the bundle."""

    @property
    def kind(self) -> str:
        """`provenance`, or the type where there is no word for it."""
        return kind_of(self.predicate_type)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A statement that was not made, and why."""

    predicate_type: str
    platform: str
    """Empty: the statement would have been about the only platform."""
    reason: str

    @property
    def kind(self) -> str:
        """As `Said.kind`."""
        return kind_of(self.predicate_type)


@dataclass(frozen=True, slots=True)
class Attested:
    """What was said of one image."""

    name: str
    digest: Digest
    """Of the index, or of the manifest if the image has no index."""
    key: str
    """Fingerprint of the key that signed, or of the identity (`BundleSigner`)."""
    said: tuple[Said, ...]
    left_out: tuple[LeftOut, ...]


def attest(
    machine: Machine,
    name: str,
    chosen: AttestChoices,
    known: Mapping[Digest, LookedInto] | None = None,
    advisories: Database | None = None,
) -> Attested:
    """Make, sign and attach statements about an image of the store or a registry, all platforms.

    `known` is what somebody has found in manifests of the image just now: those are not opened
    again; nor are `advisories`, where somebody has them open. What cannot be said is left out with
    its reason. InputError where nothing signs, or for a predicate that is no JSON object;
    NetworkError.
    """
    signer = _signer(machine, name)
    others = None
    if chosen.rebuilders:
        others = rebuilders_of(machine, chosen.rebuilders, chosen.rebuilder_keys)
    with attest_place(machine, name) as place:
        root, label = place.root, name.removeprefix("docker://").partition("@")[0]
        writing = _Writing(place, signer, label.rpartition("/")[2].partition(":")[0])
        if root.is_index:
            writing.say(root.descriptor(), "", _created(root), SIGNATURE, b"{}")
        for platform, manifest in _manifests(place, chosen.platforms):
            about = (root.descriptor(), manifest.descriptor(), platform, chosen.scan, others)
            seen = (known or {}).get(manifest.digest)
            image = AttestedPlatform(machine, place.reference, *about, seen, advisories)
            _attest(writing, image, manifest, chosen)
        writing.list()
    return Attested(
        name,
        root.digest,
        fingerprint_of(signer),
        tuple(writing.said),
        tuple(writing.left_out),
    )


def attach(
    machine: Machine, name: str, digest: Digest, predicate_type: str, said: Mapping[Digest, bytes]
) -> Attested:
    """Sign and attach one predicate to each of these manifests of an image, and nothing besides.

    No signature of the image: who says what he found does not publish it. InputError where `name`
    means another image than `digest` by now, where it has no such manifest, and where nothing
    signs; NetworkError.
    """
    signer = _signer(machine, name)
    with attest_place(machine, name) as place:
        root, label = place.root, name.removeprefix("docker://").partition("@")[0]
        if root.digest != digest:
            raise InputError(f"{name} is {root.digest} by now, and what is said is of {digest}")
        writing = _Writing(place, signer, label.rpartition("/")[2].partition(":")[0])
        listed = {manifest.digest: (at, manifest) for at, manifest in _manifests(place, ())}
        for subject, predicate_said in said.items():
            if subject not in listed:
                raise InputError(f"{name} has no manifest {subject}")
            platform, manifest = listed[subject]
            about = (manifest.descriptor(), str(platform or ""), _created(manifest))
            writing.say(*about, predicate_type, predicate_said)
        writing.list()
    return Attested(name, root.digest, fingerprint_of(signer), tuple(writing.said), ())


def _signer(machine: Machine, name: str) -> Signer | BundleSigner:
    """Who signs; an image that is not here is said first, without a registry being asked."""
    try:
        return statement_signer(machine)
    except InputError:
        if find_location(name).kind is not Kind.REGISTRY:
            with attest_place(machine, name):
                pass
        raise


def _attest(
    writing: _Writing, image: AttestedPlatform, manifest: Document, chosen: AttestChoices
) -> None:
    created, platform = _created(manifest), str(image.platform or "")
    asked = (REBUILDS,) if image.rebuilders is not None else ()
    given = {**chosen.predicates, **(image.known.more if image.known else {})}
    for predicate_type in dict.fromkeys((*asked, *chosen.types, *given)):
        if predicate_type == SCORE:
            # It counts what is attached.
            writing.list()
        try:
            said = given.get(predicate_type) or predicate(image, predicate_type)
        except Unsaid as reason:
            writing.left_out.append(LeftOut(predicate_type, platform, str(reason)))
            continue
        writing.say(manifest.descriptor(), platform, created, predicate_type, said)


class _Writing:
    """Bundles on their way to an image; they are listed when their blobs are there."""

    def __init__(self, place: AttestPlace, signer: Signer | BundleSigner, name: str) -> None:
        self.said: list[Said] = []
        self.left_out: list[LeftOut] = []
        self._place, self._signer, self._name = place, signer, name
        self._documents: list[Document] = []

    def say(
        self, subject: Descriptor, platform: str, created: str, predicate_type: str, said: bytes
    ) -> None:
        """Sign a statement and store its bundle."""
        about = Subject(self._name, {"sha256": hex_of(subject.digest)})
        bundle = signed_bundle(render_statement([about], predicate_type, said), self._signer)
        made = referrer_of(self._place.blobs, subject, bundle, predicate_type, created)
        self._documents.append(made)
        self.said.append(Said(predicate_type, platform, subject.digest, made.digest, len(bundle)))

    def list(self) -> None:
        """Attach what was stored."""
        if self._documents:
            self._place.attach(self._documents, self._signer)
        self._documents.clear()


def _manifests(
    place: AttestPlace, wanted: Sequence[Platform]
) -> list[tuple[Platform | None, Document]]:
    if not place.root.is_index:
        return [(None, place.root)]
    found = [
        (item.platform, place.document(item))
        for item in place.root.manifests
        if not wanted or item.platform in wanted
    ]
    if not found:
        raise InputError(f"the image is not for {', '.join(map(str, wanted))}")
    return found


def _created(document: Document) -> str:
    """When the image was made, as it says: what is attached says the same, whenever it is made."""
    annotations = document.value.get("annotations")
    text = annotations.get(CREATED) if isinstance(annotations, dict) else None
    return text if isinstance(text, str) else "1970-01-01T00:00:00Z"


def checked_predicate(data: bytes, name: str) -> bytes:
    """A predicate from outside, in canonical JSON; MalformedError for what is no object."""
    from ironhull.json_fields import decode
    from ironhull.oci.document import canonical

    try:
        return canonical(decode(data, name))
    except (ValueError, RecursionError):
        raise MalformedError(f"{name}: cannot be written as JSON") from None


def attested_json(done: Attested) -> dict[str, object]:
    """What `ironhull attest --json` says."""
    return {
        "name": done.name,
        "digest": done.digest,
        "key": done.key,
        "statements": [
            {
                "kind": each.kind,
                "predicate_type": each.predicate_type,
                "platform": each.platform or None,
                "subject": each.subject,
                "referrer": each.referrer,
                "size": each.size,
            }
            for each in done.said
        ],
        "left_out": [
            {
                "kind": each.kind,
                "platform": each.platform or None,
                "reason": each.reason,
            }
            for each in done.left_out
        ],
    }
