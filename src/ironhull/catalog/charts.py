"""The geometry of the catalog's pictures; templates draw them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ironhull.catalog.facts import BuildFacts, DayCount, FixTimes, PlatformFacts

WIDTH, HEIGHT = 720.0, 180.0
_BOX, _GAP, _ROW, _TOP = 148.0, 34.0, 46.0, 34.0
_MOST = 7


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: `M0 1 L2 3`, and the place of its last point."""

    label: str
    kind: str
    """Its class in the style."""
    path: str
    points: tuple[tuple[float, float, str], ...]
    """x, y, and what is written there."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Findings by day."""

    lines: tuple[Line, ...]
    most: int
    first: str
    last: str
    text: str
    """All of it in a sentence, for who does not see it."""


def days_chart(ours: Sequence[DayCount], theirs: Sequence[DayCount]) -> Chart | None:
    """Open and raw findings of a tag by day, beside its counterpart; None without a day."""
    if not ours:
        return None
    days = sorted({each.day for each in (*ours, *theirs)})
    series = [
        ("after VEX", "open", {each.day: each.open for each in ours}),
        ("raw", "raw", {each.day: each.raw for each in ours}),
        ("conventional, after VEX", "other", {each.day: each.open for each in theirs}),
    ]
    most = max(max(values.values(), default=0) for _, _, values in series)
    lines = tuple(
        _line(label, kind, values, days, max(most, 1)) for label, kind, values in series if values
    )
    last = ours[-1]
    text = f"On {last.day}: {last.open} findings after VEX of {last.raw} raw"
    if theirs:
        text += f"; the conventional image had {theirs[-1].open}"
    return Chart(lines, most, days[0], days[-1], text)


_SEVERITIES = ("critical", "high", "medium", "low")


def open_chart(days: Mapping[str, Mapping[str, int]]) -> Chart | None:
    """Open findings of all watched images by day and severity; None without a day."""
    if not days:
        return None
    ordered = sorted(days)
    series = [
        (severity, {day: days[day].get(severity, 0) for day in ordered})
        for severity in _SEVERITIES
        if any(days[day].get(severity) for day in ordered)
    ]
    most = max((max(values.values()) for _, values in series), default=0)
    lines = tuple(
        _line(severity, severity, values, ordered, max(most, 1)) for severity, values in series
    )
    last = ordered[-1]
    counted = ", ".join(f"{values[last]} {severity}" for severity, values in series)
    text = f"On {last}: {counted or 'none of severity low or more'}, open in all watched images"
    return Chart(lines, most, ordered[0], last, text)


@dataclass(frozen=True, slots=True)
class TimeBar:
    """How long fixes took, as parts of the longest time of all, in percent."""

    times: FixTimes
    half: float
    ninety: float
    longest: float
    target: float | None
    """Where the target stands; None where there is none, or beyond the picture."""


def time_bars(times: Sequence[FixTimes]) -> tuple[TimeBar, ...]:
    """A bar for each, all on one scale."""
    most = max((each.longest_seconds for each in times), default=0) or 1

    def share(seconds: int) -> float:
        return round(100 * seconds / most, 2)

    return tuple(
        TimeBar(
            each,
            share(each.half_seconds),
            share(each.ninety_seconds),
            share(each.longest_seconds),
            share(each.target_seconds)
            if each.target_seconds is not None and each.target_seconds <= most
            else None,
        )
        for each in times
    )


def _line(label: str, kind: str, values: Mapping[str, int], days: list[str], most: int) -> Line:
    step = WIDTH / max(len(days) - 1, 1)
    points = tuple(
        (round(place * step, 1), round(HEIGHT - values[day] * HEIGHT / most, 1), f"{day}: {number}")
        for place, day in enumerate(days)
        if (number := values.get(day)) is not None
    )
    path = " ".join(f"{'L' if at else 'M'}{x} {y}" for at, (x, y, _) in enumerate(points))
    return Line(label, kind, path, points)


