"""The images that an image was made from, as its config tells, and which of them moved.

An image of ours has a step of history for each image that it takes files from; others may name what
they stand on in labels (`org.opencontainers.image.base.name` and `.digest`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ironhull.changes.model import BaseChange, BaseChanges

_TAKEN = re.compile(r"(\S{1,500}) \((sha256:[0-9a-f]{64})\)")
_LABEL = "org.opencontainers.image.base."
_MAX_STEPS = 1000


def bases_of(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of an image's config: by the name of an image that it was made from, digests of that."""
    found: dict[str, set[str]] = {}
    history, config = document.get("history"), document.get("config")
    for step in history[:_MAX_STEPS] if isinstance(history, list) else ():
        ours = isinstance(step, dict) and step.get("created_by") == "ironhull"
        if ours and (told := _TAKEN.fullmatch(str(step.get("comment", "")))):
            found.setdefault(told[1], set()).add(told[2])
    labels = config.get("Labels") if isinstance(config, dict) else None
    if isinstance(labels, dict):
        told = _TAKEN.fullmatch(f"{labels.get(f'{_LABEL}name')} ({labels.get(f'{_LABEL}digest')})")
        if told:
            found.setdefault(told[1], set()).add(told[2])
    return {name: sorted(digests) for name, digests in sorted(found.items())}


def moved_bases(before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> BaseChanges:
    """What is not the same in two such tables."""
    moved, same = [], 0
    for name in sorted({*before, *after}):
        old, new = set(before.get(name, ())), set(after.get(name, ()))
        same += len(old & new)
        gone, come = sorted(old - new), sorted(new - old)
        for number in range(max(len(gone), len(come))):
            pair = (one[number] if number < len(one) else "" for one in (gone, come))
            moved.append(BaseChange(name, *pair))
    return BaseChanges(tuple(moved), same)
