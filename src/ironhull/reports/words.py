"""Figures, sizes and moments as people read them."""

from __future__ import annotations

from collections.abc import Sized
from datetime import UTC, datetime

UNKNOWN = "unknown"


def shown_size(value: int) -> str:
    """Bytes in powers of ten, as registries show them: `36.2 MB`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if abs(value) >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value} B"


def amount(value: int | None, unit: str) -> str:
    """`1,234`, `36.2 MB`, `12 days`, `yes`; `unknown` for None.

    `unit` is count, bytes, flag or days.
    """
    if value is None:
        return UNKNOWN
    if unit == "bytes":
        return shown_size(value)
    if unit == "flag":
        return "yes" if value else "no"
    if unit == "days":
        return tally(value, "day")
    return f"{value:,}"


def tally(counted: float | Sized, one: str, many: str = "") -> str:
    """A number, or how many there are: `1 image`, `2 images`; `many` where an s does not do."""
    number = counted if isinstance(counted, int | float) else len(counted)
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def signed(value: int | None, unit: str) -> str:
    """A difference: with a sign, `±0` for none."""
    if value is None:
        return UNKNOWN
    if unit == "flag":
        return ""
    if not value:
        return "±0"
    return f"{'+' if value > 0 else '−'}{amount(abs(value), unit)}"


def percent(value: float | None) -> str:
    """`−73.2 %`; empty where there is nothing to divide by."""
    if value is None:
        return ""
    sign = "−" if value < 0 else "+" if value > 0 else "±"
    return f"{sign}{abs(value):.1f} %"


def moment(when: datetime) -> str:
    """UTC to the second: `2026-11-23T12:00:00Z`."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
