"""The catalog: folders of definitions, `<root>/<image>/<distribution>/<tag>.yaml`.

With several folders the order counts: what a folder has, no later one changes. A definition hides
those of the same path in later folders, and a name is looked for in the first folder, then in the
next. So nobody who writes into a later folder can put another image in the place of one's own.

`node:20` is found by its path alone; no file is parsed for it. Only what the path does not tell (a
longer tag like 20.19, a name without a tag) reads the definitions of that one image.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
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
    """The definitions below `root` and, where that has no such one, below each of `more`.

    `variables` and `pins` give what a file's lock has for it. Of several folders all have to be
    there: NotFoundError from every method that looks into them.
    """

    root: Path
    variables: Callable[[Path], Mapping[str, str]] = lambda path: {}
    pins: Callable[[Path], Pins] = lambda path: NOTHING
    more: tuple[Path, ...] = ()

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders in their order, each once."""
        return tuple(dict.fromkeys((self.root, *self.more)))

    @property
    def place(self) -> str:
        """The folders, as messages name them."""
        return " and ".join(map(str, self.roots))

    def root_of(self, path: Path) -> Path | None:
        """The folder of the catalog that a file lies in, the innermost; None: in none.

        It bounds what a definition reads.
        """
        whole = path.absolute()
        inside = [root for root in self.roots if whole.is_relative_to(root.absolute())]
        return max(inside, key=lambda root: len(root.absolute().parts), default=None)

    def images(self) -> tuple[str, ...]:
        """The names, sorted; folders that begin with `_` or `.` hold what is shared."""
        return tuple(sorted({name for root in self._there() for name in _images_of(root)}))

    def entries(self, image: str) -> tuple[CatalogEntry, ...]:
        """The definitions of one image: newest distribution first, then by name."""
        found: dict[tuple[str, str], CatalogEntry] = {}
        for root in self._there():
            for entry in _entries_of(root, image):
                found.setdefault((entry.distribution, entry.stem), entry)
        listed = sorted(found.values(), key=lambda entry: entry.stem)
        return tuple(sorted(listed, key=lambda entry: entry.version, reverse=True))

    def hidden(self) -> tuple[tuple[Path, Path], ...]:
        """Definitions that are not looked at, each with the one of an earlier folder that is."""
        shown = {str(entry): entry.path for entry in self.all()}
        return tuple(
            (entry.path, shown[str(entry)])
            for root in self.roots[1:]
            for image in _images_of(root)
            for entry in _entries_of(root, image)
            if shown[str(entry)] != entry.path
        )

    def all(self) -> tuple[CatalogEntry, ...]:
        """Every definition, by image."""
        return tuple(entry for image in self.images() for entry in self.entries(image))

    def load(self, path: Path) -> Loaded:
        """The definition of a file that `find` gave or an entry has, with the lock's values.

        For a file of the catalog nothing outside of its folder of the catalog is read.
        """
        return read(path, self.variables(path), self.root_of(path), self.pins(path))

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
        return self._tagged(image, tag, entries).path

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
            raise NotFoundError(f"no definitions below {self.place}")
        return tuple(
            (entry, definition)
            for entry, definition in zip(self.all(), definitions, strict=True)
            if not images or entry.image in images
        )

    def _there(self) -> tuple[Path, ...]:
        """The folders; of several none may be missing, for a later one would answer for it."""
        missing = [root for root in self.roots if not root.is_dir()] if self.more else []
        if missing:
            raise NotFoundError(
                f"no catalog at {missing[0]}, one of several folders (make it, or name it no more "
                "where they are said: --catalog, IRONHULL_CATALOG or ironhull.toml)"
            )
        return self.roots

    def _no_image(self, image: str) -> str:
        if not self.root.is_dir():
            return f"no catalog at {self.root}: set IRONHULL_CATALOG, or name a definition file"
        names = self.images()
        if image in names:
            folders = " and ".join(str(root / image) for root in self.roots)
            return f"no definition (<tag>.yaml) in {folders}"
        close = get_close_matches(image, names, 1, 0.6)
        if close:
            return f"no image {image!r:.100} in {self.place}; did you mean {close[0]!r}?"
        return f"no image {image!r:.100} in {self.place} (it has: {', '.join(names) or 'none'})"

    def _by_folder(self, entries: tuple[CatalogEntry, ...]) -> Iterator[list[CatalogEntry]]:
        """The entries of each folder that has any, in the order of the folders."""
        for root in self.roots:
            found = [entry for entry in entries if self.root_of(entry.path) == root]
            if found:
                yield found

    def _main(self, image: str, entries: tuple[CatalogEntry, ...]) -> CatalogEntry:
        """What `image` alone means: its tag latest, else the only plain runtime of the newest."""
        for found in self._by_folder(entries):
            newest = [entry for entry in found if entry.version == found[0].version]
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
            if plain:
                break
        choices = ", ".join(f"{image}:{entry.stem}" for entry in entries)
        raise NotFoundError(f"{image!r} is several images; name one: {choices}")

    def _tagged(self, image: str, tag: str, entries: tuple[CatalogEntry, ...]) -> CatalogEntry:
        """The definition whose file is called so, else the one that lists the tag."""
        known: list[ImageDefinition] = []
        for found in self._by_folder(entries):
            by_name = _by_file_name(tag, found)
            if by_name is not None:
                return by_name
            loaded = self._readable(found)
            known += [definition for _, definition in loaded]
            claims = [entry for entry, definition in loaded if tag in definition.tags]
            if len(claims) > 1:
                files = " and ".join(str(entry.path) for entry in claims)
                message = f"tag {image}:{tag} is claimed by {files}"
                raise DefinitionError([Problem(str(claims[1].path), 0, 0, message)])
            if claims:
                return claims[0]
        raise NotFoundError(_no_tag(image, tag, entries, known))

    def _readable(self, entries: list[CatalogEntry]) -> list[tuple[CatalogEntry, ImageDefinition]]:
        """Without definitions of the image that are broken: they are not what was asked for."""
        found = []
        for entry in entries:
            with suppress(IronhullError):
                found.append((entry, self.load(entry.path).definition))
        return found


