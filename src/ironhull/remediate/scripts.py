"""Whether a package can be upgraded without running its maintainer scripts; they are read as text.

A script of the new version that does what that of the installed version did has been run already:
in the image are the users, links and settings that it makes. Two things are left that such an image
would lack: what a changed script would do, and what a script makes out of the package's files, such
as the bundle of certificates. Both are reasons not to touch the package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMES = ("preinst", "postinst", "prerm", "postrm", "config", "triggers")
_GENERATORS = (
    "a2enmod",
    "depmod",
    "fc-cache",
    "gdk-pixbuf-query-loaders",
    "gio-querymodules",
    "glib-compile-schemas",
    "gtk-query-immodules-3.0",
    "gtk-update-icon-cache",
    "install-info",
    "localedef",
    "locale-gen",
    "newaliases",
    "phpenmod",
    "update-ca-certificates",
    "update-catalog",
    "update-desktop-database",
    "update-grub",
    "update-initramfs",
    "update-mime-database",
    "update-xmlcatalog",
)
_GENERATOR = re.compile(rf"(?<![\w./-])(?:/usr)?(?:/s?bin/)?({'|'.join(_GENERATORS)})(?![\w-])")
# In these a version is the only thing that changes, and it says when to do it: at an older upgrade.
_MAINTAINED = re.compile(r"(dpkg-maintscript-helper\s.*)")
_VERSION = re.compile(r"\b[0-9][0-9A-Za-z.+~:-]*")


def obstacle(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> str:
    """Why the package cannot be upgraded without its scripts; empty if it can.

    Both map the names of control files to their bytes; `old` is what the image has.
    """
    for name in NAMES:
        before, after = _lines(old.get(name, b"")), _lines(new.get(name, b""))
        known = set(before)
        for line in after:
            if line not in known:
                return (
                    f"its {name} would do what that of the installed version did not: {line!r:.80}"
                )
    for name in ("preinst", "postinst"):
        for line in _lines(new.get(name, b"")):
            if found := _GENERATOR.search(line):
                return f"its {name} makes something of its files: {found[1]}"
    return ""


def _lines(script: bytes) -> list[str]:
    """The lines that do something; comments name the tool that wrote them, with its version."""
    text = script.decode("utf-8", "replace").replace("\\\n", " ")
    found = []
    for line in text.split("\n"):
        line = " ".join(line.split())
        if not line or line.startswith("#"):
            continue
        if _MAINTAINED.match(line):
            line = _VERSION.sub("VERSION", line)
        found.append(line)
    return found
