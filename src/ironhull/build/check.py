"""Whether an image can do its job and is hard, found without an engine, from its tree alone.

An image whose check fails is not published. Each check is a function from what is known of the
image to the problems that it has; `CHECKS` names them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, cached_property
from typing import NamedTuple

from ironhull.build.assemble import DEFAULT_PATH
from ironhull.build.check_result import CheckResult
from ironhull.build.elf import Elf
from ironhull.build.record import TreeEntry
from ironhull.build.tree import Tree
from ironhull.definition.model import ImageDefinition
from ironhull.oci.platform import Platform
from ironhull.programs import ProgramKind, among_programs, program

_MULTIARCH = {
    "amd64": "x86_64-linux-gnu",
    "arm64": "aarch64-linux-gnu",
    "armhf": "arm-linux-gnueabihf",
    "armel": "arm-linux-gnueabi",
    "i386": "i386-linux-gnu",
    "ppc64el": "powerpc64le-linux-gnu",
    "riscv64": "riscv64-linux-gnu",
    "s390x": "s390x-linux-gnu",
}
_MACHINE = {
    "amd64": 62,
    "arm64": 183,
    "armhf": 40,
    "armel": 40,
    "i386": 3,
    "ppc64el": 21,
    "riscv64": 243,
    "s390x": 22,
}
# What these folders hold exists only where the image runs.
_RUNTIME_FOLDERS = ("/proc/", "/sys/", "/dev/", "/run/")


@dataclass(frozen=True)
class CheckedImage:
    """The image under check; its tree stays as it is."""

    tree: Tree
    definition: ImageDefinition
    platform: Platform
    uid: int
    gid: int
    library_folders: tuple[str, ...] = ()
    """Folders that ld.so.conf adds to those of ld.so: their libraries are in its cache."""

    @cached_property
    def programs(self) -> Sequence[TreeEntry]:
        """What is found by its name: executables, and links to files among programs."""
        found = [entry for entry in self.files if entry.mode & 0o111]
        for entry in self.links:
            target = self.tree.find(entry.path) if among_programs(entry.path) else None
            if target is not None and target.is_file:
                found.append(entry)
        return found

    @cached_property
    def files(self) -> Sequence[TreeEntry]:
        """Regular files, under each of their names."""
        return [entry for entry in self.tree.entries.values() if entry.is_file]

    @cached_property
    def links(self) -> Sequence[TreeEntry]:
        """Symbolic links."""
        return [entry for entry in self.tree.entries.values() if entry.is_symlink]

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of what runs in the image, but for PATH's default."""
        return self.definition.environment

    def search_path(self) -> list[str]:
        """The folders in which a program is looked up by its name."""
        return self.environment.get("PATH", DEFAULT_PATH).split(":")

    def idle(self, entry: TreeEntry) -> bool:
        """Whether the definition says that nothing loads or runs the file in this image."""
        patterns = self.definition.keep.idle
        return bool(patterns) and any(fnmatchcase(f"/{entry.path}", one) for one in patterns)


class _Problem(NamedTuple):
    """What is wrong, and the path that has to go or to change; '' if it is none."""

    path: str
    text: str


def _at(entry: TreeEntry, text: str = "") -> _Problem:
    return _Problem(entry.path, f"/{entry.path} {text}".rstrip())


Found = tuple[int, list[_Problem]]


def check_image(image: CheckedImage) -> tuple[CheckResult, ...]:
    """Every check, in the order of the table."""
    results = []
    for name, check in CHECKS.items():
        looked_at, problems = check(image)
        said = sorted(problem.text + _origin(image.tree, problem.path) for problem in problems)
        paths = tuple(sorted({problem.path for problem in problems if problem.path}))
        results.append(CheckResult(name, str(image.platform), looked_at, tuple(said), paths))
    return tuple(results)


def _origin(tree: Tree, path: str) -> str:
    """Who brought a path, for people who have to decide what becomes of it."""
    owner = tree.owner.get(path)
    return f" (from {owner})" if owner else ""


