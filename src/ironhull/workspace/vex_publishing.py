"""All VEX of a store's images as one numbered, signed set that a static server can carry.

<folder>/.well-known/vex-repository.json   what readers of VEX repositories ask for first
<folder>/v0/index.json, v0/pkg/…           the documents, and
<folder>/v0/vex-data.tar.gz                all of them as one archive
<folder>/set.json                          the set's number, the digest of the one before, its files
<folder>/set.sigstore.json                 the same as a signed statement about every file
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ironhull.attest.bundle import parse_bundle
from ironhull.attest.statement import Subject, render_statement
from ironhull.errors import InputError, MalformedError, NotFoundError, UntrustedError
from ironhull.json_fields import decode
from ironhull.oci.digest import Digest, digest_of, hex_of, parse_digest
from ironhull.oci.document import canonical
from ironhull.oci.platform import Platform
from ironhull.signing.dsse import signed_bundle, signers_of
from ironhull.signing.public_key import PublicKey
from ironhull.statements.kinds import VEX, VEX_SET
from ironhull.store.files import replace_file
from ironhull.vex.repository import repository, statements_in, updated_of
from ironhull.workspace.attestations import attestations, read_attestation
from ironhull.workspace.images import stored_images
from ironhull.workspace.machine import Machine
from ironhull.workspace.signing_keys import signer_of

MAX_SET = 64 << 20


@dataclass(frozen=True, slots=True)
class PublishedVex:
    """A set that was written."""

    number: int
    """From 1; a set with other content than the one before has the next."""
    digest: str
    """`sha256:…` of set.json."""
    images: tuple[str, ...]
    documents: int
    statements: int


def publish_vex(
    machine: Machine, folder: Path, images: Sequence[str] = (), url: str = "https://vex.example"
) -> PublishedVex:
    """Write the VEX attached to images of the store as a VEX repository; all images if none named.

    Equal content keeps its number. UntrustedError if the set that is there was not signed by this
    key: whose numbers would go on from it is to be decided by a person. InputError if no image has
    VEX, or nothing signs.
    """
    signer = signer_of(machine)
    names = images or sorted({each.name for each in stored_images(machine) if each.name})
    documents, of = _documents(machine, names, required=bool(images))
    if not documents:
        raise InputError("no image has VEX attached (ironhull attest NAME:TAG, with advisories)")
    files = repository(documents, url.rstrip("/"), updated_of(documents))
    listed = {path: digest_of(data) for path, data in sorted(files.items())}
    before = _previous(folder, signer.public)
    number = 1 if before is None else before[0] + 1
    if before is not None and before[2] == listed:
        number = before[0]
    else:
        previous = None if before is None else before[1]
        said = canonical({"number": number, "previous": previous, "files": listed})
        subjects = [Subject(path, {"sha256": hex_of(digest)}) for path, digest in listed.items()]
        bundle = signed_bundle(render_statement(subjects, VEX_SET, said), signer)
        for path, data in files.items():
            replace_file(folder / path, data)
        # What vouches for the files comes last: a reader sees the old set or the new one.
        replace_file(folder / "set.sigstore.json", bundle)
        replace_file(folder / "set.json", said)
    digest = digest_of((folder / "set.json").read_bytes())
    return PublishedVex(number, digest, tuple(of), len(documents), statements_in(files))


def published_set(folder: Path, key: PublicKey) -> tuple[int, Digest]:
    """Number and digest of the set in a folder; NotFoundError, UntrustedError for another's key."""
    found = _previous(folder, key)
    if found is None:
        raise NotFoundError(f"{folder} has no set of VEX (`ironhull vex publish` writes one)")
    return found[0], parse_digest(found[1])


def _documents(
    machine: Machine, names: Sequence[str], *, required: bool
) -> tuple[list[bytes], list[str]]:
    """The VEX of every platform of the images, each once, and the images that have some."""
    found: dict[str, bytes] = {}
    having = []
    for name in names:
        _, digest, listed = attestations(machine, f"store:{name}")
        mine = [each for each in listed if each.attachment.type == VEX]
        if not mine and required:
            raise InputError(f"{name} has no VEX attached (ironhull attest {name} --type vex)")
        for each in mine:
            if each.attachment.digest not in found:
                platform = Platform.parse(each.platform) if each.platform else None
                found[each.attachment.digest] = read_attestation(
                    machine, f"store:{name}", each.attachment.digest, platform
                )
        if mine:
            having.append(f"{name}@{digest}")
    return [found[key] for key in sorted(found)], having


def _previous(folder: Path, key: PublicKey) -> tuple[int, str, dict[str, str]] | None:
    """Number, digest and files of the set that is there; None where there is none."""
    path = folder / "set.json"
    if not path.exists():
        return None
    data = path.read_bytes()[: MAX_SET + 1]
    try:
        bundle = (folder / "set.sigstore.json").read_bytes()[: MAX_SET + 1]
    except OSError:
        raise UntrustedError(f"{folder} has a set without a signature; remove it") from None
    envelope = parse_bundle(decode(bundle, "set.sigstore.json"), "set.sigstore.json").envelope
    if not signers_of(envelope, [key]) or canonical(_predicate(envelope.payload)) != data:
        raise UntrustedError(
            f"the set in {folder} was not signed by this key; if it is yours, sign with its key, "
            "else write to another folder"
        )
    value = decode(data, str(path))
    number, files = value.get("number"), value.get("files")
    if not isinstance(number, int) or number < 1 or not isinstance(files, dict):
        raise MalformedError(f"{path} is no set")
    return number, digest_of(data), files


def _predicate(payload: bytes) -> object:
    return json.loads(payload).get("predicate")