@dataclass(frozen=True, slots=True)
class Box:
    """A node of the graph."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Definition, lock, archives, packages, layers, image: columns of boxes and lines between."""

    width: float
    height: float
    heads: tuple[tuple[float, str], ...]
    boxes: tuple[Box, ...]
    edges: tuple[str, ...]


def provenance_graph(build: BuildFacts, platform: PlatformFacts) -> Graph | None:
    """What an image was made of, from left to right; None where no provenance says it."""
    said = build.provenance
    if said is None:
        return None
    sources = (
        [("definition", _last(said.definition.name), said.definition.digest)]
        if said.definition
        else []
    )
    sources += [("lock", _last(said.lock.name), said.lock.digest)] if said.lock else []
    if said.sources:
        sources.append(("source", f"{len(said.sources)} included files", ""))
    columns = [
        ("Definition and lock", sources),
        ("Signed archives", [("archive", _of(each.name), each.digest) for each in said.archives]),
        ("Packages", [("package", each.name, each.digest) for each in said.packages]),
        (
            "Layers",
            [
                ("layer", ", ".join(each.packages[:2]) or "made by a step", each.digest)
                for each in platform.layers
            ],
        ),
        ("Image", [("image", f"{build.title or 'image'} {platform.platform}", platform.digest)]),
    ]
    return _laid_out([column for column in columns if column[1]])


def _last(path: str) -> str:
    """What tells it from others in a small box; the table below has all of it."""
    return path.rpartition("/")[2] or path


def _of(name: str) -> str:
    """Of `InRelease of debian trixie` the archive."""
    return name.rpartition(" of ")[2]


def _laid_out(columns: list[tuple[str, list[tuple[str, str, str]]]]) -> Graph:
    shown = [(head, _shortened(boxes)) for head, boxes in columns]
    rows = max(len(boxes) for _, boxes in shown)
    height = _TOP + rows * _ROW
    boxes: list[Box] = []
    edges: list[str] = []
    before: list[Box] = []
    heads = []
    for number, (head, column) in enumerate(shown):
        x = number * (_BOX + _GAP)
        heads.append((x, head))
        y = _TOP + (height - _TOP - len(column) * _ROW) / 2
        made = [
            Box(x, y + row * _ROW, _BOX, _ROW - 10, kind, title, detail)
            for row, (kind, title, detail) in enumerate(column)
        ]
        edges += _edges(before, made)
        boxes += made
        before = made
    width = len(shown) * (_BOX + _GAP) - _GAP
    return Graph(width, height, tuple(heads), tuple(boxes), tuple(edges))


def _shortened(boxes: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    if len(boxes) <= _MOST:
        return boxes
    left = len(boxes) - _MOST + 1
    return [*boxes[: _MOST - 1], (boxes[0][0], f"and {left} more", "")]


def _edges(before: Sequence[Box], after: Sequence[Box]) -> list[str]:
    found = []
    for left in before:
        for right in after:
            x, y = left.x + left.width, left.y + left.height / 2
            to_x, to_y = right.x, right.y + right.height / 2
            m = (x + to_x) / 2
            found.append(
                f"M{x:.0f} {y:.0f} C{m:.0f} {y:.0f} {m:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
            )
    return found


@dataclass(frozen=True, slots=True)
class Beside:
    """One figure of an image and of the conventional one; `share` is of the larger, in percent."""

    label: str
    ours: int
    theirs: int
    unit: str

    @property
    def share(self) -> float:
        """Ours."""
        return round(100 * self.ours / max(self.ours, self.theirs, 1), 2)

    @property
    def other_share(self) -> float:
        """Theirs."""
        return round(100 * self.theirs / max(self.ours, self.theirs, 1), 2)


def beside(
    ours: PlatformFacts, theirs: PlatformFacts, open_counts: tuple[int, int]
) -> tuple[Beside, ...]:
    """What hardening gained, in five figures."""
    return (
        Beside("to pull", ours.size, theirs.size, "bytes"),
        Beside("packages", len(ours.packages), len(theirs.packages), "count"),
        Beside("findings after VEX", *open_counts, "count"),
        Beside("files", ours.files, theirs.files, "count"),
        Beside("setuid and setgid files", ours.setuid, theirs.setuid, "count"),
    )