def _libraries(image: CheckedImage) -> Found:
    """Interpreter, NEEDED and RPATH of every ELF file (but idle ones) resolve inside the image."""
    tree, count = image.tree, 0
    problems: list[_Problem] = []
    folders = _library_folders(image)
    machine = _MACHINE[image.platform.debian]

    # Hundreds of programs need the same few libraries and one interpreter.
    @cache
    def runs(interpreter: str) -> bool:
        return _runs(tree, interpreter)

    @cache
    def found(name: str, search: tuple[str, ...]) -> bool:
        return _found(tree, name, search)

    @cache
    def by_name() -> Mapping[str, list[str]]:
        return _libraries_of(tree)

    for entry in image.files:
        elf = entry.elf
        # Static programs need nothing; a static-pie has a dynamic segment, and no needs in it.
        if elf is None or not (elf.dynamic or elf.interpreter) or image.idle(entry):
            continue
        count += 1
        # Firmware, tests of a toolchain: it may be meant, but ld.so would not load it here.
        if elf.machine != machine:
            problems.append(_at(entry, f"is for another CPU (e_machine {elf.machine})"))
            continue
        if elf.interpreter and not runs(elf.interpreter):
            problems.append(_at(entry, f"needs the interpreter {elf.interpreter}"))
        # ld.so also takes a library that is loaded already, whatever path it came from; that hangs
        # on the order of loading, so each file has to find its own.
        search = (*_rpath(elf, entry.path), *folders) if elf.rpath else folders
        for name in elf.needed:
            if found(name, search):
                continue
            elsewhere = by_name().get(name, [])
            if not _plugged_in(entry, elf, elsewhere, folders):
                hint = f" (there is /{elsewhere[0]}, not searched)" if elsewhere else ""
                problems.append(_at(entry, f"needs {name}{hint}"))
    return count, problems


def _libraries_of(tree: Tree) -> Mapping[str, list[str]]:
    """Where libraries of each name are, whether anything looks there or not."""
    found: dict[str, list[str]] = {}
    for entry in tree.entries.values():
        if ".so" in entry.path and not entry.is_directory:
            found.setdefault(entry.path.rpartition("/")[2], []).append(entry.path)
    return found


def _plugged_in(
    entry: TreeEntry, elf: Elf, elsewhere: Sequence[str], shared: Sequence[str]
) -> bool:
    """Whether a library is a plug-in of the program that has loaded what it needs already.

    Java's libraries lie in lib and need libjvm.so, which is in lib/server: nothing finds it there,
    and nothing has to, because it is the virtual machine that loads them. So: a library, not a
    program, in a folder of its own and none of the `shared` ones, that needs one from further down
    in this folder.
    """
    folder = posixpath.dirname(entry.path)
    private = f"/{folder}" not in shared
    return private and not elf.interpreter and any(p.startswith(f"{folder}/") for p in elsewhere)


def _library_folders(image: CheckedImage) -> tuple[str, ...]:
    """Where ld.so of Debian looks (`ld.so --help`), besides run paths."""
    # /lib and /lib/TRIPLET are the same folders as these by the merged /usr.
    triplet = _MULTIARCH[image.platform.debian]
    folders = [*image.library_folders, f"/usr/lib/{triplet}", "/usr/lib"]
    folders += [part for part in image.environment.get("LD_LIBRARY_PATH", "").split(":") if part]
    return tuple(folders)


def _rpath(elf: Elf, path: str) -> list[str]:
    # The folder of the file itself. $LIB depends on how ld.so was built, so nothing is said of it.
    origin = "/" + posixpath.dirname(path)
    return [
        part.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)
        for part in elf.rpath
        if not part.startswith("$LIB")
    ]


def _found(tree: Tree, name: str, search: Sequence[str]) -> bool:
    # With a slash it is a path, and nothing is searched (ld.so(8)).
    if "/" in name:
        return tree.find(name) is not None
    return any(tree.find(f"{folder}/{name}") is not None for folder in search)


