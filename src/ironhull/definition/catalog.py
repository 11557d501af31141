"""The catalog: a folder of definitions, `<root>/<image>/<distribution>/<tag>.yaml`.

`node:20` is found by its path alone; no file is parsed for it. Only what the path does not tell (a
longer tag like 20.19, a name without a tag) reads the definitions of that one image.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from ironhull.definition.files import DISTRIBUTION
from ironhull.definition.model import ImageDefinition
from ironhull.definition.pins import NOTHING, Pins
from ironhull.definition.reader import Loaded, read
from ironhull.errors import DefinitionError, IronhullError, NotFoundError, Problem
from ironhull.oci.reference import NAME, TAG
from ironhull.values import dataclass

SUFFIX = ".yaml"
MAX_ENTRIES = 20_000
_TAG_DISTRIBUTION = re.compile(r"-(debian)([0-9]+)(?=-|$)")


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A definition file of the catalog; nothing of it is parsed yet."""

    image: str
    distribution: str
    stem: str
    """Its main tag."""
    path: Path

    @property
    def version(self) -> tuple[int, ...]:
        """Of the distribution, for comparison."""
        return tuple(int(part) for part in self.distribution.rpartition("-")[2].split("."))

    def __str__(self) -> str:
        return f"{self.image}:{self.stem}-{self.distribution.replace('-', '')}"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The definitions below `root`; `variables` and `pins` give what a file's lock has for it."""

    root: Path
    variables: Callable[[Path], Mapping[str, str]] = lambda path: {}
    pins: Callable[[Path], Pins] = lambda path: NOTHING

    def images(self) -> tuple[str, ...]:
        """The names, sorted; folders that begin with `_` or `.` hold what is shared."""
        names = []
        for folder in _folders(self.root):
            if any(DISTRIBUTION.fullmatch(inner.name) for inner in _folders(folder)):
                names.append(folder.name)
            else:
                names += [
                    f"{folder.name}/{inner.name}"
                    for inner in _folders(folder)
                    if any(DISTRIBUTION.fullmatch(below.name) for below in _folders(inner))
                ]
        return tuple(sorted(names))

    def entries(self, image: str) -> tuple[CatalogEntry, ...]:
        """The definitions of one image: newest distribution first, then by name."""
        if not NAME.fullmatch(image):
            return ()
        found = [
            CatalogEntry(image, folder.name, file.stem, file)
            for folder in _folders(self.root / image)
            if DISTRIBUTION.fullmatch(folder.name)
            for file in sorted(folder.iterdir())
            if file.suffix == SUFFIX and file.is_file() and self._within(file)
        ]
        found.sort(key=lambda entry: entry.stem)
        found.sort(key=lambda entry: entry.version, reverse=True)
        return tuple(found)

    def all(self) -> tuple[CatalogEntry, ...]:
        """Every definition, by image."""
        return tuple(entry for image in self.images() for entry in self.entries(image))

    def load(self, path: Path) -> Loaded:
        """The definition of a file that `find` gave or an entry has, with the lock's values.

        For a file of the catalog nothing outside of the catalog is read.
        """
        inside = path.absolute().is_relative_to(self.root.absolute())
        tree = self.root if inside else None
        return read(path, self.variables(path), tree, self.pins(path))

    def find(self, text: str) -> Path:
        """The file of `image:tag`, of `image`, or of a path; NotFoundError with suggestions.

        A tag without a distribution means the newest one that has it.
        """
        if text.endswith((SUFFIX, ".yml")) or (os.sep in text and Path(text).is_file()):
            path = Path(text)
            if not path.is_file():
                raise NotFoundError(f"no definition file {text}")
            return path
        image, colon, tag = text.partition(":")
        entries = self.entries(image)
        if not entries:
            raise NotFoundError(self._no_image(image))
        if not colon:
            return self._main(image, entries).path
        if not TAG.fullmatch(tag):
            raise NotFoundError(f"{tag!r:.150} is not a tag (write for example {entries[0]})")
        by_name = _by_file_name(tag, entries)
        return (by_name or self._by_tag(image, tag, entries)).path

    def check(self) -> tuple[ImageDefinition, ...]:
        """Every definition; DefinitionError with every problem, also two that claim one tag."""
        definitions: list[ImageDefinition] = []
        problems: list[Problem] = []
        for entry in self.all():
            try:
                definition = self.load(entry.path).definition
            except DefinitionError as error:
                problems.extend(error.problems)
                continue
            problems.extend(_misplaced(entry, definition))
            definitions.append(definition)
        problems.extend(_claimed_twice(definitions))
        if problems:
            raise DefinitionError(sorted(set(problems)))
        return tuple(definitions)

    def listed(
        self, images: Collection[str] = ()
    ) -> tuple[tuple[CatalogEntry, ImageDefinition], ...]:
        """Every definition of these images, of all if none is named; all of them are checked.

        NotFoundError for an image that is not there, or if there is none at all.
        """
        definitions = self.check()
        for image in sorted(set(images) - set(self.images())):
            raise NotFoundError(self._no_image(image))
        if not definitions:
            raise NotFoundError(f"no definitions below {self.root}")
        return tuple(
            (entry, definition)
            for entry, definition in zip(self.all(), definitions, strict=True)
            if not images or entry.image in images
        )

    def _within(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root))

    def _no_image(self, image: str) -> str:
        if not self.root.is_dir():
            return f"no catalog at {self.root}: set IRONHULL_CATALOG, or name a definition file"
        names = self.images()
        if image in names:
            return f"no definition (<tag>.yaml) in {self.root / image}"
        close = get_close_matches(image, names, 1, 0.6)
        if close:
            return f"no image {image!r:.100} in {self.root}; did you mean {close[0]!r}?"
        return f"no image {image!r:.100} in {self.root} (it has: {', '.join(names) or 'none'})"

    def _main(self, image: str, entries: tuple[CatalogEntry, ...]) -> CatalogEntry:
        """What `image` alone means: its tag latest, else the only plain runtime of the newest."""
        newest = [entry for entry in entries if entry.version == entries[0].version]
        loaded = [(entry, self.load(entry.path).definition) for entry in newest]
        for entry, definition in loaded:
            if "latest" in definition.tags:
                return entry
        plain = [
            entry
            for entry, definition in loaded
            if definition.variant == "runtime" and not definition.flavor
        ]
        if len(plain) == 1:
            return plain[0]
        choices = ", ".join(f"{image}:{entry.stem}" for entry in entries)
        raise NotFoundError(f"{image!r} is several images; name one: {choices}")

    def _by_tag(self, image: str, tag: str, entries: tuple[CatalogEntry, ...]) -> CatalogEntry:
        """The definition that lists the tag."""
        claims: list[CatalogEntry] = []
        known: list[str] = []
        waiting = False
        for entry in entries:
            try:
                definition = self.load(entry.path).definition
            except IronhullError:
                # Another definition of the image that is broken: not what was asked for.
                continue
            known.extend(definition.tags)
            waiting = waiting or bool(definition.pending)
            if tag in definition.tags:
                claims.append(entry)
        if len(claims) > 1:
            files = " and ".join(str(entry.path) for entry in claims)
            problem = Problem(str(claims[1].path), 0, 0, f"tag {image}:{tag} is claimed by {files}")
            raise DefinitionError([problem])
        if claims:
            return claims[0]
        stems = list(dict.fromkeys(entry.stem for entry in entries))
        near = get_close_matches(tag, known, 1, 0.5) or stems
        said = f"did you mean {image}:{near[0]}?"
        if len(near) > 1:
            said = "there are: " + ", ".join(f"{image}:{name}" for name in near)
        if waiting:
            said += " (tags of exact versions appear when an image is locked)"
        raise NotFoundError(f"no image {image}:{tag}; {said}")


