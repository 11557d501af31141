"""Where the advisory database is, for every verb that reads it."""

from __future__ import annotations

from pathlib import Path

from ironhull.cli.settings import settings


def database_path() -> Path:
    """`advisories/advisories.sqlite` in the home."""
    return settings().home.root / "advisories" / "advisories.sqlite"
