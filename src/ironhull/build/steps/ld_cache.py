"""/etc/ld.so.cache, written as the target's ldconfig writes it (glibc 2.36 and later).

The format is glibc's "new" one (sysdeps/generic/dl-cache.h): a header, entries sorted from the
largest library name down, a string table that shares tails, and an extension section that names the
program that wrote the cache. On amd64 the bytes equal those of ldconfig; tests hold that.
"""

from __future__ import annotations

import posixpath
import re
import struct
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cmp_to_key
from itertools import zip_longest
from typing import NamedTuple

from ironhull.build.elf import ET_DYN, Elf
from ironhull.build.steps.context import StepContext
from ironhull.build.tree import Tree

_HEADER = struct.Struct("<17s3sIIB3xI12x")
_ENTRY = struct.Struct("<iIIIQ")
_EXTENSION_MAGIC = 0xEAA42174
# FLAG_ELF_LIBC6: the only kind of library since libc5 is gone.
_LIBC6 = 0x0003
# glibc's FLAG_* of the required architecture, by e_machine and word size.
_ARCHITECTURE_FLAGS = {
    (62, 64): 0x0300,
    (3, 32): 0x0000,
    (183, 64): 0x0A00,
    (40, 32): 0x0900,
    (21, 64): 0x0500,
    (22, 64): 0x0400,
    (243, 64): 0x1000,
}
_SYSTEM_FOLDERS = ("/lib", "/usr/lib")
_MAX_INCLUDES = 100
_DIGITS = "0123456789"


class Library(NamedTuple):
    """One line of the cache."""

    name: str
    path: str
    flags: int


def write_ld_cache(tree: Tree, context: StepContext) -> None:
    """Add etc/ld.so.cache, and the soname links that a package lacks, if the image has glibc."""
    if context.part("libc6") is None:
        return
    libraries = find_libraries(tree, context)
    generator = _generator(context)
    tree.put_file("etc/ld.so.cache", encode(libraries, generator))


def _generator(context: StepContext) -> str:
    libc = context.part("libc6")
    version = libc.version if libc else ""
    # As Debian's ldconfig has it compiled in: no epoch, and upstream's version once more.
    upstream = re.match(r"(?:\d+:)?(\d+\.\d+)", version)
    return (
        f"ldconfig (Debian GLIBC {version.split(':')[-1]}) "
        f"stable release version {upstream[1] if upstream else version}"
    )


def find_libraries(tree: Tree, context: StepContext) -> list[Library]:
    """All libraries that ldconfig would find, in the order of the cache."""
    found: list[Library] = []
    seen: set[str] = set()
    for folder in [*configured_folders(tree, context), *_SYSTEM_FOLDERS]:
        # With a merged /usr, /lib and /usr/lib are one folder: ldconfig sees the same inode and
        # keeps the name that it met first.
        real = tree.resolve(folder)
        if real is None or real in seen:
            continue
        seen.add(real)
        found.extend(_libraries_in(tree, folder.rstrip("/"), real))
    # Stable: of equal entries the folder that comes first stays first.
    return sorted(found, key=cmp_to_key(_order))


def library_folders(tree: Tree, context: StepContext) -> tuple[str, ...]:
    """Folders whose libraries ld.so finds by its cache alone; none where no cache is written."""
    return () if context.part("libc6") is None else tuple(configured_folders(tree, context))


def configured_folders(tree: Tree, context: StepContext) -> list[str]:
    """Folders that ld.so.conf and what it includes name, in order, as the tree now has them."""
    texts = {path: data for part in context.parts for path, data in part.captured.items()}
    # What a definition writes or deletes counts, not what the package brought.
    texts |= {path: data for path, data in tree.contents.items() if tree.owner[path] == ""}
    here = {path: data for path, data in texts.items() if path in tree}
    return list(_configured(here, "/etc/ld.so.conf", [0]))


def _configured(texts: Mapping[str, bytes], path: str, depth: list[int]) -> Iterator[str]:
    depth[0] += 1
    text = texts.get(path.lstrip("/"), b"").decode("utf-8", "replace")
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        # The count is of all files: a file may include itself, or two each other.
        if not words or depth[0] > _MAX_INCLUDES:
            continue
        if words[0] != "include":
            yield words[0].rstrip("/") or "/"
            continue
        for pattern in words[1:]:
            full = posixpath.join(posixpath.dirname(path), pattern).lstrip("/")
            # Sorted, as glob(3) gives them: the order decides which of two libraries wins.
            for name in sorted(name for name in texts if fnmatchcase(name, full)):
                yield from _configured(texts, f"/{name}", depth)


