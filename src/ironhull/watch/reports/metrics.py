"""The state of a catalog in the text format of Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ironhull.state.watch_records import Said
from ironhull.watch.measures import PERCENTILES, SPANS, Measured, Open, Spent, Times
from ironhull.watch.standing import CatalogStatus

_PREFIX = "ironhull_watch"
_STATES = ("new", "current", "behind", "held", "proposed", "failing", "quarantined", "ended")


def metrics(found: CatalogStatus, measured: Measured) -> str:
    """The page."""
    taken, late, seconds = measured.times, measured.open, measured.age
    lines = [
        *_gauge("round_age_seconds", "Since the last round ended.", [("", seconds)]),
        *_gauge("images", "Images by where they stand.", _by_state(found)),
        *_gauge("alarms", "What is so for longer than the bound.", [("", len(found.alarms))]),
        *_gauge("image_behind", "1 for an image that is behind.", _behind(found)),
        *_gauge("complaints", "Causes that still are, by subject.", _by_subject(found.complaints)),
        *_gauge("open_fixes", "Fixes in the archive, not published yet.", _open(late)),
        *_gauge("late_fixes", "Fixes that took, or take, longer than the target.", _late(taken)),
    ]
    lines += [
        *_gauge("worst_days", "Days with a critical or high finding.", _worst(measured.spent)),
        *_gauge("foreign_findings", "Open findings of images not ours.", _foreign(found)),
        *_gauge("foreign_fixed", "Of them, those that a newer base ends.", _fixed(found)),
    ]
    for span in SPANS:
        name = span.replace(" ", "_") + "_seconds"
        rows = [
            (f'severity="{each.severity}",quantile="{percent / 100:g}"', time.total_seconds())
            for each in taken
            if each.span == span
            for percent, time in zip(PERCENTILES, each.percentiles, strict=True)
        ]
        lines += _gauge(name, f"From {span}.", rows)
    return "\n".join(lines) + "\n"


def _gauge(name: str, text: str, rows: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP {_PREFIX}_{name} {text}"
    yield f"# TYPE {_PREFIX}_{name} gauge"
    for labels, value in rows:
        yield f"{_PREFIX}_{name}{f'{{{labels}}}' if labels else ''} {value:g}"


def _by_state(found: CatalogStatus) -> list[tuple[str, float]]:
    counts = Counter(image.state for image in found.images)
    return [(f'state="{state}"', counts[state]) for state in _STATES]


def _behind(found: CatalogStatus) -> list[tuple[str, float]]:
    return [
        (f'image="{_label(image.name)}",state="{image.state}"', 1)
        for image in found.images
        if image.behind_since
    ]


def _by_subject(complaints: Iterable[Said]) -> list[tuple[str, float]]:
    counts = Counter(each.subject for each in complaints)
    return [(f'subject="{_label(name)}"', number) for name, number in sorted(counts.items())]


def _open(late: Iterable[Open]) -> list[tuple[str, float]]:
    counts = Counter(each.severity for each in late)
    return [(f'severity="{name}"', number) for name, number in sorted(counts.items())]


def _late(taken: Iterable[Times]) -> list[tuple[str, float]]:
    return [(f'severity="{each.severity}"', each.late) for each in taken if each.target is not None]


def _worst(spent: Iterable[Spent]) -> list[tuple[str, float]]:
    return [
        (f'image="{_label(each.image)}",side="{side}"', days)
        for each in spent
        for side, days in (("image", each.worst_days), ("counterpart", each.other_worst_days))
        if side == "image" or each.counterpart
    ]


def _foreign(found: CatalogStatus) -> list[tuple[str, float]]:
    return [
        (f'image="{_label(each.reference)}",severity="{severity}"', number)
        for each in found.foreign
        for severity, number in sorted(Counter(each.findings.values()).items())
    ]


def _fixed(found: CatalogStatus) -> list[tuple[str, float]]:
    return [(f'image="{_label(each.reference)}"', len(each.fixed)) for each in found.foreign]


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
