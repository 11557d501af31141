"""Regular expressions that modules compile as they are imported: compiled when first used.

A light verb imports eighty and uses a few; compiling them all was a fifth of its start. Within the
block `re.compile` gives a stand-in, to modules of others as well: yaml's reader has one that costs
more than the rest of yaml, for a parser that is not used here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ironhull.late_inspect import alone

_NAMES = [name for name in vars(re.Pattern) if not name.startswith("__")]
_compile: Any = re.compile


class _Late:
    """What `re.compile` gives, compiled when it is first asked; a wrong one raises only then."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self._given = given, named

    @property
    def _whole(self) -> re.Pattern[Any]:
        given, named = self._given
        pattern: re.Pattern[Any] = _compile(*given, **named)
        return pattern

    def __getattr__(self, name: str) -> Any:
        if name not in _NAMES:
            raise AttributeError(f"a pattern has no attribute {name!r}")
        # What an instance has itself is not asked here again: no call costs more than the first.
        pattern = self._whole
        vars(self).update({each: getattr(pattern, each) for each in _NAMES})
        return vars(self)[name]

    # `re.sub` and the like ask of what class a pattern is, look for it in a table and hand it on.
    __class__ = property(lambda self: re.Pattern)

    def __eq__(self, other: object) -> bool:
        return self._whole == (other._whole if type(other) is _Late else other)

    def __hash__(self) -> int:
        return hash(self._whole)

    def __repr__(self) -> str:
        return repr(self._whole)

    def __reduce__(self) -> Any:
        return _compile, (self._whole.pattern, self._whole.flags)


@contextmanager
def late_patterns() -> Iterator[None]:
    """Modules that are imported in this block compile their patterns when they use them.

    Not where another thread runs: it might want to know at once whether a pattern is one.
    """
    if not alone() or re.compile is not _compile:
        yield
        return
    re.compile = _Late  # type: ignore[assignment]
    try:
        yield
    finally:
        re.compile = _compile
