"""The JSON Schema of policies, made from their table."""

from __future__ import annotations

from typing import Any

from ironhull.definition.schema import DIALECT, sections
from ironhull.verify.policy.format import FORMAT


def policy_schema() -> dict[str, Any]:
    """The schema (2020-12) of a policy file."""
    return {
        "$schema": DIALECT,
        "title": "Ironhull policy",
        "description": "What has to hold of an image for `ironhull verify --policy` to say yes.",
        **FORMAT.schema(),
    }


def policy_reference() -> str:
    """The keys as Markdown."""
    return "\n\n".join(sections("", FORMAT)) + "\n"