def _images_of(root: Path) -> Iterator[str]:
    """The names of the images of one folder."""
    for folder in _folders(root):
        if any(DISTRIBUTION.fullmatch(inner.name) for inner in _folders(folder)):
            yield folder.name
            continue
        for inner in _folders(folder):
            if any(DISTRIBUTION.fullmatch(below.name) for below in _folders(inner)):
                yield f"{folder.name}/{inner.name}"


def _entries_of(root: Path, image: str) -> Iterator[CatalogEntry]:
    """The definitions that one folder has of an image; no link leads out of it."""
    if not NAME.fullmatch(image):
        return
    for folder in _folders(root / image):
        if not DISTRIBUTION.fullmatch(folder.name):
            continue
        for file in sorted(folder.iterdir()):
            if file.suffix == SUFFIX and file.is_file() and _within(root, file):
                yield CatalogEntry(image, folder.name, file.stem, file)


def _within(root: Path, path: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _no_tag(
    image: str, tag: str, entries: tuple[CatalogEntry, ...], known: list[ImageDefinition]
) -> str:
    """What is said of a tag that no definition of the image has."""
    tags = [name for definition in known for name in definition.tags]
    stems = list(dict.fromkeys(entry.stem for entry in entries))
    near = get_close_matches(tag, tags, 1, 0.5) or stems
    said = f"did you mean {image}:{near[0]}?"
    if len(near) > 1:
        said = "there are: " + ", ".join(f"{image}:{name}" for name in near)
    if any(definition.pending for definition in known):
        said += " (tags of exact versions appear when an image is locked)"
    return f"no image {image}:{tag}; {said}"


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


def _by_file_name(tag: str, entries: list[CatalogEntry]) -> CatalogEntry | None:
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
