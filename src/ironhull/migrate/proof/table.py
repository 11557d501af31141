"""A proof as lines for a terminal: what is the same, what differs and why, figures, verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ironhull.compare.figures import FIGURES
from ironhull.compare.model import Amount, Unknown
from ironhull.migrate.proof.model import Aspect, Proof, Side, Verdict
from ironhull.reports.table import Heading, table
from ironhull.reports.text import harmless_lines, one_line
from ironhull.reports.words import amount

_FIGURES = (
    "packages.total",
    "surface.shells",
    "surface.package_managers",
    "surface.compilers",
    "surface.setuid",
    "vulnerabilities.after_vex",
    "size.files",
)
_WIDTH = 48
_MEANING: Mapping[Verdict, str] = {
    Verdict.SAME: "the new image does what the old one does",
    Verdict.EXPECTED: "what differs was meant to",
    Verdict.UNEXPECTED: "look at what differs before you ship it",
    Verdict.NOT_TESTED: "nothing is proved of what could not be tested",
}


def lines(proof: Proof) -> Iterator[str]:
    """Everything, the verdict last."""
    for side in proof.sides:
        yield from _built(side)
    if proof.aspects:
        yield ""
        rows = [_row(aspect) for aspect in proof.aspects]
        yield from table(("", "what", "before", "after", "verdict"), rows)
    for aspect in proof.aspects:
        if aspect.reason:
            yield f"{aspect.title}: " + harmless_lines(aspect.reason).replace("\n", "\n  ")
    yield from _compared(proof)
    yield ""
    engine = f", with {proof.engine}" if proof.engine else ""
    meaning = _MEANING[proof.verdict]
    yield Heading(f"{proof.verdict}: {meaning} ({proof.seconds:.0f} s{engine})")


def _built(side: Side) -> Iterator[str]:
    yield Heading(f"{side.name.capitalize()}, built in {side.seconds:.0f} s")
    for base in side.bases:
        place = {"engine": "the engine's own", "registry": "its registry's"}.get(base.origin)
        because = f" ({one_line(base.reason, 80)})" if base.reason else ""
        yield f"  FROM {one_line(base.wanted)} is {place or f'Ironhull’s {base.stored}'}{because}"
    loaded = {base.image for base in side.bases}
    for note in side.notes:
        # That a stand-in was taken is said above.
        if not any(note.endswith(image) for image in loaded):
            yield f"  {one_line(note)}"


def _row(aspect: Aspect) -> tuple[str, ...]:
    texts = (one_line(aspect.title, _WIDTH), one_line(aspect.before, _WIDTH))
    return (aspect.id, *texts, one_line(aspect.after, _WIDTH), aspect.verdict.value)


def _compared(proof: Proof) -> Iterator[str]:
    if proof.comparison is None:
        return
    changes = {change.figure: change for change in proof.comparison.pairs[0].figures}
    shown = [figure for figure in FIGURES if figure.id in _FIGURES]
    rows = [
        (
            figure.title,
            _amount(changes[figure.id].baseline, figure.unit),
            _amount(changes[figure.id].image, figure.unit),
        )
        for figure in shown
    ]
    yield ""
    yield from table(("", "before", "after"), rows, right=(1, 2))


def _amount(value: Amount, unit: str) -> str:
    return amount(None if isinstance(value, Unknown) else value, unit)
