"""The geometry of the catalog's pictures; templates draw them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ironhull.catalog.facts import (
    DayCount,
    FixTimes,
    InputFacts,
    LayerFacts,
    PlatformFacts,
    ProvenanceFacts,
)
from ironhull.reports.words import tally

WIDTH, HEIGHT = 720.0, 180.0
_BOX, _GAP, _ROW, _TOP = 148.0, 34.0, 46.0, 34.0
_MOST = 7
_STEP = 80.0  # from row to row where they stand below each other
_DAYS = 60


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
    """The last day in a sentence, for who does not see it."""
    rows: tuple[tuple[str, tuple[int | None, ...]], ...] = ()
    """(day, what each line has on it), the newest first; null: not counted."""
    more: int = 0
    """Days that the rows leave out."""


def days_chart(ours: Sequence[DayCount], theirs: Sequence[DayCount]) -> Chart | None:
    """Open and raw findings of a tag by day, beside its counterpart; None without a day."""
    if not ours:
        return None
    days = sorted({each.day for each in (*ours, *theirs)})
    series = [
        ("after VEX", "open", {each.day: each.open for each in ours}),
        ("raw", "raw", {each.day: each.raw for each in ours}),
        ("conventional, after VEX", "other", {each.day: each.open for each in theirs}),
        ("conventional, raw", "other-raw", {each.day: each.raw for each in theirs}),
    ]
    most = max(max(values.values(), default=0) for _, _, values in series)
    lines = tuple(
        _line(label, kind, values, days, max(most, 1)) for label, kind, values in series if values
    )
    rows, more = _rows(days, [values for _, _, values in series if values])
    last = ours[-1]
    text = f"On {last.day}: {tally(last.open, 'finding')} after VEX of {last.raw:,} raw"
    if theirs:
        text += f"; the conventional image had {theirs[-1].open:,} of {theirs[-1].raw:,}"
    return Chart(lines, most, days[0], days[-1], text, rows, more)


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
    rows, more = _rows(ordered, [values for _, values in series])
    last = ordered[-1]
    counted = ", ".join(f"{values[last]} {severity}" for severity, values in series)
    text = f"On {last}: {counted or 'none of severity low or more'}, open in all watched images"
    return Chart(lines, most, ordered[0], last, text, rows, more)


def _rows(
    days: Sequence[str], series: Sequence[Mapping[str, int]]
) -> tuple[tuple[tuple[str, tuple[int | None, ...]], ...], int]:
    newest = days[::-1][:_DAYS]
    rows = tuple((day, tuple(values.get(day) for values in series)) for day in newest)
    return rows, len(days) - len(newest)


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
    """Definition, lock, archives, packages, layers, image: columns of boxes and lines between.

    `upright` is the same for a phone, in rows of at most two boxes.
    """

    width: float
    height: float
    heads: tuple[tuple[float, float, str], ...]
    boxes: tuple[Box, ...]
    edges: tuple[str, ...]
    upright: Graph | None = None


@dataclass(frozen=True, slots=True)
class _Node:
    """What a box stands for, and by what it hangs together with the column before and after it.

    A line is drawn where one's `gives` has a name that the other's `takes` has; where either is
    empty, the whole column leads to the next. No name is "": so is called what nobody said.
    """

    kind: str
    title: str
    detail: str
    takes: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()


def provenance_graph(said: ProvenanceFacts, title: str, platform: PlatformFacts) -> Graph:
    """What the image of a platform was made of, from left to right.

    A signed archive leads to the packages that the lock took from it, a package to the layers that
    have it. Of what is not said there is no line, but from an archive that is the only one.
    """
    definition, lock = (
        [_Node(kind, _last(each.name), each.digest)] if each is not None else []
        for kind, each in (("definition", said.definition), ("lock", said.lock))
    )
    if said.sources:
        definition.append(_Node("source", tally(len(said.sources), "included file"), ""))
    image = _Node("image", f"{title or 'image'} {platform.platform}", platform.digest)
    only = said.archives[0].uri if len(said.archives) == 1 else ""
    columns: list[_Column] = [
        ("Definition", definition, _itself),
        ("Lock", lock, _itself),
        ("Signed archives", said.archives, _archive_node),
        ("Packages", said.packages, partial(_package_node, only)),
        ("Layers", platform.layers, _layer_node),
        ("Image", [image], _itself),
    ]
    filled = [column for column in columns if column[1]]
    return replace(_beside(filled), upright=_below(filled))


_Column = tuple[str, Sequence[Any], Callable[[Sequence[Any]], _Node]]
"""Its head, what is in it, and what makes one node of several of these."""


def _itself(nodes: Sequence[_Node]) -> _Node:
    return nodes[0]


def _archive_node(archives: Sequence[InputFacts]) -> _Node:
    given = frozenset(each.uri for each in archives)
    return _Node("archive", _of(archives[0].name), archives[0].digest, gives=given)


def _package_node(archive: str, packages: Sequence[InputFacts]) -> _Node:
    """`archive`: where they are from if that is not said."""
    # A file of an archive is called by name, version and architecture: libc6_2.41-12_amd64.deb.
    names = frozenset(each.name.partition("_")[0] for each in packages)
    takes = frozenset(each.archive or archive for each in packages)
    return _Node("package", packages[0].name, packages[0].digest, takes, names)


def _layer_node(layers: Sequence[LayerFacts]) -> _Node:
    title = ", ".join(layers[0].packages[:2]) or "made by a step"
    names = {each.partition(" ")[0] for layer in layers for each in layer.packages or ("",)}
    return _Node("layer", title, layers[0].digest, frozenset(names))


def _last(path: str) -> str:
    """What tells it from others in a small box; the table below has all of it."""
    return path.rpartition("/")[2] or path


def _of(name: str) -> str:
    """Of `InRelease of debian trixie` the archive."""
    return name.rpartition(" of ")[2]


def _beside(columns: Sequence[_Column]) -> Graph:
    shown = [(head, _shortened(items, node, _MOST)) for head, items, node in columns]
    rows = max(len(nodes) for _, nodes in shown)
    height = _TOP + rows * _ROW
    boxes: list[Box] = []
    edges: list[str] = []
    before: list[tuple[_Node, Box]] = []
    heads = []
    for number, (head, column) in enumerate(shown):
        x = number * (_BOX + _GAP)
        heads.append((x, 16.0, head))
        y = _TOP + (height - _TOP - len(column) * _ROW) / 2
        made = [(each, _box(each, x, y + row * _ROW)) for row, each in enumerate(column)]
        for left, right in _joined(before, made):
            x, y = left.x + left.width, left.y + left.height / 2
            to_x, to_y = right.x, right.y + right.height / 2
            m = (x + to_x) / 2
            edges.append(
                f"M{x:.0f} {y:.0f} C{m:.0f} {y:.0f} {m:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
            )
        boxes += (box for _, box in made)
        before = made
    width = len(shown) * (_BOX + _GAP) - _GAP
    return Graph(width, height, tuple(heads), tuple(boxes), tuple(edges))


def _below(columns: Sequence[_Column]) -> Graph:
    boxes: list[Box] = []
    edges: list[str] = []
    before: list[tuple[_Node, Box]] = []
    heads = []
    for number, (head, items, node) in enumerate(columns):
        y = number * _STEP
        heads.append((0.0, y + 16, head))
        made = [
            (each, _box(each, row * (_BOX + _GAP), y + 24))
            for row, each in enumerate(_shortened(items, node, 2))
        ]
        for above, under in _joined(before, made):
            # Right of where the heads end.
            x, y, to_x, to_y = above.x + 120, above.y + above.height, under.x + 120, under.y
            m = (y + to_y) / 2
            edges.append(
                f"M{x:.0f} {y:.0f} C{x:.0f} {m:.0f} {to_x:.0f} {m:.0f} {to_x:.0f} {to_y:.0f}"
            )
        boxes += (box for _, box in made)
        before = made
    return Graph(
        2 * _BOX + _GAP, len(columns) * _STEP - 20, tuple(heads), tuple(boxes), tuple(edges)
    )


def _box(node: _Node, x: float, y: float) -> Box:
    return Box(x, y, _BOX, _ROW - 10, node.kind, node.title, node.detail)


def _shortened(
    items: Sequence[Any], node: Callable[[Sequence[Any]], _Node], most: int
) -> list[_Node]:
    """A node for each; of more than `most` one for all that are left."""
    shown = items if len(items) <= most else items[: most - 1]
    found = [node([each]) for each in shown]
    if len(shown) < len(items):
        left = items[len(shown) :]
        found.append(replace(node(left), title=f"and {len(left)} more", detail=""))
    return found


def _joined(
    before: Sequence[tuple[_Node, Box]], after: Sequence[tuple[_Node, Box]]
) -> list[tuple[Box, Box]]:
    return [
        (left, right)
        for one, left in before
        for other, right in after
        if not (one.gives and other.takes and one.gives.isdisjoint(other.takes))
    ]


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
    ours: PlatformFacts, theirs: PlatformFacts, open_counts: tuple[int | None, int | None]
) -> tuple[Beside, ...]:
    """What hardening gained, in figures; findings only where both images were scanned."""
    left, right = open_counts
    scanned = left is not None and right is not None
    found = [Beside("findings after VEX", left or 0, right or 0, "count")] if scanned else []
    return (
        Beside("to pull", ours.size, theirs.size, "bytes"),
        Beside("packages", len(ours.packages), len(theirs.packages), "count"),
        *found,
        Beside("files", ours.files, theirs.files, "count"),
        Beside("setuid and setgid files", ours.setuid, theirs.setuid, "count"),
    )
