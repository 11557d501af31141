"""Whether an image can do its job and is hard, found without an engine, from its tree alone.

An image whose check fails is not published. Each check is a function from what is known of the
image to the problems that it has; `CHECKS` names them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ironhull.build.elf import Elf
from ironhull.build.record import TreeEntry
from ironhull.build.tree import Tree
from ironhull.definition.model import ImageDefinition
from ironhull.oci.platform import Platform

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
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELLS = re.compile(r"(?:ba|da|z|k|mk|a|c|tc|fi|po)?sh|(?:static-)?busybox|rbash|toybox|mksh")
_PACKAGE_MANAGERS = re.compile(
    r"apt(?:-get|itude)?|dpkg|apk|rpm|yum|dnf|microdnf|zypper|snap|flatpak"
    r"|npm|npx|yarn(?:pkg)?|pnpm|pnpx|corepack|pip\d?(?:\.\d+)?|pipx|gem|composer|cargo|conda"
)
_COMPILERS = re.compile(
    r"(?:[a-z0-9_]+-linux-gnu[a-z]*-)?"
    r"(?:gcc|g\+\+|cc|c\+\+|cpp|clang|clang\+\+|tcc|ld|ld\.(?:bfd|gold|lld)|as|gccgo|gfortran)"
    r"(?:-\d+)?|rustc|go|gofmt|javac|make|gmake|cmake|ninja|c89|c99"
)
# What these folders hold exists only where the image runs.
_RUNTIME_FOLDERS = ("/proc/", "/sys/", "/dev/", "/run/")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one platform; `problems` is empty if it holds."""

    name: str
    platform: str
    looked_at: int
    """How many paths, links, files the check looked at."""
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Subject:
    """The image under check."""

    tree: Tree
    definition: ImageDefinition
    platform: Platform
    uid: int
    gid: int

    @property
    def environment(self) -> Mapping[str, str]:
        return self.definition.environment

    def search_path(self) -> list[str]:
        return self.environment.get("PATH", DEFAULT_PATH).split(":")

    def files(self) -> Iterator[TreeEntry]:
        """Regular files, under each of their names."""
        return (entry for entry in self.tree.entries.values() if entry.is_file)

    def idle(self, entry: TreeEntry) -> bool:
        """Whether the definition says that nothing loads or runs the file in this image."""
        path = f"/{entry.path}"
        return any(fnmatchcase(path, pattern) for pattern in self.definition.keep.idle)


Found = tuple[int, list[str]]


def check_image(subject: Subject) -> tuple[CheckResult, ...]:
    """Every check, in the order of the table."""
    results = []
    for name, check in CHECKS.items():
        looked_at, problems = check(subject)
        results.append(CheckResult(name, str(subject.platform), looked_at, tuple(sorted(problems))))
    return tuple(results)


def _libraries(subject: Subject) -> Found:
    """Interpreter, NEEDED and RPATH of every ELF file (but idle ones) resolve inside the image."""
    tree, problems, count = subject.tree, [], 0
    folders = _library_folders(subject)
    machine = _MACHINE[subject.platform.debian]
    by_name: dict[str, list[str]] = {}
    for entry in tree.entries.values():
        if ".so" in entry.path and not entry.is_directory:
            by_name.setdefault(entry.path.rpartition("/")[2], []).append(entry.path)
    for entry in subject.files():
        elf = entry.elf
        if elf is None or not (elf.dynamic or elf.interpreter) or subject.idle(entry):
            continue
        count += 1
        if elf.machine != machine:
            problems.append(f"/{entry.path} is for another CPU (e_machine {elf.machine})")
            continue
        if elf.interpreter and tree.find(elf.interpreter) is None:
            problems.append(f"/{entry.path} needs the interpreter {elf.interpreter}")
        search = [*_rpath(elf, entry.path), *folders]
        for name in elf.needed:
            if not _found(tree, name, search):
                elsewhere = by_name.get(name)
                hint = f" (there is /{elsewhere[0]}, not searched)" if elsewhere else ""
                problems.append(f"/{entry.path} needs {name}{hint}")
    return count, problems


def _library_folders(subject: Subject) -> list[str]:
    triplet = _MULTIARCH[subject.platform.debian]
    folders = [f"/usr/local/lib/{triplet}", f"/usr/lib/{triplet}", "/usr/local/lib", "/usr/lib"]
    folders += ["/usr/lib64", f"/usr/lib/{triplet}/systemd"]
    for entry in subject.tree.entries.values():
        # Folders that ld.so.conf.d adds have their libraries in the cache; the cache step read it.
        if entry.path.startswith("etc/ld.so.conf.d/") and entry.is_file:
            folders += [f"/usr/lib/{triplet}/{posixpath.basename(entry.path)[:-5]}"]
    folders += [part for part in subject.environment.get("LD_LIBRARY_PATH", "").split(":") if part]
    return folders


def _rpath(elf: Elf, path: str) -> list[str]:
    origin = "/" + posixpath.dirname(path)
    return [
        part.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)
        for part in elf.rpath
        if not part.startswith("$LIB")
    ]


def _found(tree: Tree, name: str, search: list[str]) -> bool:
    if "/" in name:
        return tree.find(name) is not None
    return any(tree.find(f"{folder}/{name}") is not None for folder in search)


def _scripts(subject: Subject) -> Found:
    """The interpreter of every executable script (but of idle ones) exists."""
    problems, count = [], 0
    for entry in subject.files():
        if not entry.shebang or not entry.executable or _documentation(entry):
            continue
        if subject.idle(entry):
            continue
        count += 1
        words = entry.shebang.split()
        if not words or not words[0].startswith("/"):
            problems.append(f"/{entry.path} is a script without an absolute interpreter")
        elif subject.tree.find(words[0]) is None:
            problems.append(f"/{entry.path} needs {words[0]}")
        elif posixpath.basename(words[0]) == "env":
            program = next((w for w in words[1:] if not w.startswith("-") and "=" not in w), "")
            if program and _on_path(subject, program) is None:
                problems.append(f"/{entry.path} needs {program}, by way of env")
    return count, problems


