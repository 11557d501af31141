"""Dockerfiles as rows: what goes in, how far it gets, what comes out.

    # node: a start script is read from package.json
    @ file package.json {"scripts": …}
    FROM node:20
    …
    ---- runtime, complete
    FROM dhi.io/node:20-dev AS build
    …
    ====

`@ catalog own` takes Ironhull's own definitions instead of the description of the public catalog,
`@ target NAME` a stage; in the text of a file `\\n` ends a line. Behind the verdict stands the new
text, `=` where it is the old one. `python -m outside.dockerfile_rows` writes verdicts and texts
anew, to be read before they are believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ironhull.definition.catalog import Catalog as Definitions
from ironhull.migrate.catalog.definitions import DefinitionCatalog
from ironhull.migrate.catalog.described import public_catalog
from ironhull.migrate.catalog.interface import Catalog
from ironhull.migrate.context.interface import FilesContext
from ironhull.migrate.migrate import migrate
from ironhull.migrate.model import Migration

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests/unit/migrate/rows"
IMAGES = ROOT / "images"


@dataclass
class Row:
    name: str
    input: str
    verdict: str = ""
    output: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    catalog: str = "public"
    target: str | None = None
    head: list[str] = field(default_factory=list)

    @property
    def source(self) -> bytes:
        return self.input.encode()

    def migrated(self, source: bytes | None = None) -> Migration:
        context = FilesContext(self.files)
        chosen = own() if self.catalog == "own" else public()
        return migrate(self.source if source is None else source, context, chosen, self.target)


@cache
def public() -> Catalog:
    return public_catalog()


@cache
def own() -> Catalog:
    return DefinitionCatalog("localhost", Definitions(IMAGES))


def said(found: Migration) -> str:
    return f"{found.rung.value}, {'complete' if found.complete else 'to be done by a person'}"


def rows(path: Path) -> Iterator[Row]:
    for block in path.read_text().split("====\n"):
        if block.strip():
            yield parsed(block)


def parsed(block: str) -> Row:
    text, _, result = block.partition("---- ")
    name, *rest = text.splitlines(keepends=True)
    row = Row(name.removeprefix("# ").strip(), "")
    while rest and rest[0].startswith("@ "):
        row.head.append(rest[0])
        word, _, value = rest.pop(0)[2:].rstrip("\n").partition(" ")
        if word == "file":
            path, _, content = value.partition(" ")
            row.files[path] = content.replace("\\n", "\n").encode()
        elif word == "catalog":
            row.catalog = value
        else:
            row.target = value
    row.input = "".join(rest)
    verdict, _, output = result.partition("\n")
    row.verdict, row.output = verdict, row.input if output == "=\n" else output
    return row


def every() -> list[Row]:
    return [row for path in sorted(FOLDER.glob("*.rows")) for row in rows(path)]


def main() -> None:
    for path in sorted(FOLDER.glob("*.rows")):
        made = []
        for row in rows(path):
            found = row.migrated()
            output = "=\n" if found.text == row.source else found.text.decode()
            made.append(f"# {row.name}\n{''.join(row.head)}{row.input}---- {said(found)}\n{output}")
        path.write_text("====\n".join(made))


if __name__ == "__main__":
    main()
