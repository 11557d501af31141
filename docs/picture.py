"""A picture of real output for the README: `ironhull demo 2>/dev/null | python docs/picture.py`.

Reads what a command printed and writes docs/demo.svg: the part about the application, as a terminal
shows it. Nothing is added; lines before that part are left out.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

TARGET = Path(__file__).with_name("demo.svg")
FIRST = "The application, built and run by"


def main() -> None:
    text = sys.stdin.read()
    start = text.find(FIRST)
    if start < 0:
        raise SystemExit(f"the input has no line that begins with {FIRST!r}")
    end = text.find("\n\n", text.find("in all", start))
    part = text[start:end]
    width = max(len(line) for line in part.splitlines()) + 2
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ ironhull demo", style="bold"))
    for line in part.splitlines():
        style = "bold" if re.match(r"\S", line) else ""
        shown = Text(line, style=style)
        shown.highlight_regex(r"\bYES\b", "bold red")
        shown.highlight_regex(r"\bno: \S+|\bnone\b", "green")
        console.print(shown)
    svg = console.export_svg(title="ironhull demo")
    # Fonts of the reader's own machine: a picture that asks nobody for anything.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    TARGET.write_text(svg.replace("Fira Code", "ui-monospace, Menlo, Consolas"))


if __name__ == "__main__":
    main()
