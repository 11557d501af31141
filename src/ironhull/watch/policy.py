"""What a watcher may do by itself, and how patient it is: a small TOML file, all of it optional.

[gate]         growth, more-findings, hold, tests, scan
[patience]     first, longest, quarantine
[targets]      critical, high, …: how long a fix may take
[behind]       bound: from when on `status` fails
[cooldown]     age: how old a newer package has to be, if it is no security fix
[end-of-life]  grace: how long an image is still built after its end
[[notify]]     who is told what (`notify.choice`)
[[foreign]]    which images that are not ours are followed (`watch.foreign`)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from ironhull.errors import DefinitionError, InputError, Problem
from ironhull.notify.choice import ChannelChoice, parse_channels
from ironhull.scan.severities import SEVERITIES
from ironhull.toml_file import read_toml
from ironhull.watch.facts import KINDS, Gate
from ironhull.watch.foreign import ForeignChoice, parse_foreign
from ironhull.watch.patience import Patience

Tests = Literal["required", "if-possible", "off"]
"""Whether the tests of a definition have to be run; `if-possible`: where there is an engine."""
Scan = Literal["required", "off"]
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
TARGETS = {"critical": timedelta(hours=24), "high": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class WatchPolicy:
    """The whole policy; each value has a default."""

    gate: Gate = field(default_factory=Gate)
    tests: Tests = "required"
    scan: Scan = "required"
    patience: Patience = field(default_factory=Patience)
    targets: Mapping[str, timedelta] = field(default_factory=lambda: dict(TARGETS))
    """How long a fix may take from the archive to the registry, by severity."""
    bound: timedelta = timedelta(hours=24)
    """An image that is behind for longer is an alarm."""
    grace: timedelta = timedelta(days=30)
    """How long an image is still built after its end of life."""
    cooldown: timedelta = timedelta(0)
    """How long a newer package has to be in the archive, if it is no security fix."""
    notify: tuple[ChannelChoice, ...] = ()
    """Who is told of what happens."""
    foreign: tuple[ForeignChoice, ...] = ()
    """Images that are not ours and are followed."""


class _Wrong(Exception):
    """A value that is not what it should be; the text says what should be."""


def duration(text: object) -> timedelta:
    """`90s`, `10m`, `24h` or `7d`; InputError for anything else."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"{text!r:.60} is no length of time (expected for example 10m, 24h or 7d)")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def read_policy(path: Path) -> WatchPolicy:
    """The policy of a file; DefinitionError with everything that is wrong with it."""
    return _policy(read_toml(path), str(path))


def _policy(value: Mapping[str, Any], file: str) -> WatchPolicy:
    problems: list[Problem] = []
    found: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    for section, keys in value.items():
        if section in _LISTS:
            try:
                lists[section] = _LISTS[section](keys)
            except InputError as error:
                problems.append(Problem(file, 0, 0, str(error)))
            continue
        known = _SECTIONS.get(section)
        if known is None or not isinstance(keys, dict):
            problems.append(_unknown(file, "section", section, _SECTIONS))
            continue
        for key, given in keys.items():
            if key not in known:
                problems.append(_unknown(file, f"key in [{section}]", key, known))
                continue
            try:
                found[f"{section}.{key}"] = known[key](given)
            except (_Wrong, InputError) as error:
                problems.append(Problem(file, 0, 0, f"{section}.{key}: {error}"))
    if problems:
        raise DefinitionError(problems)
    return replace(_made(found), **lists)


def _made(found: Mapping[str, Any]) -> WatchPolicy:
    usual = WatchPolicy()
    targets = {key.partition(".")[2]: v for key, v in found.items() if key.startswith("targets.")}
    return WatchPolicy(
        Gate(
            found.get("gate.growth", usual.gate.growth),
            found.get("gate.more-findings", usual.gate.more_findings),
            found.get("gate.hold", usual.gate.kinds),
        ),
        found.get("gate.tests", usual.tests),
        found.get("gate.scan", usual.scan),
        Patience(
            found.get("patience.first", usual.patience.first),
            found.get("patience.longest", usual.patience.longest),
            found.get("patience.quarantine", usual.patience.failures),
        ),
        {**usual.targets, **targets},
        found.get("behind.bound", usual.bound),
        found.get("end-of-life.grace", usual.grace),
        found.get("cooldown.age", usual.cooldown),
    )


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1000:
        raise _Wrong(f"{value!r:.60} is no share (expected a number from 0, as in 0.25)")
    return float(value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(f"{value!r:.60} (expected true or false)")
    return value


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise _Wrong(f"{value!r:.60} (expected a number from 1 to 1000)")
    return value


def _kinds(value: object) -> frozenset[str]:
    if not isinstance(value, list) or any(each not in KINDS for each in value):
        raise _Wrong(f"{value!r:.100} (expected a list of some of: {', '.join(KINDS)})")
    return frozenset(value)


def _one_of(*words: str) -> Callable[[object], str]:
    def one(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise _Wrong(f"{value!r:.60} (expected {', '.join(words)})")
        return value

    return one


_LISTS: Mapping[str, Callable[[object], Any]] = {
    "notify": parse_channels,
    "foreign": parse_foreign,
}
_SECTIONS: Mapping[str, Mapping[str, Callable[[object], Any]]] = {
    "gate": {
        "growth": _share,
        "more-findings": _truth,
        "hold": _kinds,
        "tests": _one_of(*get_args(Tests)),
        "scan": _one_of(*get_args(Scan)),
    },
    "patience": {"first": duration, "longest": duration, "quarantine": _number},
    "targets": dict.fromkeys(SEVERITIES, duration),
    "behind": {"bound": duration},
    "cooldown": {"age": duration},
    "end-of-life": {"grace": duration},
}


def _unknown(file: str, what: str, name: str, known: Mapping[str, Any]) -> Problem:
    close = get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
    return Problem(file, 0, 0, f"unknown {what} {name!r:.60}; {hint}")