def _on_path(subject: Subject, program: str) -> TreeEntry | None:
    """What a program name leads to, looked up as execvp does."""
    if "/" in program:
        base = "/" if program.startswith("/") else subject.definition.work_dir
        return subject.tree.find(posixpath.join(base, program))
    for folder in subject.search_path():
        entry = subject.tree.find(f"{folder}/{program}")
        if entry is not None and entry.executable:
            return entry
    return None


def _links(subject: Subject) -> Found:
    """Absolute symbolic links lead to something."""
    problems, count = [], 0
    for entry in subject.tree.entries.values():
        if not entry.is_symlink or not entry.link.startswith("/"):
            continue
        count += 1
        if f"{entry.link}/".startswith(_RUNTIME_FOLDERS):
            continue
        if subject.tree.resolve(entry.path) is None and not _documentation(entry):
            problems.append(f"/{entry.path} leads to {entry.link}, which is not there")
    return count, problems


def _documentation(entry: TreeEntry) -> bool:
    """Examples need not run here, and links may lead to what hardening left out."""
    return entry.path.startswith("usr/share/doc/")


def _entrypoint(subject: Subject) -> Found:
    """What the image starts is there, and its user may execute it."""
    argv = (*subject.definition.entrypoint, *subject.definition.cmd)
    if not argv:
        return 0, []
    entry = _on_path(subject, argv[0])
    if entry is None:
        return 1, [f"{argv[0]!r}, which the image starts, is not in it"]
    blocked = _blocked(subject, entry.path)
    return 1, [f"user {subject.uid} may not execute /{entry.path}: {blocked}"] if blocked else []


def _blocked(subject: Subject, path: str) -> str:
    """Why the image's user cannot execute a resolved path; '' if it can."""
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        entry = subject.tree.entries["/".join(parts[:end])]
        if not _may(entry, subject.uid, subject.gid, 0o1):
            return f"/{entry.path} has mode {entry.mode:04o} and owner {entry.uid}:{entry.gid}"
    return ""


def _may(entry: TreeEntry, uid: int, gid: int, bit: int) -> bool:
    if uid == 0:
        return bit != 0o1 or entry.is_directory or bool(entry.mode & 0o111)
    if entry.uid == uid:
        return bool(entry.mode & (bit << 6))
    if entry.gid == gid:
        return bool(entry.mode & (bit << 3))
    return bool(entry.mode & bit)


def _user(subject: Subject) -> Found:
    """The image's user is in /etc/passwd, is not root unless root is meant, can enter work-dir."""
    problems = []
    data = subject.tree.contents.get("etc/passwd", b"")
    text = data.decode() if isinstance(data, bytes) else ""
    if not any(line.split(":")[2:3] == [str(subject.uid)] for line in text.splitlines()):
        problems.append(f"user {subject.uid} is not in /etc/passwd")
    if subject.uid == 0 and not subject.definition.accounts.root:
        problems.append("the image runs as root, and accounts.root does not say so")
    work_dir = subject.tree.resolve(subject.definition.work_dir)
    if work_dir:
        blocked = _blocked(subject, work_dir)
        if blocked:
            problems.append(
                f"user {subject.uid} cannot enter {subject.definition.work_dir}: {blocked}"
            )
    return len(text.splitlines()), problems


def _programs(pattern: re.Pattern[str], subject: Subject) -> Found:
    executables = [entry for entry in subject.tree.entries.values() if _program(entry)]
    found = [
        f"/{entry.path}"
        for entry in executables
        if pattern.fullmatch(entry.path.rpartition("/")[2])
        and subject.tree.find(entry.path) is not None
    ]
    return len(executables), found


def _program(entry: TreeEntry) -> bool:
    """Something that is found by its name: an executable, or a link in a folder of programs."""
    folder = entry.path.rpartition("/")[0]
    in_path = folder.rpartition("/")[2] in ("bin", "sbin")
    return entry.executable or (entry.is_symlink and in_path)


def _shell(subject: Subject) -> Found:
    """No shell, unless hardening.shell says so."""
    looked_at, found = _programs(_SHELLS, subject)
    return looked_at, [] if subject.definition.keep.shell else found


def _package_manager(subject: Subject) -> Found:
    """No package manager, unless hardening.package-manager says so."""
    looked_at, found = _programs(_PACKAGE_MANAGERS, subject)
    return looked_at, [] if subject.definition.keep.package_manager else found


def _compiler(subject: Subject) -> Found:
    """No compiler, unless hardening.compiler says so."""
    looked_at, found = _programs(_COMPILERS, subject)
    return looked_at, [] if subject.definition.keep.compiler else found


def _setuid(subject: Subject) -> Found:
    """No setuid or setgid file but those that hardening.setuid names."""
    files = list(subject.files())
    kept = subject.definition.keep.setuid
    found = [f"/{e.path}" for e in files if e.mode & 0o6000 and f"/{e.path}" not in kept]
    return len(files), found


def _world_writable(subject: Subject) -> Found:
    """Nothing that everybody may write, but folders with the sticky bit."""
    entries = [entry for entry in subject.tree.entries.values() if not entry.is_symlink]
    found = [
        f"/{entry.path} has mode {entry.mode:04o}"
        for entry in entries
        if entry.mode & 0o002 and not (entry.is_directory and entry.mode & 0o1000)
    ]
    return len(entries), found


CHECKS: dict[str, Callable[[Subject], Found]] = {
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
