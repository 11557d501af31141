"""Ironhull: hardened container images from signed packages, built, served and proved.

The names below are the public API (docs/python.md). They are loaded when they are first asked
for: the command line imports this package too, and most verbs need few of them.
"""

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "Workspace": "workspace.workspace",
    "Settings": "settings",
    "Progress": "progress",
    "BuildChoices": "workspace.building",
    "BuiltImage": "build.built",
    "Inventory": "inventory.model",
    "ScanResult": "scan.model",
    "Comparison": "compare.model",
    "IronhullError": "errors",
}


def __dir__() -> list[str]:
    return ["__version__", *_PUBLIC]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value
