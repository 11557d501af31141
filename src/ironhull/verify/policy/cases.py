"""Cases beside a policy: images as files, and what the policy has to say of each.

production.yaml         the policy
production.test.yaml    its cases; images, keys and inventories are files beside it
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from ironhull.definition.shape import FixedKeys, Flag, Key, ListOf, ReadMap, Text
from ironhull.definition.tree import Problems, did_you_mean
from ironhull.verify.policy.names import RULES
from ironhull.verify.policy.reader import made, read_bounded


def _text(pattern: str | None = None, form: str = "text") -> Text:
    return Text(pattern, form, variables=False)


_FILE = _text(r"[^/\0].*", "a path beside this file")
CASES = FixedKeys(
    {
        "cases": Key(
            ListOf(
                FixedKeys(
                    {
                        "name": Key(_text(), "What the case is.", required=True),
                        "image": Key(_FILE, "A layout's folder, or an archive.", required=True),
                        "keys": Key(ListOf(_FILE), "Public keys, as --key gives them."),
                        "inventory": Key(
                            _FILE, "What is in it (`ironhull inventory --json`); else it is read."
                        ),
                        "at": Key(
                            _text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date like 2026-12-31"),
                            "The day that it is. Default: today.",
                        ),
                        "passes": Key(Flag(), "true where every rule holds."),
                        "fails": Key(
                            ListOf(_text(), fewest=1), "The rules that do not hold, all of them."
                        ),
                    }
                ),
                fewest=1,
            ),
            "The cases.",
            required=True,
        )
    }
)


@dataclass(frozen=True, slots=True)
class PolicyCase:
    """One case."""

    name: str
    image: Path
    keys: tuple[Path, ...]
    inventory: Path | None
    at: datetime | None
    fails: frozenset[str]
    """Empty: it passes."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What the policy said of a case."""

    name: str
    expected: frozenset[str]
    failed: frozenset[str]
    """The rules that did not hold."""
    found: tuple[str, ...]
    """`rule: what was found` of these."""

    @property
    def as_expected(self) -> bool:
        """Whether exactly the expected rules failed."""
        return self.expected == self.failed


def cases_file(policy: Path) -> Path:
    """Where the cases of a policy are."""
    return policy.with_name(f"{policy.name.removesuffix(policy.suffix)}.test{policy.suffix}")


def read_cases(path: Path) -> tuple[PolicyCase, ...]:
    """The cases of a file; DefinitionError carries all that is wrong with it."""

    def make(record: ReadMap, problems: Problems) -> tuple[PolicyCase, ...]:
        return tuple(_case(path.parent, item.value, problems) for item in record.items("cases"))

    return made(path, read_bounded(path), CASES, make)


def _case(folder: Path, value: ReadMap, problems: Problems) -> PolicyCase:
    fails = value.texts("fails")
    for item in value.items("fails"):
        if item.value not in RULES:
            close = did_you_mean(item.value, RULES)
            problems.error(item.place, f"no rule {item.value!r:.60}{close}")
    if value.get("passes", False) == bool(fails):
        problems.error(value.place, "write either `passes: true` or `fails:` with the rules")
    at = None
    if "at" in value.values:
        try:
            at = datetime.combine(date.fromisoformat(value.get("at")), time(12), UTC)
        except ValueError:
            problems.error(value.at("at"), f"{value.get('at')!r} is not a day of the calendar")
    inventory = value.get("inventory")
    return PolicyCase(
        name=value.get("name", ""),
        image=folder / value.get("image", "."),
        keys=tuple(folder / text for text in value.texts("keys")),
        inventory=folder / inventory if inventory else None,
        at=at,
        fails=frozenset(fails),
    )
