"""What a rule is."""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.migrate.draft import Draft, Line
from ironhull.migrate.model import Confidence


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of change, or of refusal. `before` and `after` are its example in the manual."""

    id: str
    title: str
    reason: str
    confidence: Confidence
    before: str
    after: str

    def changed(
        self, draft: Draft, line: int, before: str, after: str, reason: str = "", test: str = ""
    ) -> None:
        """Record a change by this rule."""
        why = reason or self.reason
        draft.changed(self.id, line, before, draft.cased(after), why, self.confidence, test)

    def rewrite(
        self, draft: Draft, line: Line, text: str, reason: str = "", test: str = ""
    ) -> None:
        """Give a line another text, and record it."""
        before = line.shown
        if text.strip("\r\n") == before:
            return
        draft.rewritten(line, text)
        self.changed(draft, line.line, before, text, reason, test)

    def refuse(self, draft: Draft, line: int, message: str, advice: str) -> None:
        """Record what a person has to do."""
        draft.refuse(self.id, line, message, advice)

    def remark(self, draft: Draft, line: int, message: str, advice: str) -> None:
        """Record what a person should know."""
        draft.remark(self.id, line, message, advice)
