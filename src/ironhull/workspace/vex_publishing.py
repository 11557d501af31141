"""All VEX of a store's images as one numbered, signed set, in a folder or in a registry.

<folder>/.well-known/vex-repository.json   what readers of VEX repositories ask for first
<folder>/v0/index.json, v0/pkg/…           the documents, and
<folder>/v0/vex-data.tar.gz                all of them as one archive
<folder>/osv/all.zip                       what our images mended of the sets before (OSV)
<folder>/set.json                          the set's number, the digest of the one before, its files
<folder>/set.sigstore.json                 the same as a signed statement about every file
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ironhull.attest.bundle import parse_bundle
from ironhull.attest.listing import LayoutPlace, attached_to, read_bundles
from ironhull.attest.statement import Subject, parse_statement, render_statement
from ironhull.errors import InputError, MalformedError, NotFoundError, UntrustedError
from ironhull.json_fields import decode, objects, text
from ironhull.oci.digest import Digest, digest_of, hex_of
from ironhull.oci.document import canonical
from ironhull.registry.client.naming import find_stored
from ironhull.signing.dsse import signed_bundle, signers_of
from ironhull.signing.public_key import PublicKey
from ironhull.state.inventories import InventoryStore
from ironhull.statements.kinds import VEX, VEX_SET
from ironhull.store.referrers import Referrers
from ironhull.vex.fixes import FEED, Built, MendedImage, osv_feed
from ironhull.vex.repository import VERSION, bare_purl, repository, statements_in, updated_of
from ironhull.workspace.images import stored_images
from ironhull.workspace.machine import Machine
from ironhull.workspace.signing_keys import signer_of
from ironhull.workspace.vex_places import MAX_SET, SET, SET_BUNDLE, SetPlace, set_place


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
    machine: Machine,
    target: Path | str,
    images: Sequence[str] = (),
    url: str = "https://vex.example",
) -> PublishedVex:
    """Write the VEX attached to images of the store as a VEX repository; all images if none named.

    `target` is a folder, or a reference with a host. Only what this key signed is published. Equal
    content keeps its number. UntrustedError if the set that is there was not signed by this key:
    whose numbers would go on from it is to be decided by a person. InputError if no image has VEX,
    or nothing signs.
    """
    signer = signer_of(machine)
    names = images or sorted({each.name for each in stored_images(machine) if each.name})
    attached, of = _attached(machine, names, signer.public, required=bool(images))
    documents = [each.document for each in attached]
    if not documents:
        raise InputError(
            "no image has VEX attached that this key signed (ironhull attest NAME:TAG, with"
            " advisories)"
        )
    updated = updated_of(documents)
    with set_place(machine, target) as place:
        before = _previous(place, signer.public)
        files = repository(documents, url.rstrip("/"), updated)
        mended = _mended(machine, attached)
        files[FEED] = _feed(place, before, mended, updated)
        number, said = _numbered(before, files)
        if before is None or said != before.said:
            bundle = signed_bundle(_statement(files, said), signer)
            place.write({**files, SET: said, SET_BUNDLE: bundle}, signer)
    return PublishedVex(number, digest_of(said), tuple(of), len(documents), statements_in(files))


def published_set(machine: Machine, target: Path | str, key: PublicKey) -> tuple[int, Digest]:
    """Number and digest of the set in a place; NotFoundError, UntrustedError for another's key."""
    with set_place(machine, target) as place:
        found = _previous(place, key)
        if found is None:
            raise NotFoundError(f"{place.label} has no set of VEX (`ironhull vex publish`)")
        return found.number, digest_of(found.said)


@dataclass(frozen=True, slots=True)
class _Attached:
    """A VEX document about a manifest of an image, signed by the key."""

    document: bytes
    subject: Digest


@dataclass(frozen=True, slots=True)
class _Before:
    """The set that is there."""

    number: int
    said: bytes
    """set.json."""
    files: dict[str, str]
    """Path → digest."""


def _numbered(before: _Before | None, files: Mapping[str, bytes]) -> tuple[int, bytes]:
    """Number of these files as a set, and its set.json."""
    listed = {path: digest_of(data) for path, data in sorted(files.items())}
    if before is not None and before.files == listed:
        return before.number, before.said
    number = 1 if before is None else before.number + 1
    previous = None if before is None else digest_of(before.said)
    return number, canonical({"number": number, "previous": previous, "files": listed})


