"""bubblewrap and the libraries that it needs, out of .deb files into a folder: nothing installed.

Only the program, shared libraries and the dynamic loader are taken, each by its last name into one
of two flat folders. So no path and no link of a package decides where anything is written.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from ironhull.debian.deb import DebFile
from ironhull.errors import EnvironmentProblem, MalformedError
from ironhull.oci.tar import FILE, SYMLINK, Member, TarReader
from ironhull.store.files import temporary_name

_LIBRARY = re.compile(
    r"(?:\./)?(?:usr/)?lib(?:64|/[a-z0-9_]+-linux-gnu)?/([A-Za-z0-9_+.-]+\.so[.0-9]*)"
)
_PROGRAM = re.compile(r"(?:\./)?usr/bin/bwrap")
_LOADER = re.compile(r"ld-linux-[a-z0-9-]+\.so\.[0-9]+")
_MAX_FILE = 64 << 20


def unpack_program(packages: Sequence[tuple[str, Path]], target: Path) -> None:
    """Make the folder `target` with `bwrap` and `lib`; the names of packages are for errors.

    MalformedError if a package is damaged or what is needed is in none of them.
    """
    staging = temporary_name(target)
    library = staging / "lib"
    try:
        library.mkdir(parents=True)
        for name, path in packages:
            with path.open("rb") as file:
                reader = DebFile(file, name).data()
                for member in reader:
                    _take(member, reader, staging, name)
                reader.drain()
        if not (staging / "bwrap").is_file() or not _loaders(library):
            raise MalformedError("the archive's packages have no bwrap or no dynamic loader")
        if not target.is_dir():
            staging.rename(target)
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {target}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def program_of(folder: Path) -> tuple[str, ...]:
    """The words that start what was unpacked there: its own loader, libraries and program."""
    loaders = _loaders(folder / "lib")
    if not loaders:
        raise MalformedError(f"{folder}: no dynamic loader (remove the folder; it is made again)")
    library = str(folder / "lib")
    return (str(loaders[0]), "--inhibit-cache", "--library-path", library, str(folder / "bwrap"))


def _loaders(library: Path) -> list[Path]:
    return sorted(path for path in library.iterdir() if _LOADER.fullmatch(path.name))


def _take(member: Member, reader: TarReader, staging: Path, package: str) -> None:
    found = _LIBRARY.fullmatch(member.name)
    if _PROGRAM.fullmatch(member.name) and member.kind == FILE:
        place = staging / "bwrap"
    elif found:
        place = staging / "lib" / found[1]
    else:
        return
    if place.is_symlink() or place.exists():
        return
    if member.kind == SYMLINK:
        place.symlink_to(Path(member.link).name)
    elif member.kind == FILE:
        if member.size > _MAX_FILE:
            raise MalformedError(f"{package}: {member.name} has more than {_MAX_FILE} bytes")
        with place.open("xb") as file:
            for data in reader.content():
                file.write(data)
        place.chmod(0o755)
