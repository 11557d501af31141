"""The picture of the rooms, from the import contract: `python docs/architecture_picture.py`.

Reads `[tool.importlinter]` of pyproject.toml and the first line of each room's docstring, and
writes docs/architecture.svg. A test draws it again and compares.
"""

from __future__ import annotations

import ast
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = Path(__file__).with_name("architecture.svg")

WIDTH, MARGIN, GAP, ROW, TEXT_WIDTH = 1000, 20, 10, 44, 6.3
STYLE = """
  svg { font-family: ui-sans-serif, system-ui, sans-serif; background: #fff; color: #1b1f24 }
  rect { fill: #f3f6fa; stroke: #b6c2d1 } text { fill: currentColor }
  .name { font-weight: 600; font-size: 15px } .says { font-size: 12px; opacity: .8 }
  .note { font-size: 13px; opacity: .8 } path { stroke: currentColor; fill: none; opacity: .6 }
  @media (prefers-color-scheme: dark) {
    svg { background: #14181d; color: #e4e8ee } rect { fill: #1f262e; stroke: #3c4856 }
  }
"""


def rows() -> list[list[str]]:
    """The layers of the contract, highest first; rooms of one layer know nothing of each other."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c for c in contracts["contracts"] if c["type"] == "layers")["layers"]
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def says(room: str) -> str:
    """The first line of a room's docstring, or of a module's."""
    path = ROOT / "src" / room.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]


def shortened(text: str, width: float) -> str:
    room = int(width / TEXT_WIDTH)
    return text if len(text) <= room else text[: room - 1].rsplit(" ", 1)[0].rstrip(" ,:;") + " …"


def picture() -> str:
    """The whole file."""
    layers = rows()
    height = 2 * MARGIN + 30 + len(layers) * (ROW + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"',
        '     aria-label="The rooms of Ironhull: each row imports only rows below it">',
        f"<style>{STYLE}</style>",
        f'<text class="note" x="{MARGIN + 24}" y="{MARGIN + 12}">'
        "Each row imports only rows below it.</text>",
        f'<path d="M{MARGIN + 4} {MARGIN + 30} V{height - MARGIN - 8}'
        ' m-5 -8 l5 8 l5 -8" stroke-width="2"/>',
    ]
    left = MARGIN + 24
    for number, rooms in enumerate(layers):
        top = MARGIN + 26 + number * (ROW + GAP)
        width = (WIDTH - left - MARGIN - GAP * (len(rooms) - 1)) / len(rooms)
        for column, room in enumerate(rooms):
            x = left + column * (width + GAP)
            name = room.removeprefix("ironhull.")
            parts += [
                f'<rect x="{x:.0f}" y="{top}" width="{width:.0f}" height="{ROW}" rx="6"/>',
                f'<text class="name" x="{x + 12:.0f}" y="{top + 18}">{escape(name)}</text>',
                f'<text class="says" x="{x + 12:.0f}" y="{top + 35}">'
                f"{escape(shortened(says(room), width - 24))}</text>",
            ]
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    TARGET.write_text(picture())