def _statement(files: Mapping[str, bytes], said: bytes) -> bytes:
    subjects = [Subject(path, {"sha256": hex_of(digest_of(files[path]))}) for path in sorted(files)]
    return render_statement(subjects, VEX_SET, said)


def _attached(
    machine: Machine, names: Sequence[str], key: PublicKey, *, required: bool
) -> tuple[list[_Attached], list[str]]:
    """The VEX that a key signed of every platform, each once, and the images that have some."""
    store = machine.home.store
    referrers = Referrers(store)
    found: dict[Digest, _Attached] = {}
    having = []
    for name in names:
        root = find_stored(store, name).digest
        mine = dict(_signed(LayoutPlace(store, root, referrers), name, key))
        if not mine and required:
            raise InputError(
                f"{name} has no VEX attached that this key signed (ironhull attest {name} --type"
                " vex)"
            )
        found |= mine
        if mine:
            having.append(f"{name}@{root}")
    return [found[digest] for digest in sorted(found)], having


def _signed(place: LayoutPlace, name: str, key: PublicKey) -> Iterator[tuple[Digest, _Attached]]:
    root = place.root()
    parts = [root.digest, *(each.digest for each in (root.manifests if root.is_index else ()))]
    for each in attached_to(place, parts):
        if each.type != VEX:
            continue
        for bundle in read_bundles(place, each.manifest, MAX_SET, f"VEX of {name}"):
            if signers_of(bundle.envelope, [key]):
                statement = parse_statement(bundle.envelope.payload, f"VEX of {name}")
                yield each.digest, _Attached(statement.predicate, Digest(each.subject))


def _feed(
    place: SetPlace, before: _Before | None, images: Iterable[MendedImage], updated: str
) -> bytes:
    """The feed of our own fixes: that of the set before, and what this one mends of it."""
    earlier = {}
    for path in before.files if before else ():
        if path.endswith("/vex.json"):
            data = _held(place, before, path)
            bare = "pkg:" + path.removeprefix(f"{VERSION}/pkg/").removesuffix("/vex.json")
            earlier[bare] = objects(decode(data, path), "statements", path)
    carried = _held(place, before, FEED) if before and FEED in before.files else None
    return osv_feed(earlier, images, carried, updated)


def _held(place: SetPlace, before: _Before | None, path: str) -> bytes:
    """A file of the set before, as it was signed."""
    data = place.read(path)
    if data is None or before is None or digest_of(data) != before.files[path]:
        raise UntrustedError(f"{place.label}/{path} is not as it was signed; publish elsewhere")
    return data


def _mended(machine: Machine, attached: Iterable[_Attached]) -> Iterator[MendedImage]:
    """What the images hold whose VEX is published; those that nobody looked into mend nothing."""
    inventories = InventoryStore(machine.home.inventories)
    for each in attached:
        inventory = inventories.get(each.subject)
        if inventory is None or inventory.distribution.id != "debian":
            continue
        packages = {
            package.name: Built(package.version, package.source, package.source_version)
            for package in inventory.packages
            if package.type == "deb"
        }
        statements = objects(decode(each.document, "VEX"), "statements", "VEX")
        products = {
            text(product, "@id", "VEX")
            for statement in statements
            for product in objects(statement, "products", "VEX")
        }
        for product in sorted(products):
            ecosystem = f"Debian:{inventory.distribution.version_id}"
            bare = bare_purl(product, "VEX")
            yield MendedImage(product, bare, ecosystem, statements, packages)


def _previous(place: SetPlace, key: PublicKey) -> _Before | None:
    """The set that is there; None where there is none, UntrustedError for another key's."""
    data = place.read(SET)
    if data is None:
        return None
    bundle = place.read(SET_BUNDLE)
    if bundle is None:
        raise UntrustedError(f"{place.label} has a set without a signature; remove it")
    envelope = parse_bundle(decode(bundle, SET_BUNDLE), SET_BUNDLE).envelope
    if not signers_of(envelope, [key]) or canonical(_predicate(envelope.payload)) != data:
        raise UntrustedError(
            f"the set in {place.label} was not signed by this key; if it is yours, sign with its"
            " key, else publish elsewhere"
        )
    value = decode(data, f"{place.label}/{SET}")
    number, files = value.get("number"), value.get("files")
    if not isinstance(number, int) or number < 1 or not isinstance(files, dict):
        raise MalformedError(f"{place.label}/{SET} is no set")
    return _Before(number, data, files)


def _predicate(payload: bytes) -> object:
    return json.loads(payload).get("predicate")
