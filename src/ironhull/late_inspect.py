"""Modules that others import and use nothing of: `inspect` loads when it is first asked.

click and dataclasses need it for what a verb hardly ever does, and it brings the parts of a
compiler: a fifth of the time in which a light verb starts. click lets it clean the text of each
option, and the dataclasses of Python 3.12 and 3.13 read the annotations of each class: a line
each here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

NAME = "inspect"


class _Late(ModuleType):
    """Stands in for `inspect` under that name in the modules that imported it."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(NAME) is self:
            # Asked within the block: the module itself takes the place from now on.
            del sys.modules[NAME]
        return getattr(import_module(NAME), name)

    def cleandoc(self, text: str) -> str:
        """As `inspect.cleandoc`."""
        if "\n" in text:
            return str(self.__getattr__("cleandoc")(text))
        return text.expandtabs().lstrip()

    def get_annotations(self, obj: Any, **more: Any) -> dict[str, Any]:
        """As `inspect.get_annotations`."""
        if isinstance(obj, type) and not more:
            return dict(vars(obj).get("__annotations__") or {})
        return dict(self.__getattr__("get_annotations")(obj, **more))


@contextmanager
def late_inspect() -> Iterator[None]:
    """Modules that are imported in this block have the stand-in; all others the module itself."""
    if NAME in sys.modules:
        yield
        return
    sys.modules[NAME] = stand_in = _Late(NAME)
    try:
        yield
    finally:
        if sys.modules.get(NAME) is stand_in:
            del sys.modules[NAME]


def alone() -> bool:
    """Whether no other thread runs, which might import or compile something just now."""
    threads = sys.modules.get("threading")
    return threads is None or threads.active_count() == 1


@contextmanager
def without(name: str) -> Iterator[None]:
    """Modules that are imported in this block find no module of this name, and do without.

    For one that is only asked whether it has something newer than Python itself. Where it is
    loaded already, or another thread might just want it, it is there.
    """
    if name in sys.modules or not alone():
        yield
        return
    absent: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    absent[name] = None
    try:
        yield
    finally:
        if sys.modules.get(name) is None:
            sys.modules.pop(name, None)
