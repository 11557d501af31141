"""Paths of a layer: from the names of a tar to absolute paths that people can read."""

from __future__ import annotations

ROOT = "/"
MAX_LINKS = 40


def utf8(text: str) -> str:
    """Text that can always be written: what is no Unicode becomes a backslash and its number."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def absolute(name: str) -> str | None:
    """`./usr/bin/` as `/usr/bin`; None for a name that climbs out of the root.

    Bytes that are not UTF-8 are written in hexadecimal, so that every path can be stored as text.
    """
    if not name.isascii():
        name = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    name = name.removeprefix("./")
    path = "/" + name.strip("/")
    if "/." in path or "//" in path:
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts:
            return None
        path = "/" + "/".join(parts)
    return path


def parent(path: str) -> str:
    """The folder of an absolute path; the root's own is the root."""
    return path[: path.rfind("/")] or ROOT


def join(folder: str, target: str) -> str:
    """Where a symbolic link in `folder` points, with `.` and `..` resolved as text."""
    parts: list[str] = [] if target.startswith("/") else folder.split("/")[1:]
    for part in target.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(part for part in parts if part)
