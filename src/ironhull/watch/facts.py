"""What a new image is compared with before it is published, and what is worse than before.

Facts are plain values, kept with what is published, so that the comparison needs no old image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KINDS = ("setuid", "scripts", "listeners", "licences")
"""What may not appear unseen: files that run as another user, maintainer scripts that a package
did not have, programs that can listen, licences."""

_SAID = {
    "setuid": "runs as another user",
    "scripts": "is a new maintainer script",
    "listeners": "can listen for connections",
    "licences": "is a new licence",
}
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Facts:
    """Of all platforms of an image together."""

    size: int
    """Bytes of the largest platform, compressed as it is pulled."""
    kinds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By the words of KINDS: sorted, each once."""

    def json(self) -> dict[str, Any]:
        """As the state keeps it."""
        return {"size": self.size, **{kind: list(found) for kind, found in self.kinds.items()}}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Facts | None:
        """From the state; None where nothing was kept."""
        if not isinstance(value.get("size"), int):
            return None
        kinds = {
            kind: tuple(str(item) for item in value[kind])
            for kind in KINDS
            if isinstance(value.get(kind), list)
        }
        return cls(value["size"], kinds)


@dataclass(frozen=True, slots=True)
class Gate:
    """What may be published without a human."""

    growth: float = 0.25
    """The share by which an image may grow."""
    more_findings: bool = False
    """Whether there may be more open findings than before, by the same advisories."""
    kinds: frozenset[str] = frozenset(KINDS)
    """What has to be held if something new of it appears."""


def worse(gate: Gate, old: Facts | None, new: Facts) -> Iterator[str]:
    """Why an image must not be published by itself; nothing where there was none before."""
    if old is None:
        return
    if new.size > old.size * (1 + gate.growth):
        grown = (new.size - old.size) * 100 // max(old.size, 1)
        yield (
            f"it is {grown} % larger than before ({old.size} → {new.size} bytes; "
            f"the policy allows {gate.growth * 100:.0f} %)"
        )
    for kind in KINDS:
        if kind in gate.kinds and kind in old.kinds:
            known = set(old.kinds[kind])
            for name in _first([each for each in new.kinds.get(kind, ()) if each not in known]):
                yield f"{name} {_SAID[kind]}"


def more_findings(gate: Gate, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Why findings of the new image (vulnerability → severity) forbid to publish it.

    Both by the same advisories. There may be no more in all, and no more of those that are critical
    or high: one of these is not made good by a low one that went.
    """
    if gate.more_findings:
        return
    fresh = sorted(set(new) - set(old))
    for severities in (frozenset({"critical", "high"}), None):
        before, after = (
            sum(severities is None or severity in severities for severity in found.values())
            for found in (old, new)
        )
        if after > before:
            which = "open" if severities is None else "critical or high"
            listed = ", ".join(f"{name} ({new[name]})" for name in _first(fresh))
            yield f"it has {after} {which} findings and had {before}: {listed} came"
            return


def _first(names: Sequence[str]) -> Sequence[str]:
    return names[:_LISTED]