def _folders(folder: Path) -> Iterator[Path]:
    """The folders in a folder, sorted, without hidden and shared ones; none if it is none."""
    try:
        with os.scandir(folder) as found:
            names = sorted(
                entry.name
                for _, entry in zip(range(MAX_ENTRIES), found, strict=False)
                if entry.name[0] not in "._" and entry.is_dir()
            )
    except OSError:
        return
    for name in names:
        yield folder / name


def _by_file_name(tag: str, entries: tuple[CatalogEntry, ...]) -> CatalogEntry | None:
    """`20-debian13-dev` is debian-13/20-dev.yaml, `20-dev` the newest 20-dev.yaml."""
    wanted = _TAG_DISTRIBUTION.search(tag)
    stem = _TAG_DISTRIBUTION.sub("", tag, count=1) if wanted else tag
    for entry in entries:
        fits = wanted is None or entry.distribution == f"{wanted[1]}-{wanted[2]}"
        if entry.stem == stem and fits:
            return entry
    return None


def _misplaced(entry: CatalogEntry, definition: ImageDefinition) -> Iterator[Problem]:
    """A file whose place says something else than its contents."""
    file = str(entry.path)
    if definition.image != entry.image:
        yield Problem(
            file, 0, 0, f"defines {definition.image!r}, but stands in the folder of {entry.image!r}"
        )
    if definition.distribution != entry.distribution:
        yield Problem(
            file, 0, 0, f"is of {definition.distribution}, but stands in {entry.distribution}"
        )
    names = {entry.stem, f"{entry.stem}-{entry.distribution.replace('-', '')}"}
    if not names & set(definition.tags):
        yield Problem(file, 0, 0, f"does not have the tag of its file name, {entry.stem!r}")


def _claimed_twice(definitions: list[ImageDefinition]) -> Iterator[Problem]:
    first: dict[tuple[str, str], ImageDefinition] = {}
    for definition in definitions:
        for tag in definition.tags:
            other = first.setdefault((definition.image, tag), definition)
            if other is not definition:
                yield Problem(
                    str(definition.file),
                    0,
                    0,
                    f"claims the tag {definition.image}:{tag}, which {other.file} claims too",
                )
