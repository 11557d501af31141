"""What is proposed to a team instead of being published: the branch, the title, the text.

The text is Markdown for a pull request, and the message of the one commit: code hosts take title
and description of a pull request from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ironhull.changes.reports.markdown import render
from ironhull.lock.diff import diff
from ironhull.lock.file import parse_lock
from ironhull.reports.markdown import cut, escape
from ironhull.reports.text import one_line
from ironhull.watch.model import Entry
from ironhull.watch.task import Outcome, Proposal

TRAILER = "Ironhull-Image"
"""Ends the message of a commit that a watcher made; others' commits are left alone."""
PREFIX = "ironhull/"
_TITLE, _LISTED = 120, 100
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")


def branch_of(name: str) -> str:
    """`ironhull/node-20-debian13`: what git takes as a branch, whatever an image is called."""
    return PREFIX + _OTHER.sub("-", name).strip("-")


def proposal(entry: Entry, outcome: Outcome) -> Proposal:
    """What a built outcome proposes; `Outcome.old_lock` is empty where there was no lock."""
    said = "; ".join(cause.text for cause in entry.causes)
    title = one_line(f"{entry.name}: {said}", _TITLE)
    return Proposal(branch_of(entry.name), title, "\n".join(_lines(entry, outcome)) + "\n")


def message(made: Proposal, name: str) -> str:
    """Of the commit that proposes something for the image of this name."""
    return f"{made.title}\n\n{made.text}\n{TRAILER}: {name}\n"


def _lines(entry: Entry, outcome: Outcome) -> Iterator[str]:
    yield f"The lock of {escape(entry.name)} is moved to what the archive has now."
    yield ""
    yield from (f"- {escape(cause.text)}" for cause in entry.causes)
    yield ""
    if entry.fixes:
        yield "It ends:"
        yield ""
        yield from cut([_fix(each) for each in _worst(entry)], _LISTED)
        yield ""
    if outcome.detail:
        yield "**A watcher that publishes would have held it:**"
        yield ""
        yield from (f"- {escape(reason)}" for reason in outcome.detail.split("; "))
    else:
        yield "Nothing about it is worse by the watcher's policy."
    yield ""
    yield f"Built, checked and scanned as {outcome.digest}; its tests: {outcome.tested or 'none'}."
    yield "A build of this lock by the same Ironhull gives this digest."
    yield ""
    if outcome.changes:
        yield render(dict(outcome.changes)).rstrip()
        return
    if outcome.uncompared:
        yield f"Not compared with what the lock has now: {escape(outcome.uncompared)}"
        yield ""
    if outcome.old_lock:
        old, new = (parse_lock(each, entry.name) for each in (outcome.old_lock, outcome.lock))
        yield from cut([f"- {escape(line)}" for line in diff(old, new).lines()], _LISTED)


def _fix(each: tuple[str, str, str]) -> str:
    return "- " + escape(" ".join(word for word in each if word))


def _worst(entry: Entry) -> list[tuple[str, str, str]]:
    """Vulnerability, severity, whether it is known to be exploited; those that are first."""
    found = sorted(entry.fixes, key=lambda fix: (not fix.exploited, fix.vulnerability))
    return [
        (fix.vulnerability, f"({fix.severity})", "known to be exploited" if fix.exploited else "")
        for fix in found
    ]
