"""New definitions: written, built, mended by what their check says, and started once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ironhull.build.built import BuiltImage
from ironhull.build.starting import StartOutcome
from ironhull.debian.java_store import certificates_in
from ironhull.definition.draft import DISTRIBUTION, Change, Draft, change_text, draft_text
from ironhull.definition.model import ImageDefinition
from ironhull.definition.reader import read
from ironhull.errors import InputError, UnfitImageError
from ironhull.lock.file import lock_path
from ironhull.oci.reference import NAME, TAG
from ironhull.store.choice import machine_platform
from ironhull.store.files import replace_file
from ironhull.workspace.building import BuildChoices, build_images
from ironhull.workspace.checking import CheckChoices, start_in_engine
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.machine import Machine

_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class NewDefinition:
    """A definition that builds on this machine, and what became of its start."""

    path: Path
    image: BuiltImage
    draft: Draft
    """With what had to be left out."""
    start: StartOutcome | None
    untried: str
    """Why it was not started."""


def new_definition(machine: Machine, draft: Draft) -> NewDefinition:
    """Write a definition into the catalog that builds: what its check refuses is taken out.

    It is built for this machine's platform. InputError if it is there already; UnfitImageError if
    nothing that could be left out would mend it. Where it fails, no file stays.
    """
    path = _place(machine, draft.image, draft.tag)
    try:
        image, mended = _built(machine, path, draft)
    except BaseException:
        _removed((path, lock_path(path)), machine.settings.catalog)
        raise
    name = f"{image.name}:{image.tags[-1]}"
    started, untried = start_in_engine(
        machine, name, machine_platform(), tuple(draft.ports), CheckChoices()
    )
    return NewDefinition(path, image, mended, started, untried)


def _place(machine: Machine, image: str, tag: str) -> Path:
    if not NAME.fullmatch(image) or not TAG.fullmatch(tag):
        raise InputError(f"{image}:{tag} is not a name and a tag (write for example web:1)")
    path = machine.settings.catalog / image / DISTRIBUTION / f"{tag}.yaml"
    if path.exists():
        raise InputError(f"{path} is there already (take another name or tag, or remove it)")
    return path


def _built(machine: Machine, path: Path, draft: Draft) -> tuple[BuiltImage, Draft]:
    chosen = BuildChoices((machine_platform(),), update=True, attest=False)
    for _ in range(_ROUNDS):
        replace_file(path, draft_text(draft).encode())
        try:
            [image] = build_images(machine, [str(path)], chosen)
        except UnfitImageError as error:
            mended = _mended(draft, error.mending)
            if mended == draft:
                raise
            draft = mended
        else:
            return image, draft
    raise InputError(f"{path}: not built after {_ROUNDS} rounds of leaving out what is refused")


def _mended(draft: Draft, mending: Mapping[str, Sequence[str]]) -> Draft:
    """The draft without what its check refused."""

    def more(known: tuple[str, ...], place: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*known, *mending.get(place, ()))))

    left_out = more(draft.left_out, "packages")
    if left_out != draft.left_out:
        # What they brought goes with them, and perhaps other packages: look again.
        return replace(draft, left_out=left_out, deleted=(), idle=())
    return replace(
        draft,
        deleted=more(draft.deleted, "delete"),
        idle=more(draft.idle, "idle"),
    )


@dataclass(frozen=True, slots=True)
class CustomChoices:
    """How an image of the catalog is to be different."""

    packages: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    authorities: Sequence[Path] = ()
    """PEM files."""


def customize(
    machine: Machine,
    original: str,
    image: str,
    chosen: CustomChoices,
) -> Path:
    """Write a definition that is another one of the catalog and what is different; gives its path.

    Certificates are copied beside it. So is, with all that it reads, an original of another folder
    than the first, in which the new one stands: includes lead out of no folder. InputError if the
    definition is there already, if the original is not in the catalog or cannot be copied, if a
    file holds no certificate, if another definition has other ones under its name, or if what was
    chosen makes no definition; then no file stays.
    """
    definitions, folder = Definitions(machine), machine.settings.catalog
    if ":" in image:
        name = image.partition(":")[0]
        raise InputError(f"{image} has a tag: write {name}, the tags are those of {original}")
    source = definitions.catalog.find(original)
    if definitions.root(source) is None:
        raise InputError(f"{source} is not in the catalog {definitions.catalog.place}")
    path = _place(machine, image, source.stem)
    authorities = _authorities(path, chosen.authorities)
    inside = definitions.root(source) == definitions.root(path)
    copied = _Copied(source, {}) if inside else _copied(definitions, source, path)
    change = Change(
        os.path.relpath(copied.original.absolute(), path.absolute().parent),
        image,
        chosen.packages,
        chosen.environment,
        [file.name for file in authorities],
    )
    text = change_text(change).encode()
    written: list[Path] = []
    try:
        for file, data in (*copied.files.items(), *authorities.items(), (path, text)):
            if not file.exists():
                written.append(file)
            replace_file(file, data)
        if not inside:
            _check_same(definitions, source, copied.original)
        definitions.definition(str(path))
    except BaseException:
        _removed(written, folder)
        raise
    return path


def _authorities(path: Path, given: Sequence[Path]) -> dict[Path, bytes]:
    """The files of certificates that go beside a definition."""
    found = {path.parent / f"{file.stem}.crt": _certificates(file) for file in given}
    if len(found) != len(given):
        raise InputError("two files of authorities have the same name (rename one of them)")
    for file, data in found.items():
        _check_free(file, data)
    return found


@dataclass(frozen=True, slots=True)
class _Copied:
    """An original as the new definition includes it."""

    original: Path
    files: Mapping[Path, bytes]
    """With all that it reads; to be written."""


def _copied(definitions: Definitions, source: Path, path: Path) -> _Copied:
    """A copy, in a folder beside the new definition, of one that stands in another catalog."""
    folder = path.with_name(f"{path.stem}-original")
    if folder.exists():
        raise InputError(f"{folder} is there already (take another name, or remove it)")
    definition = _bare(definitions, source)
    if any(PurePosixPath(name).parts[0] == ".." for name in definition.texts):
        raise InputError(f"{source} reads files outside of its catalog: it cannot be copied")
    root = definitions.root(source) or source.parent
    definitions.machine.progress.note(
        f"{source} stands in another folder of the catalog: it is copied with what it includes to "
        f"{folder}, and what changes there later does not change here"
    )
    files = {folder / name: data for name, data in definition.texts.items()}
    return _Copied(folder / source.absolute().relative_to(root.absolute()), files)


def _check_same(definitions: Definitions, source: Path, copy: Path) -> None:
    """InputError if a copy is another image: a name in it leads elsewhere from where it stands."""
    if _bare(definitions, source).digest != _bare(definitions, copy).digest:
        raise InputError(
            f"a copy of {source} would be another image, for something in it is named by the place "
            "where its catalog stands: write the paths relative to the files that name them"
        )


def _bare(definitions: Definitions, path: Path) -> ImageDefinition:
    """Without what its lock says: a copy has none."""
    return read(path, {}, definitions.root(path), definitions.pins({})).definition


def _removed(files: Sequence[Path], catalog: Path) -> None:
    for file in files:
        # What hindered its writing must be said, not what hinders this.
        with suppress(OSError):
            file.unlink()
    for file in files:
        # Made for it: a folder of something else is not empty.
        with suppress(OSError):
            for folder in file.parents[: file.parents.index(catalog)]:
                folder.rmdir()


def _check_free(file: Path, data: bytes) -> None:
    """InputError if another definition of the folder may trust other authorities by this name."""
    try:
        known = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None
    if known != data:
        raise InputError(f"{file} is there already with other certificates (rename the new file)")


def _certificates(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None
    if not certificates_in(data):
        raise InputError(f"{file}: no certificate in PEM form in it (BEGIN CERTIFICATE)")
    return data