def _libraries_in(tree: Tree, folder: str, real: str) -> Iterator[Library]:
    sonames: dict[str, Library] = {}
    missing: dict[str, str] = {}
    for entry in tree.children(real):
        name = entry.path.rpartition("/")[2]
        target = tree.find(entry.path) if entry.is_symlink else entry
        elf = target.elf if target is not None and target.is_file else None
        if not _looks_like_library(name) or elf is None or not _loadable(elf):
            continue
        # A library is entered by its soname, which programs ask for, and not by the file's name.
        soname = elf.soname or name
        if entry.is_symlink and _is_link_name(name, soname):
            soname = name
        elif name != soname and f"{real}/{soname}" not in tree:
            missing[soname] = name
        flags = _LIBC6 | _ARCHITECTURE_FLAGS.get((elf.machine, elf.bits), 0)
        sonames[soname] = Library(soname, f"{folder}/{soname}", flags)
    for soname, name in missing.items():
        # A soname is whatever the file says; ldconfig makes no link that it would not find again.
        if "/" not in soname and _looks_like_library(soname):
            tree.put_symlink(f"{real}/{soname}", name)
    yield from sonames.values()


def _looks_like_library(name: str) -> bool:
    # ldconfig's own test, before it opens a file; -gdb.py are scripts beside libraries.
    known = name.startswith(("lib", "ld-", "ld.so", "ld64.so"))
    return known and ".so" in name and not name.endswith("-gdb.py")


def _loadable(elf: Elf) -> bool:
    return elf.type == ET_DYN and elf.dynamic


def _is_link_name(name: str, soname: str) -> bool:
    """Whether a link's own name goes into the cache: the soname, or `libx.so` of `libx.so.1`."""
    return name == soname or (name.endswith(".so") and soname.startswith(name))


def _order(left: Library, right: Library) -> int:
    """Ldconfig's order: names from the largest down, then flags from the largest down."""
    return compare_names(right.name, left.name) or right.flags - left.flags


def compare_names(left: str, right: str) -> int:
    """_dl_cache_libcmp: runs of digits as numbers, digits above other characters."""
    i = j = 0
    while i < len(left):
        if left[i] in _DIGITS:
            if j >= len(right) or right[j] not in _DIGITS:
                return 1
            first, i = _digits(left, i)
            second, j = _digits(right, j)
            if first != second:
                return first - second
        elif j < len(right) and right[j] in _DIGITS:
            return -1
        elif j >= len(right) or left[i] != right[j]:
            return ord(left[i]) - (ord(right[j]) if j < len(right) else 0)
        else:
            i, j = i + 1, j + 1
    return -ord(right[j]) if j < len(right) else 0


def _digits(text: str, start: int) -> tuple[int, int]:
    end = start
    while end < len(text) and text[end] in _DIGITS:
        end += 1
    return int(text[start:end]), end


def encode(libraries: list[Library], generator: str) -> bytes:
    """The bytes of a cache that holds these libraries in this order."""
    # 0x0400 is s390x, the one of these machines whose numbers are written from the high end.
    big = any(library.flags & 0xFF00 == 0x0400 for library in libraries)
    header, entry = _HEADER, _ENTRY
    if big:
        header, entry = (struct.Struct(">" + form.format[1:]) for form in (_HEADER, _ENTRY))
    texts = {text for library in libraries for text in (library.name, library.path)}
    offsets, table = string_table(texts)
    # Offsets of the new format count from the cache's first byte, not from the string table's.
    base = header.size + entry.size * len(libraries)
    extension = base + len(table)
    extension += -extension % 4
    body = b"".join(
        entry.pack(library.flags, base + offsets[library.name], base + offsets[library.path], 0, 0)
        for library in libraries
    )
    flags = 3 if big else 2
    head = header.pack(b"glibc-ld.so.cache", b"1.1", len(libraries), len(table), flags, extension)
    order = ">" if big else "<"
    name = generator.encode()
    # One extension: tag 0 is cache_extension_tag_generator, its data follow the table.
    section = struct.pack(order + "II", _EXTENSION_MAGIC, 1)
    section += struct.pack(order + "IIII", 0, 0, extension + len(section) + 16, len(name))
    padding = b"\0" * (extension - base - len(table))
    return head + body + table + padding + section + name


def string_table(texts: set[str]) -> tuple[dict[str, int], bytes]:
    """Offsets of NUL-ended strings in one table; a string that ends another shares its tail."""
    raw = (text.encode("utf-8", "surrogateescape") for text in texts)
    # Read from behind, strings that share a tail stand beside each other, the longest first.
    ordered = sorted(raw, key=cmp_to_key(_by_tail))
    offsets: dict[str, int] = {}
    table = bytearray()
    previous, at = b"", 0
    for text in ordered:
        if previous.endswith(text) and previous:
            at += len(previous) - len(text)
        else:
            at = len(table)
            table += text + b"\0"
        offsets[text.decode("utf-8", "surrogateescape")] = at
        previous = text
    return offsets, bytes(table)


def _by_tail(left: bytes, right: bytes) -> int:
    for a, b in zip_longest(reversed(left), reversed(right), fillvalue=-1):
        if a == -1 or b == -1:
            # The longer string comes first, so that the shorter one can share its tail.
            return len(right) - len(left)
        if a != b:
            return b - a
    return 0
