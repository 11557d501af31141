"""YAML of Kubernetes' objects, with a head of comments that says what it is and what it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Keys in PEM as blocks of lines; nothing by anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Every value is written where it stands."""
        return True


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _lines)


def documents(head: Sequence[str], values: Sequence[dict[str, Any]]) -> str:
    """The documents of one file, its comments first."""
    comments = "".join(f"# {line}\n" if line else "#\n" for line in head)
    bodies = [yaml.dump(each, Dumper=_Dumper, sort_keys=False, width=100) for each in values]
    return comments + "---\n".join(bodies)
