"""Where Ironhull keeps things on disk.

<home>/store/     an OCI image layout of all that was built or pulled
<home>/cache/     what can be made or fetched again
    packages/     .deb files by sha256, and their changelogs
    archive/      release files and package indexes
    layers/       records of layers that were made, by the key of what went into them
    images/       records of images that were built, by the key of what went into them
    origins/      where the paths of built images come from, by the digest of the manifest
    tests/        what images' tests gave, by the manifest's digest
    recipes/      definitions and locks that images were built from
    inventory/    what is in layers, by digest
    contents/     what the files of layers are, by the layer's digest
    debs/         what scripts and listening programs .deb files have, by sha256
    sandbox/      images unpacked for the sandbox by their digest, bubblewrap, and what runs in it
    engines.json  the options that container engines were found to know
    migrate.json  what the definitions said to whoever moved a Dockerfile
<home>/inventories/   what is in images, for rescans, and what those have said already
<home>/advisories/    the database of vulnerabilities
<home>/keys/          the keys that sign, and those that are believed
<home>/publications/  the record of what was published from here, a folder for each repository
<home>/seen/          which records of others' publications were seen, so that none is taken back
<home>/watch/         what `ironhull watch` remembers, unless a database is named
<home>/catalog/       facts about images, for the pages of `ironhull serve`
<home>/reports/       what `ironhull demo` writes
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ironhull.errors import EnvironmentProblem
from ironhull.store.blobs import BlobStore
from ironhull.store.layout import ImageLayout
from ironhull.values import dataclass

OWN_CERTIFICATE = "archive-key.asc"
_KEPT = 256


@lru_cache(_KEPT)
def _below(root: Path, path: str) -> Path:
    # An image asks for its folders a hundred times.
    return root / path


@lru_cache(_KEPT)
def _packages(root: Path) -> BlobStore:
    return BlobStore(_below(root, "cache/packages"))


@dataclass(frozen=True, slots=True)
class Home:
    """The folders below one root (`IRONHULL_HOME`; `cli` decides which)."""

    root: Path

    @property
    def store_folder(self) -> Path:
        """Where the store is or will be."""
        return _below(self.root, "store")

    @property
    def store(self) -> ImageLayout:
        """The OCI image layout of all that was built or pulled, made if it is not there."""
        try:
            return ImageLayout(self.store_folder, create=True)
        except EnvironmentProblem as error:
            raise EnvironmentProblem(f"{error}; IRONHULL_HOME names another place") from None

    @property
    def existing_store(self) -> ImageLayout:
        """The same, but not made: reading from one that is not there finds nothing."""
        return ImageLayout(self.store_folder)

    @property
    def blobs(self) -> Path:
        """The folder of the store's blobs."""
        return _below(self.root, "store/blobs")

    @property
    def registry(self) -> Path:
        """The folder of the records that a registry over the store keeps."""
        return _below(self.root, "store/registry")

    @property
    def frozen_archives(self) -> Path:
        """The folder of frozen parts of package archives, which that registry serves to apt."""
        return self.store_folder / "apt"

    @property
    def own_archive(self) -> Path:
        """The folder of our own package archive, which that registry serves at /apt/own."""
        return self.frozen_archives / "own"

    @property
    def own_certificate(self) -> Path:
        """A file: the OpenPGP certificate that the archive's release files are signed by."""
        return self.own_archive / OWN_CERTIFICATE

    @property
    def own_fixes(self) -> Path:
        """The folder of what is said of that archive's packages: VEX, OSV, bills, provenance."""
        return self.own_archive / "security"

    @property
    def archive_key(self) -> Path:
        """A file: the OpenPGP key that signs that archive."""
        return self.keys / "archive.pgp"

    @property
    def uploads(self) -> Path:
        """The folder of what is being pushed to that registry."""
        return self.registry / "uploads"

    @property
    def unfinished(self) -> tuple[Path, ...]:
        """The folders of blobs that somebody writes, or wrote when he was killed."""
        return self.store_folder / "tmp", self.cache / "tmp"

    @property
    def packages(self) -> BlobStore:
        """.deb files; the root of the store is `cache/packages`."""
        return _packages(self.root)

    @property
    def cache(self) -> Path:
        """The folder of what can be made or fetched again."""
        return _below(self.root, "cache")

    @property
    def archive(self) -> Path:
        """The folder of release files and package indexes."""
        return _below(self.root, "cache/archive")

    @property
    def layers(self) -> Path:
        """The folder of records of layers."""
        return _below(self.root, "cache/layers")

    @property
    def images(self) -> Path:
        """The folder of records of built images."""
        return _below(self.root, "cache/images")

    @property
    def origins(self) -> Path:
        """The folder of where the paths of built images come from."""
        return _below(self.root, "cache/origins")

    @property
    def layer_contents(self) -> Path:
        """The folder of digests and licences of layers' files."""
        return _below(self.root, "cache/contents")

    @property
    def recipes(self) -> Path:
        """The folder of definitions and locks that images were built from."""
        return _below(self.root, "cache/recipes")

    @property
    def tests(self) -> Path:
        """The folder of what images' tests gave."""
        return _below(self.root, "cache/tests")

    @property
    def signed(self) -> Path:
        """The folder of which signatures of images were verified, and with which keys."""
        return _below(self.root, "cache/signed")

    @property
    def unpacked(self) -> Path:
        """The folder of images that were unpacked for the sandbox."""
        return _below(self.root, "cache/sandbox/images")

    @property
    def bubblewrap(self) -> Path:
        """The folder of the archive's bubblewrap, where the machine has none."""
        return _below(self.root, "cache/sandbox/bubblewrap")

    @property
    def sandboxes(self) -> Path:
        """The folder of notes about sandboxes that run, for other processes to find them."""
        return _below(self.root, "cache/sandbox/running")

    @property
    def layer_inventories(self) -> Path:
        """The folder of what is in layers."""
        return _below(self.root, "cache/inventory")

    @property
    def engines(self) -> Path:
        """A file: the options that each engine was found to know."""
        return _below(self.root, "cache/engines.json")

    @property
    def catalog_answers(self) -> Path:
        """A file: what the definitions said to whoever moved a Dockerfile."""
        return _below(self.root, "cache/migrate.json")

    @property
    def inventories(self) -> Path:
        """The folder of what is in images."""
        return _below(self.root, "inventories")

    @property
    def reported(self) -> Path:
        """A file: what rescans have said already."""
        return self.inventories / "reported.sqlite"

    @property
    def advisories(self) -> Path:
        """A file: the database of vulnerabilities."""
        return _below(self.root, "advisories/advisories.sqlite")

    @property
    def keys(self) -> Path:
        """The folder of keys."""
        return _below(self.root, "keys")

    @property
    def has_keys(self) -> bool:
        """Whether keys were made or brought here."""
        return (self.keys / "keys.json").is_file()

    @property
    def publications(self) -> Path:
        """The folder of the records of publications."""
        return _below(self.root, "publications")

    @property
    def seen(self) -> Path:
        """A file: the newest record of publications that was seen in each place."""
        return _below(self.root, "seen/publications.json")

    @property
    def deb_facts(self) -> Path:
        """The folder of what scripts and listening programs .deb files have."""
        return _below(self.root, "cache/debs")

    @property
    def watch_state(self) -> Path:
        """A file: what watching remembers."""
        return _below(self.root, "watch/state.sqlite")

    @property
    def catalog_index(self) -> Path:
        """A file: facts about the store's images, for pages."""
        return _below(self.root, "catalog/index.sqlite")

    @property
    def reports(self) -> Path:
        """The folder of reports that were written unasked."""
        return _below(self.root, "reports")
