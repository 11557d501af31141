"""The JSON Schema and the reference of the format, both made from its table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ironhull.definition.format import FORMAT
from ironhull.definition.shape import FixedKeys, Key, ListOf

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema (2020-12) of one file.

    No key is required at the top: what one file leaves out may stand in another that it includes.
    """
    return {
        "$schema": DIALECT,
        "title": "Ironhull image definition",
        "description": "One container image: its packages, accounts, files, config and tests.",
        **FORMAT.schema(),
    }


def reference() -> str:
    """The keys as Markdown: one table for the top, one for each map with fixed keys."""
    return "\n\n".join(sections("", FORMAT)) + "\n"


def sections(path: str, fields: FixedKeys) -> Iterator[str]:
    """The tables of a map of fixed keys and of those below it; `path` leads to it."""
    heading = f"### `{path}`" if path else "### Top level"
    rows = ["| key | value | meaning |", "|---|---|---|"]
    rows += [_row(name, key) for name, key in fields.keys.items()]
    rows += [f"| ~~`{name}`~~ | | {_cell(why)} |" for name, why in fields.refused.items()]
    yield heading + "\n\n" + "\n".join(rows)
    for name, key in fields.keys.items():
        shape, below = key.shape, f"{path}.{name}" if path else name
        if isinstance(shape, ListOf):
            shape, below = shape.item, f"{below}[]"
        if isinstance(shape, FixedKeys):
            yield from sections(below, shape)


def _row(name: str, key: Key) -> str:
    notes = [key.about]
    if isinstance(key.shape, ListOf) and key.shape.replaced:
        notes.append("An own list replaces an included one.")
    if key.required:
        notes.append("Required.")
    if key.ours:
        notes.append("Ironhull's own key.")
    return f"| `{name}` | {_cell(key.shape.words)} | {_cell(' '.join(notes))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
