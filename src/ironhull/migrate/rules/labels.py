"""MAINTAINER, which was given up long ago."""

from __future__ import annotations

from ironhull.migrate.draft import Draft
from ironhull.migrate.model import Confidence
from ironhull.migrate.rules.rule import Rule

MAINTAINER = Rule(
    "maintainer",
    "MAINTAINER becomes a label",
    "MAINTAINER is deprecated; the label of the OCI image specification says the same",
    Confidence.CERTAIN,
    "MAINTAINER Ann <ann@example.org>",
    'LABEL org.opencontainers.image.authors="Ann <ann@example.org>"',
)


def maintainer(draft: Draft) -> None:
    """MAINTAINER → LABEL, in every stage."""
    for stage in draft.stages:
        for line, instruction in stage.instructions("MAINTAINER"):
            name = instruction.body.strip("\"'").replace("\\", "\\\\").replace('"', '\\"')
            text = f'LABEL org.opencontainers.image.authors="{name}"'
            MAINTAINER.rewrite(draft, line, text)
