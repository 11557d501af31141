"""A proof as JSON values, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ironhull.compare.document import document_of
from ironhull.migrate.proof.model import Proof

SCHEMA = 1


def document(proof: Proof) -> dict[str, Any]:
    """Everything that was found; `comparison` is what `ironhull compare --json` writes."""
    return {
        "schema": SCHEMA,
        "verdict": proof.verdict.value,
        "engine": proof.engine,
        "seconds": round(proof.seconds, 1),
        "images": [asdict(side) for side in proof.sides],
        "aspects": [asdict(aspect) for aspect in proof.aspects],
        "checks": [asdict(check) for check in proof.checks],
        "comparison": document_of(proof.comparison) if proof.comparison else None,
    }
