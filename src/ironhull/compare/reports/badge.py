"""Badges: one small SVG that needs nothing else."""

from __future__ import annotations

from ironhull.compare.reports.words import Json
from ironhull.reports.page import rendered
from ironhull.reports.words import percent

_COLOURS = {"good": "#1b7f3b", "fair": "#8a5a00", "bad": "#b3261e", "unknown": "#5f6368"}
_LETTER = 6.6


def badge(label: str, text: str, mood: str) -> str:
    """An SVG with a label and a text; `mood` is good, fair, bad or unknown."""
    left, right = (round(len(part) * _LETTER) + 16 for part in (label, text))
    return rendered(
        "ironhull.compare.reports",
        "badge.svg",
        label=label,
        text=text,
        left=left,
        right=right,
        colour=_COLOURS[mood],
    )


def render(document: Json) -> str:
    """What moving from the baseline to the last image changes: packages and findings after VEX."""
    figures = document["comparisons"][-1]["figures"]
    packages, findings = figures["packages.total"], figures["vulnerabilities.after_vex"]
    parts = [f"{percent(packages['percent']) or 'unknown'} packages"]
    parts.append(f"{percent(findings['percent']) or 'unknown'} CVE findings")
    verdicts = {packages["verdict"], findings["verdict"]}
    mood = "good"
    if "unknown" in verdicts:
        mood = "unknown"
    elif "worse" in verdicts:
        mood = "bad"
    return badge("hardened", ", ".join(parts), mood)
