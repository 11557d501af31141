"""The Dockerfile while rules work on it: lines that can be changed, and what was said about it.

A line is a whole instruction, comment or blank line with its ends of lines. One that no rule
touches keeps its text byte for byte, so what did not have to change did not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ironhull.migrate.catalog.interface import Catalog
from ironhull.migrate.context.interface import Context
from ironhull.migrate.dockerfile.instruction import KEYWORDS, Instruction
from ironhull.migrate.dockerfile.lexer import Document, Kind, Node, lex
from ironhull.migrate.dockerfile.stages import From, split
from ironhull.migrate.model import Change, Confidence, Outside, Remark, Rung
from ironhull.migrate.plan import Plan


@dataclass(slots=True, eq=False)
class Line:
    """A node as it will be written."""

    text: str
    kind: Kind
    instruction: Instruction | None
    line: int
    """Of the input; 0: added."""
    offset: int
    """Of the text in what the instruction's pieces count in."""

    @property
    def keyword(self) -> str:
        """Of the instruction; empty for a comment or a blank line."""
        return self.instruction.keyword if self.instruction is not None else ""

    @property
    def body(self) -> str:
        """The arguments of the instruction."""
        return self.instruction.body if self.instruction is not None else ""

    @property
    def shown(self) -> str:
        """The text without the ends of lines around it."""
        return self.text.strip("\r\n")


@dataclass(slots=True, eq=False)
class DraftStage:
    """A stage as it will be written."""

    start: Line
    source: From
    lines: list[Line]

    def instructions(self, *keywords: str) -> Iterator[tuple[Line, Instruction]]:
        """The instructions with these keywords, of all if none is named."""
        for line in tuple(self.lines):
            if line.instruction is not None and (not keywords or line.keyword in keywords):
                yield line, line.instruction


@dataclass(slots=True)
class Draft:
    """All of it."""

    document: Document
    head: list[Line]
    stages: list[DraftStage]
    context: Context
    catalog: Catalog
    final: int
    """Index of the stage that is to be the image."""
    end: str
    """The end of lines of the file."""
    lower: bool = False
    """Keywords are written in small letters."""
    plan: Plan = field(default_factory=Plan)
    rung: Rung = Rung.STATIC
    changes: list[Change] = field(default_factory=list)
    refused: list[Remark] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    outside: list[Outside] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What the file would be now."""
        return "".join(line.text for line in self.lines())

    def lines(self) -> Iterator[Line]:
        """Every line in its order."""
        yield from self.head
        for stage in self.stages:
            yield stage.start
            yield from stage.lines

    def made(self, text: str, line: int = 0) -> Line:
        """A line of this text, which is one instruction, comment or blank line without its end."""
        text = self.cased(text)
        whole = text if text.endswith("\n") else text + self.end
        if not text.strip():
            return Line(whole, Kind.BLANK, None, line, 0)
        if text.startswith("#"):
            return Line(whole, Kind.COMMENT, None, line, 0)
        directive = "" if self.document.escape == "\\" else "#escape=`\n"
        nodes = lex((directive + whole).encode("utf-8", "surrogateescape")).nodes
        node = nodes[-1]
        return Line(whole, node.kind, node.instruction, line, node.start)

    def cased(self, text: str) -> str:
        """The keyword in the case of the file's others: BuildKit warns where two are mixed."""
        word, space, rest = text.partition(" ")
        if not self.lower or word.upper() not in KEYWORDS:
            return text
        if word.upper() == "FROM":
            rest = rest.replace(" AS ", " as ")
        return f"{word.lower()}{space}{rest}"

    def rewritten(self, line: Line, text: str) -> None:
        """Give a line another text; its place and the number of its line stay."""
        new = self.made(text, line.line)
        if not line.text.endswith("\n"):
            new.text = new.text[: -len(self.end)]
        line.text, line.kind, line.instruction = new.text, new.kind, new.instruction
        line.offset = new.offset

    def edited(self, line: Line, edits: Sequence[tuple[int, int, str]]) -> str:
        """The text of a line with parts of its logical text replaced: (start, end, new) each.

        What stands between the parts, continuation signs and comments too, stays.
        """
        instruction, text = line.instruction, line.text.rstrip("\r\n")
        if instruction is None:
            return text
        for start, end, new in sorted(edits, reverse=True):
            first = instruction.offset(start) - line.offset
            last = max(first, instruction.end_offset(end) - line.offset)
            text = text[:first] + new + text[last:]
        return text

    def changed(
        self,
        rule: str,
        line: int,
        before: str,
        after: str,
        reason: str,
        confidence: Confidence,
        test: str = "",
    ) -> None:
        """Record a change."""
        self.changes.append(
            Change(rule, line, before.strip("\r\n"), after.strip("\r\n"), reason, confidence, test)
        )

    def refuse(self, rule: str, line: int, message: str, advice: str) -> None:
        """Record what a person has to do."""
        self.refused.append(Remark(rule, line, message, advice))

    def remark(self, rule: str, line: int, message: str, advice: str) -> None:
        """Record what a person should know, once."""
        remark = Remark(rule, line, message, advice)
        if remark not in self.remarks:
            self.remarks.append(remark)


def draft_of(document: Document, context: Context, catalog: Catalog, final: int) -> Draft:
    """The lines of a document; errors as of `stages.split`."""
    head, stages = split(document)
    end = "\r\n" if "\r\n" in document.text else "\n"
    made = [
        DraftStage(_line(stage.start), stage.source, [_line(n) for n in stage.nodes])
        for stage in stages
    ]
    lower = all(each.written.islower() for each in document.instructions)
    lines = [_line(node) for node in head]
    return Draft(document, lines, made, context, catalog, final, end, lower)


def _line(node: Node) -> Line:
    return Line(node.text, node.kind, node.instruction, node.line, node.start)
