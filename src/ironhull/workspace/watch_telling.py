"""What a watcher says, and to whom: each cause once, for as long as it lasts.

What is said stands in the state, so that a watcher that begins anew, or a second one, does not say
it again. Whoever is told by a channel (`notify`) is told the same, once.
"""

from __future__ import annotations

from typing import Any

from ironhull.changes.document import document_of
from ironhull.changes.reports.text import render
from ironhull.errors import EnvironmentProblem, IronhullError
from ironhull.notify.message import Kind, Message
from ironhull.state.watching import WatchState
from ironhull.watch.model import Entry
from ironhull.watch.standing import ENDING
from ironhull.watch.task import Outcome, Proposal
from ironhull.workspace.changelog import changelog
from ironhull.workspace.machine import Machine
from ironhull.workspace.notifying import Notifier


class Telling:
    """Says things on this machine, and to those whom the policy names."""

    def __init__(self, machine: Machine, state: WatchState, notifier: Notifier | None) -> None:
        self._machine, self._state, self._notifier = machine, state, notifier
        self._unkept: set[tuple[str, str]] = set()
        """What was said while the state could not keep it."""

    def complain(self, subject: str, text: str, kind: Kind = "problem") -> None:
        """Say a cause, unless it was said and lasts."""
        try:
            new = self._state.say(subject, text)
        except EnvironmentProblem as error:
            if (subject, text) not in self._unkept:
                self._unkept.add((subject, text))
                also = "" if str(error) == text else f"; and {error}"
                self._machine.progress.note(f"{subject}: {text}{also}")
            return
        if new:
            if (subject, text) not in self._unkept:
                self._machine.progress.note(f"{subject}: {text}")
            self._send(Message(kind, subject.removeprefix(ENDING), text, self._state.now))

    def kept(self) -> None:
        """The state keeps what is said again; what it could not keep is over or was said anew."""
        self._unkept.clear()

    def ended(self, entry: Entry, outcome: Outcome, old: str) -> None:
        """Say what became of an image; `old` is the digest of what was published before."""
        match outcome.result:
            case "published":
                self._machine.progress.note(
                    f"{entry.name}: published {outcome.digest[:19]} ({entry.cause})"
                )
                if self._notifier is not None and self._notifier.wants("published"):
                    self._send(self._published(entry, outcome, old))
            case "proposed" if outcome.proposal is not None:
                self._proposed(entry, outcome.proposal)
            case "held" | "failed":
                kind: Kind = outcome.result if outcome.own else "problem"
                subject = entry.name if outcome.own else "environment"
                self.complain(
                    subject, f"{outcome.result} at {outcome.step}: {outcome.detail}", kind
                )
            case _:
                pass

    def _proposed(self, entry: Entry, made: Proposal) -> None:
        """Say it when the branch moves."""
        if not made.moved:
            return
        self._machine.progress.note(f"{entry.name}: proposed as {made.branch} ({made.commit[:12]})")
        details = {
            "cause": entry.cause,
            "urgency": entry.urgency,
            "branch": made.branch,
            "commit": made.commit,
            "title": made.title,
        }
        self._send(Message("proposed", entry.name, made.text, self._state.now, details))

    def _published(self, entry: Entry, outcome: Outcome, old: str) -> Message:
        details: dict[str, Any] = {
            "cause": entry.cause,
            "urgency": entry.urgency,
            "digest": outcome.digest,
            "repository": outcome.repository,
            "tag": outcome.tag,
        }
        text = f"{outcome.digest}\n{entry.cause}"
        if outcome.repository and old and old != outcome.digest:
            changes = self._changes(outcome.repository, outcome.digest, old)
            if changes is not None:
                details["changelog"] = changes
                text = f"{text}\n\n{render(changes)}"
        return Message("published", entry.name, text, self._state.now, details)

    def _changes(self, repository: str, new: str, old: str) -> dict[str, Any] | None:
        """The changelog; None, and a note, where there is none to be had."""
        try:
            return document_of(
                changelog(self._machine, f"{repository}@{new}", f"{repository}@{old}")
            )
        except IronhullError as error:
            self._machine.progress.note(f"note: no changelog of {repository}@{new[:19]}: {error}")
            return None

    def _send(self, message: Message) -> None:
        if self._notifier is not None:
            self._notifier.tell(message)
