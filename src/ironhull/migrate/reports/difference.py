"""What a migration changes, as a unified difference that `patch` takes."""

from __future__ import annotations

from difflib import unified_diff

from ironhull.migrate.model import Migration

_NO_END = "\\ No newline at end of file\n"


def difference(migration: Migration, name: str) -> bytes:
    """The difference from the old text to the new one, byte for byte; empty if they are equal."""
    old, new = (
        text.decode("utf-8", "surrogateescape").splitlines(keepends=True)
        for text in (migration.source, migration.text)
    )
    made = [
        line if line.endswith("\n") else f"{line}\n{_NO_END}"
        for line in unified_diff(old, new, f"a/{name}", f"b/{name}")
    ]
    return "".join(made).encode("utf-8", "surrogateescape")
