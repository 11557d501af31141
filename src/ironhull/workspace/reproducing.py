"""Images built again from what their provenance says, and compared with what is there.

Nothing of the original but its signed provenance goes into the build: the definition and the lock
are in it, the packages come from the archive, by digest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ironhull.build import versions
from ironhull.build.built import BuiltImage
from ironhull.build.compression import Compression
from ironhull.build.recipe import Recipe
from ironhull.compare.difference import Difference, differences
from ironhull.errors import InputError
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.platform import Platform
from ironhull.registry.client.interface import Source
from ironhull.reports.words import moment
from ironhull.settings import Unpinned
from ironhull.signing.dsse import signed_bundle
from ironhull.statements.kinds import PROVENANCE
from ironhull.statements.recipe import recipe_in
from ironhull.store.home import Home
from ironhull.store.layout import ImageLayout
from ironhull.store.trees import remove_tree
from ironhull.verify.evidence import Subject, collect
from ironhull.verify.kinds import SUMMARY
from ironhull.verify.summary import BuiltAgain, reproduction, reproduction_statement
from ironhull.workspace.attest_places import attest_place
from ironhull.workspace.attesting import Attested, attach
from ironhull.workspace.building import BuildChoices, build_images
from ironhull.workspace.image_place import image_place
from ironhull.workspace.machine import Machine
from ironhull.workspace.signing_keys import statement_signer
from ironhull.workspace.verify_places import Places
from ironhull.workspace.verifying import trust_of


@dataclass(frozen=True, slots=True)
class ReproduceChoices:
    """What reproducing may be told besides the image."""

    keys: Sequence[Path] = ()
    """Public keys that may have signed the provenance; none: those of the home's ring."""
    platforms: Sequence[Platform] = ()
    """Which of the image's; none: all."""


@dataclass(frozen=True, slots=True)
class ReproducedPlatform:
    """One platform's image, built again."""

    platform: str
    original: Digest
    made: Digest
    provenance: Digest
    """Of the referrer whose provenance it was made from."""
    signers: tuple[str, ...]
    """Who signed that."""
    causes: tuple[str, ...] = ()
    """What is known to be different here: versions of what builds."""
    differences: tuple[Difference, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether it is the same image, byte for byte."""
        return self.original == self.made


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What came of it."""

    name: str
    digest: Digest
    platforms: tuple[ReproducedPlatform, ...]
    moment: str
    """When: RFC 3339."""

    @property
    def equal(self) -> bool:
        """Whether every platform is the same image."""
        return all(each.equal for each in self.platforms)


def reproduce(machine: Machine, reference: str, chosen: ReproduceChoices) -> Reproduced:
    """Build an image again from its provenance, and compare.

    The provenance has to be signed by a key that is believed. InputError where there is none, or
    where it does not carry what it takes; UntrustedError, NetworkError as for a build. What differs
    is in the answer.
    """
    try:
        trust = trust_of(machine, chosen.keys)
    except InputError:
        Places(machine).must_have(reference)
        raise
    with image_place(machine, reference) as place:
        root = place.root()
        evidence = collect(place, root, trust, chosen.platforms, lambda kind: kind == PROVENANCE)
        with _workshop(machine) as workshop:
            done = tuple(_platform(workshop, place, image) for image in evidence.images)
    return Reproduced(reference, root.digest, done, moment(datetime.now(UTC)))


def ready_to_say(machine: Machine, reference: str, *, attach: bool) -> None:
    """Whether what comes of it can be signed, and attached, here: asked before the building.

    InputError, NotFoundError, NetworkError.
    """
    statement_signer(machine)
    if attach:
        with attest_place(machine, reference):
            pass


def summary_of(machine: Machine, done: Reproduced, *, sign: bool) -> bytes:
    """What came of it as a verification summary about every image that was built again.

    A statement, or a bundle signed by this machine's key; InputError where nothing signs here.
    """
    statement = reproduction_statement(done.name, done.moment, _built_again(done.platforms))
    return signed_bundle(statement, statement_signer(machine)) if sign else statement


def attach_summaries(machine: Machine, done: Reproduced) -> Attested:
    """Sign what came of it and attach it to each image that was built again, equal or not.

    In the store, else in the registry; see `attesting.attach`.
    """
    said = {
        each.original: reproduction(done.name, done.moment, _built_again([each]))
        for each in done.platforms
    }
    return attach(machine, done.name, done.digest, SUMMARY, said)


def _built_again(platforms: Sequence[ReproducedPlatform]) -> list[BuiltAgain]:
    return [
        BuiltAgain(
            each.original,
            each.made,
            each.provenance,
            each.causes,
            tuple(f"{found.part}: {found.found}" for found in each.differences),
        )
        for each in platforms
    ]


@dataclass(slots=True)
class _Workshop:
    """A home of its own, which shares nothing with the machine's but the packages."""

    machine: Machine
    folder: Path
    built: dict[tuple[str, bytes, str], BuiltImage]

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    def build(self, recipe: Recipe, platform: Platform) -> BuiltImage:
        """The image of one platform, out of the recipe."""
        root = self.folder / f"{len(self.built)}" / "images"
        for path, data in {**recipe.texts, recipe.lock_path: recipe.lock}.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        settings = replace(
            self.machine.settings,
            home=self.home.root,
            catalog=root,
            signer=None,
            unpinned=frozenset(Unpinned),
        )
        choices = BuildChoices((platform,), recipe.compression, locked=True, attest=False)
        made = build_images(
            Machine(settings, self.machine.progress), [str(root / recipe.path)], choices
        )[0]
        self.built[str(platform), recipe.lock, recipe.path] = made
        return made


@contextmanager
def _workshop(machine: Machine) -> Iterator[_Workshop]:
    """A folder beside the packages, which so are there without being copied; gone at the end."""
    machine.home.packages.root.mkdir(parents=True, exist_ok=True)
    parent = machine.home.cache / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="reproduce-", dir=parent))
    try:
        workshop = _Workshop(machine, folder, {})
        workshop.home.cache.mkdir(parents=True)
        # Packages are held to their digests whoever brought them.
        (workshop.home.cache / "packages").symlink_to(machine.home.packages.root)
        yield workshop
    finally:
        remove_tree(folder)


