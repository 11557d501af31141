"""Changing a file at the places found, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

from ironhull.migrate.outside.model import Edit, Found


def edited(data: bytes, found: Iterable[Found]) -> bytes:
    """The file with every edit made; each byte that no edit names is as it was."""
    text = data.decode("utf-8")
    edits = sorted({one.edit for one in found if one.edit}, key=lambda edit: (edit.start, edit.end))
    done: list[str] = []
    at = 0
    for edit in edits:
        # Two findings at one place, by way of an anchor: the first is enough.
        if edit.start < at:
            continue
        done += [text[at : edit.start], edit.text]
        at = edit.end
    return ("".join(done) + text[at:]).encode("utf-8")


def replaced(
    text: str, span: tuple[int, int], old: str, new: str, *, last: bool = False
) -> Edit | None:
    """An edit of `old` in a scalar; None if it is not written there so (an anchor, an escape)."""
    start, end = span
    at = text.rfind(old, start, end) if last else text.find(old, start, end)
    return Edit(at, at + len(old), new) if at >= 0 else None