def _scripts(image: CheckedImage) -> Found:
    """The interpreter of every executable script (but of idle ones) exists."""
    problems: list[_Problem] = []
    count = 0
    for entry in image.files:
        if not entry.shebang or not entry.executable or _documentation(entry):
            continue
        if image.idle(entry):
            continue
        count += 1
        # Blanks only, as the kernel does: a carriage return is part of the name.
        words = re.split(r"[ \t]+", entry.shebang)
        if not words[0].startswith("/"):
            problems.append(_at(entry, "is a script without an absolute interpreter"))
        elif not _runs(image.tree, words[0]):
            problems.append(_at(entry, f"needs {_shown(words[0])}"))
        # `#!/usr/bin/env node`: env is there, and it is the program behind it that is needed.
        elif posixpath.basename(words[0]) == "env":
            program = _behind_env(words[1:])
            if program and _on_path(image, program) is None:
                problems.append(_at(entry, f"needs {_shown(program)}, by way of env"))
    return count, problems


def _runs(tree: Tree, path: str) -> bool:
    entry = tree.find(path)
    return entry is not None and entry.executable


def _shown(program: str) -> str:
    if not program.endswith("\r"):
        return program
    return f"{program!r} (its lines end as on Windows: take the carriage returns out)"


def _behind_env(words: list[str]) -> str:
    """The program that env(1) would start; '' if there is none."""
    left = iter(words)
    for word in left:
        # Options that take the next word.
        if word in ("-u", "-C", "--unset", "--chdir"):
            next(left, "")
            continue
        # `-Sprogram` and `-S program` are one to env.
        split = re.fullmatch(r"(?:-[iv0]*S|--split-string=)(.*)", word, re.DOTALL)
        word = split[1] if split else word
        # What is left are other options and settings (NAME=value).
        if word and not word.startswith("-") and "=" not in word:
            return word
    return ""


def _on_path(image: CheckedImage, program: str) -> TreeEntry | None:
    """What a program name leads to, looked up as execvp does."""
    if "/" in program:
        base = "/" if program.startswith("/") else image.definition.work_dir
        return image.tree.find(posixpath.join(base, program))
    # A file that cannot be executed is passed over, as execvp does.
    for folder in image.search_path():
        entry = image.tree.find(f"{folder}/{program}")
        if entry is not None and entry.executable:
            return entry
    return None


def _links(image: CheckedImage) -> Found:
    """Absolute symbolic links lead to something."""
    problems: list[_Problem] = []
    count = 0
    for entry in image.links:
        # Relative links are a package's own affair: many of Debian's lead to what only another
        # package brings (a -dev's libx.so, a plug-in).
        if not entry.link.startswith("/"):
            continue
        count += 1
        if f"{entry.link}/".startswith(_RUNTIME_FOLDERS):
            continue
        if image.tree.resolve(entry.path) is None and not _documentation(entry):
            problems.append(_at(entry, f"leads to {entry.link}, which is not there"))
    return count, problems


def _documentation(entry: TreeEntry) -> bool:
    """Examples need not run here, and links may lead to what hardening left out."""
    return entry.path.startswith("usr/share/doc/")


def _entrypoint(image: CheckedImage) -> Found:
    """What the image starts, to work or to tell its health, is there for its user to execute."""
    definition = image.definition
    problems: list[_Problem] = []
    health = definition.healthcheck.command if definition.healthcheck else ()
    # The first word is the program; what follows are its arguments, whichever list they stand in.
    argvs = [argv for argv in ((*definition.entrypoint, *definition.cmd), health) if argv]
    for argv in argvs:
        entry = _on_path(image, argv[0])
        if entry is None:
            problems.append(_Problem("", f"{argv[0]!r}, which the image starts, is not in it"))
        elif not entry.is_file:
            text = f"{argv[0]!r}, which the image starts, is no program"
            problems.append(_Problem(entry.path, text))
        elif blocked := _blocked(image, entry.path):
            text = f"user {image.uid} may not execute /{entry.path}: {blocked}"
            problems.append(_Problem(entry.path, text))
    return len(argvs), problems


