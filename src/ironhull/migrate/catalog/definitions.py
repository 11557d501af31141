"""One's own catalog: every fact is read from the definitions that the images are built from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from ironhull.definition.catalog import Catalog as Definitions
from ironhull.definition.catalog import CatalogEntry
from ironhull.definition.model import ImageDefinition, PathKind
from ironhull.errors import NotFoundError
from ironhull.migrate.catalog.interface import ImageFacts, source_of

DEV = "-dev"
_PROGRAMS = ("/usr/bin", "/bin", "/usr/local/bin")


@dataclass(frozen=True, slots=True)
class DefinitionCatalog:
    """The images of a folder of definitions, as a registry serves them."""

    registry: str
    definitions: Definitions
    extensible: bool = True

    @property
    def source(self) -> str:
        """Where the facts are from."""
        return source_of(self.definitions.roots)

    def versions(self, image: str) -> tuple[str, ...]:
        """Main tags of the plain runtimes, newest first, by the names of the files."""
        stems = {entry.stem for entry in self._entries(image)}
        plain = [stem for stem in stems if stem[-1:].isdigit()]
        return tuple(sorted(plain, key=_numbers, reverse=True))

    def find(self, image: str, version: str, *, dev: bool) -> ImageFacts | None:
        """The image whose definition has this tag; errors of a broken definition as it raises."""
        tag = f"{version}{DEV}" if dev else version
        if not self._entries(image):
            return None
        try:
            path = self.definitions.find(f"{image}:{tag}")
        except NotFoundError:
            return None
        definition = self.definitions.load(path).definition
        if (definition.variant == "dev") != dev:
            return None
        return _facts(definition, image, version, f"{self.registry}/{image}:{tag}")

    def _entries(self, image: str) -> tuple[CatalogEntry, ...]:
        return self.definitions.entries(image)


def _numbers(stem: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in stem.split("."))


def _facts(definition: ImageDefinition, image: str, version: str, reference: str) -> ImageFacts:
    accounts = definition.accounts
    user = next((user for user in accounts.users if user.name == accounts.run_as), None)
    packages = {request.name for request in definition.packages if not request.excluded}
    dev = definition.variant == "dev"
    # An image with any package of a program has the C library that it needs.
    static = not dev and packages <= {"base-files", "ca-certificates", "netbase", "tzdata"}
    return ImageFacts(
        image=image,
        version=version,
        reference=reference,
        dev=dev,
        user=accounts.run_as,
        uid=0 if user is None else user.uid,
        gid=0 if user is None else user.gid,
        entrypoint=definition.entrypoint,
        cmd=definition.cmd,
        work_dir=definition.work_dir,
        environment=definition.environment,
        shell=definition.keep.shell,
        package_manager="apt" if "apt" in packages else "",
        libc="" if static else "glibc",
        programs=_programs(definition),
    )


def _programs(definition: ImageDefinition) -> frozenset[str]:
    """What the definition itself says is there: its commands, and links in folders of programs."""
    links = {
        PurePosixPath(edit.path).name
        for edit in definition.paths
        if edit.kind is PathKind.SYMLINK and str(PurePosixPath(edit.path).parent) in _PROGRAMS
    }
    started = {words[0] for words in (definition.entrypoint, definition.cmd) if words}
    return frozenset(links | started)
