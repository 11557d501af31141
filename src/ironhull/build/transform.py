"""What becomes of each path of a package on its way into a layer.

A pure function of the path, so that a layer depends on the package and these rules alone. Change a
rule and `versions.TRANSFORM` together: it is part of every layer's key.

1. `bin`, `sbin`, `lib`, `lib32`, … are `usr/…` (merged /usr); their directories are left out.
2. Documentation, manual pages, message catalogs are left out; copyright files and licences stay.
3. setuid and setgid bits of files are taken away unless the definition keeps them by name.
4. Device nodes, fifos, sparse files, names that leave the root, names that engines read as the
   removal of a file (`.wh.…`), and files in dpkg's own database are refused.
5. Of a package of which a part is wanted, other files are left out; its licence stays.
6. Extended attributes are left out, as dpkg does: file capabilities give rights like setuid does.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import field

from ironhull.build.patterns import chosen
from ironhull.definition.model import Slice
from ironhull.errors import MalformedError
from ironhull.oci.tar import DIRECTORY, FILE, HARD_LINK, SYMLINK, Member
from ironhull.oci.tar_writer import TarHeader
from ironhull.values import dataclass

ALIASED = ("bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32")
_ALIASED = re.compile(r"(?:bin|sbin|lib|lib32|lib64|libo32|libx32)(?=/|$)")
_DOCUMENTATION = re.compile(
    r"usr/share/(?:doc|doc-base|man|info|locale|lintian|bug|gnome/help|omf|linda|reportbug|gtk-doc)/."
)
# A package must be able to say under which licence it is (Debian Policy 12.5).
_LICENCE = re.compile(
    r"usr/share/doc/[^/]+(?:/copyright|/copyright\..*|/(?:.*/)?(?:LICEN[CS]E|COPYING|NOTICE)[^/]*)?"
)
# Files whose contents later steps turn into generated files.
CAPTURED = re.compile(
    r"usr/share/ca-certificates/.+\.crt"
    r"|usr/share/base-passwd/(?:passwd|group)\.master"
    r"|usr/share/libc-bin/nsswitch\.conf"
    r"|etc/ld\.so\.conf(?:\.d/[^/]+\.conf)?"
    r"|usr/lib/(?:sysusers\.d/[^/]+\.conf|tmpfiles\.d/[^/]+\.conf|systemd/system/[^/]+\.service)"
    r"|etc/([^/]+)/\1\.(?:conf|cfg)|etc/[^/]+\.conf"
    r"|usr/local/share/ca-certificates/.+\.crt"
    r"|usr/share/(?:base-files/(?:profile|motd|dot\.bashrc|dot\.profile)|debianutils/shells)"
)
CAPTURE_LIMIT = 1 << 20
_MAX_NAME = 4096
# Engines pass owners to chown(2), where the highest number means "do not change".
_MAX_OWNER = (1 << 32) - 2
MAX_TIME = 8**11 - 1
# Scanners look for the two status files below any `lib/dpkg`.
_DATABASE = re.compile(r"var/lib/dpkg/.+|(?:.*/)?lib/dpkg/status(?:\.d/.+)?")


@dataclass(frozen=True, slots=True)
class Policy:
    """The choices of a definition that change what a package's layer holds."""

    documentation: bool = False
    setuid: tuple[str, ...] = ()
    """Absolute paths that keep their bit, sorted."""
    parts: Mapping[str, Slice] = field(default_factory=dict)
    """Packages of which only a part is wanted."""


def in_part(path: str, package: str, wanted: Slice) -> bool:
    """Whether a file of a package is in the part that is wanted; its licence always is."""
    if path == f"usr/share/doc/{package}/copyright":
        return True
    return chosen(path, wanted.only, wanted.without)


def clean_name(name: str) -> str:
    """A member's name relative to the root, without `./` and trailing `/`; `` for the root itself.

    MalformedError if the name is absolute, climbs, has a NUL or a newline in it, or is a whiteout
    (image-spec layer.md): engines would remove a file in place of making one.
    """
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    name = name.rstrip("/")
    if name in (".", ""):
        return ""
    if name[0] == "/" or "\0" in name or "\n" in name or len(name) > _MAX_NAME:
        raise MalformedError(f"tar member with an unacceptable name: {name!r:.200}")
    if "//" in name or "/./" in name or name.endswith("/.") or ".." in name:
        parts = name.split("/")
        if ".." in parts:
            raise MalformedError(f"tar member leaves the archive's root: {name!r:.200}")
        name = "/".join(part for part in parts if part not in ("", "."))
    if ".wh." in name and any(part.startswith(".wh.") for part in name.split("/")):
        raise MalformedError(f"tar member that would remove files of other layers: {name!r:.200}")
    return name


def aliased(path: str) -> str:
    """The path with a merged /usr: `lib/x` is `usr/lib/x`."""
    return f"usr/{path}" if _ALIASED.match(path) else path


def keeps(path: str, policy: Policy) -> bool:
    """Whether a path (merged, relative) belongs into the layer."""
    if policy.documentation or not path.startswith("usr/share/"):
        return True
    return not _DOCUMENTATION.match(path) or bool(_LICENCE.fullmatch(path))


def transformed(member: Member, name: str, what: str, policy: Policy) -> TarHeader | None:
    """The member as it goes into the layer, or None if it is left out. `name` is its clean name."""
    if member.kind not in (FILE, HARD_LINK, SYMLINK, DIRECTORY) or member.sparse:
        raise MalformedError(f"{what}: {name!r} is neither a file, a directory nor a link")
    if not (0 <= member.uid <= _MAX_OWNER and 0 <= member.gid <= _MAX_OWNER):
        raise MalformedError(f"{what}: {name!r} has the owner {member.uid}:{member.gid}")
    if member.kind != DIRECTORY and _DATABASE.fullmatch(name):
        raise MalformedError(f"{what}: {name!r} would forge an entry of the package database")
    path, mode, link = aliased(name), member.mode, member.link
    if path != name and name in ALIASED:
        # base-files of Debian 13 ships the links themselves; a directory would undo them.
        if member.kind == DIRECTORY:
            return None
        path = name
    elif not keeps(path, policy):
        return None
    if member.kind in (FILE, HARD_LINK) and mode & 0o6000 and f"/{path}" not in policy.setuid:
        mode &= ~0o6000
    if member.kind == SYMLINK:
        link = _target(name, path, link, what)
    return TarHeader(
        path,
        member.kind,
        mode,
        member.uid,
        member.gid,
        member.size,
        min(max(0, member.mtime), MAX_TIME),
        link,
    )


def _target(name: str, path: str, link: str, what: str) -> str:
    """A symbolic link's target; relative ones are kept meaning what they meant before rule 1."""
    if not link or "\0" in link:
        raise MalformedError(f"{what}: symbolic link {name!r} without a target")
    if link.startswith("/"):
        return link
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
    if meant.startswith("../") or meant == "..":
        raise MalformedError(f"{what}: symbolic link {name!r} leads out of the root ({link!r})")
    if path == name:
        return link
    now = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    if aliased(now) == aliased(meant):
        return link
    return posixpath.relpath(aliased(meant), posixpath.dirname(path))