def _blocked(image: CheckedImage, path: str) -> str:
    """Why the image's user cannot execute a resolved path; '' if it can."""
    # Every folder on the way needs the x bit too, for this very user.
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        entry = image.tree.entries["/".join(parts[:end])]
        if not _may(entry, image.uid, image.gid, 0o1):
            return f"/{entry.path} has mode {entry.mode:04o} and owner {entry.uid}:{entry.gid}"
    return ""


def _may(entry: TreeEntry, uid: int, gid: int, bit: int) -> bool:
    # Root reads and writes everything, but executes only what somebody may execute.
    if uid == 0:
        return bit != 0o1 or entry.is_directory or bool(entry.mode & 0o111)
    # The first that fits decides: an owner without the bit is not helped by group or others.
    if entry.uid == uid:
        return bool(entry.mode & (bit << 6))
    if entry.gid == gid:
        return bool(entry.mode & (bit << 3))
    return bool(entry.mode & bit)


def _user(image: CheckedImage) -> Found:
    """The image's user is in /etc/passwd, is not root unless root is meant, can enter work-dir."""
    problems: list[str] = []
    # The accounts step writes it, into the image's own layer.
    data = image.tree.contents.get("etc/passwd", b"")
    text = data.decode() if isinstance(data, bytes) else ""
    if not any(line.split(":")[2:3] == [str(image.uid)] for line in text.splitlines()):
        problems.append(f"user {image.uid} is not in /etc/passwd")
    if image.uid == 0 and not image.definition.accounts.root:
        problems.append("the image runs as root, and accounts.root does not say so")
    work_dir = image.tree.resolve(image.definition.work_dir)
    if work_dir and not image.tree.entries[work_dir].is_directory:
        problems.append(f"work-dir {image.definition.work_dir} is not a folder")
    elif work_dir:
        blocked = _blocked(image, work_dir)
        if blocked:
            problems.append(f"user {image.uid} cannot enter {image.definition.work_dir}: {blocked}")
    return len(text.splitlines()), [_Problem("", problem) for problem in problems]


def _programs(kind: ProgramKind, kept: bool, image: CheckedImage) -> Found:
    if kept:
        return len(image.programs), []
    found = [_at(one) for one in image.programs if kind in program(one.path)[1]]
    return len(image.programs), found


def _shell(image: CheckedImage) -> Found:
    """No shell, unless hardening.shell says so."""
    return _programs(ProgramKind.SHELL, image.definition.keep.shell, image)


def _package_manager(image: CheckedImage) -> Found:
    """No package manager, unless hardening.package-manager says so."""
    keep = image.definition.keep.package_manager
    return _programs(ProgramKind.PACKAGE_MANAGER, keep, image)


def _compiler(image: CheckedImage) -> Found:
    """No compiler, unless hardening.compiler says so."""
    return _programs(ProgramKind.COMPILER, image.definition.keep.compiler, image)


def _setuid(image: CheckedImage) -> Found:
    """No setuid or setgid file but those that hardening.setuid names."""
    files = image.files
    kept = image.definition.keep.setuid
    found = [_at(e) for e in files if e.mode & 0o6000 and f"/{e.path}" not in kept]
    return len(files), found


def _world_writable(image: CheckedImage) -> Found:
    """Nothing that everybody may write, but folders with the sticky bit."""
    entries = image.tree.entries
    found = [
        _at(entry, f"has mode {entry.mode:04o}")
        for entry in entries.values()
        if entry.mode & 0o002
        and not entry.is_symlink
        and not (entry.is_directory and entry.mode & 0o1000)
    ]
    return len(entries) - len(image.links), found


CHECKS: dict[str, Callable[[CheckedImage], Found]] = {
    "libraries": _libraries,
    "scripts": _scripts,
    "links": _links,
    "entrypoint": _entrypoint,
    "user": _user,
    "no-shell": _shell,
    "no-package-manager": _package_manager,
    "no-compiler": _compiler,
    "no-setuid": _setuid,
    "no-world-writable": _world_writable,
}