def _platform(workshop: _Workshop, place: Source, image: Subject) -> ReproducedPlatform:
    name = f"provenance of {image.digest}"
    found = image.of_type((PROVENANCE,))
    if not found:
        refused = "; ".join(each.message for each in image.refused)
        raise InputError(
            f"{name}: none that a believed key has signed" + (f" ({refused})" if refused else "")
        )
    recipe, internal = recipe_in(found[-1].predicate, name)
    platform = image.platform or _of_config(place, image.document)
    made = workshop.build(recipe, platform)
    # An image takes over the platforms that were built from the same before.
    built = next(each for each in made.platforms if each.platform == str(platform))
    signers = tuple(str(each) for each in found[-1].signers)
    done = ReproducedPlatform(str(platform), image.digest, built.digest, found[-1].digest, signers)
    if done.equal:
        return done
    store = workshop.home.store
    _bring(place, image.document, store)
    return replace(
        done,
        causes=tuple(_causes(recipe, internal)),
        differences=tuple(differences(store, store.document(built.digest), store, image.document)),
    )


def _causes(recipe: Recipe, internal: dict[str, object]) -> Iterator[str]:
    """What decides the bytes and is not the same here as it was there."""
    here: dict[str, object] = {
        "compression": Compression.parse(recipe.compression).identity,
        "steps": versions.STEPS,
        "transform": versions.TRANSFORM,
    }
    for key, value in here.items():
        if internal.get(key) != value:
            yield f"{key}: {value} here, {internal.get(key)!r:.60} there"


def _of_config(place: Source, manifest: Document) -> Platform:
    config = Document.parse(place.read(manifest.config)).value
    os, architecture, variant = (config.get(key) for key in ("os", "architecture", "variant"))
    if not isinstance(os, str) or not isinstance(architecture, str):
        raise InputError(f"{manifest.digest} does not say which platform it is for")
    return Platform(os, architecture, variant if isinstance(variant, str) else None)


def _bring(place: Source, manifest: Document, layout: ImageLayout) -> None:
    """The original's blobs beside the new ones; what is equal is there already."""
    layout.blobs.put(manifest.raw)
    for item in (manifest.config, *manifest.layers):
        if not layout.blobs.has(item.digest, item.size):
            place.bring(item, layout.blobs, lambda amount: None)


def reproduced_json(done: Reproduced) -> dict[str, object]:
    """What `ironhull reproduce --json` says."""
    return {
        "name": done.name,
        "digest": done.digest,
        "moment": done.moment,
        "equal": done.equal,
        "platforms": [
            {
                "platform": each.platform,
                "equal": each.equal,
                "original": each.original,
                "made": each.made,
                "provenance": each.provenance,
                "provenance_signed_by": list(each.signers),
                "causes": list(each.causes),
                "differences": [
                    {"part": found.part, "found": found.found} for found in each.differences
                ],
            }
            for each in done.platforms
        ],
    }
