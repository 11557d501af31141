"""The three Dockerfiles, what stands in for their bases, and the requests: tables, no code."""

from __future__ import annotations

from dataclasses import dataclass

IMAGES = ("node:20", "node:20-standard", "node:20-dev")
"""Of Ironhull's catalog: the runtime, the conventional image, and the one to build in."""
RUNTIME, STANDARD, DEVELOPMENT = IMAGES

STAND_INS = {"node:20-alpine": STANDARD, "dhi.io/node:20": RUNTIME}
"""What a Dockerfile of the case study names → what is taken where the network lacks it."""

OWN = {"node:20-dev": DEVELOPMENT, "node:20": RUNTIME}
"""What the third Dockerfile names: Ironhull's images, and never others of these names."""


@dataclass(frozen=True, slots=True)
class Case:
    """One Dockerfile of the case study."""

    name: str
    locked: bool
    """It is run as a hardened image can be, and once more with no options at all."""
    own: bool = False
    """Its bases are Ironhull's."""

    @property
    def dockerfile(self) -> str:
        """The name of its Dockerfile."""
        return f"Dockerfile.{self.name}"


CASES = (
    Case("standard", locked=False),
    Case("hardened", locked=True),
    Case("hardened-full", locked=True, own=True),
)

PORT = "3000/tcp"
HEALTH = "/health"
REQUESTS: tuple[tuple[str, str, str], ...] = (
    ("GET", "/", ""),
    ("GET", "/health", ""),
    ("GET", "/planets", ""),
    ("GET", "/planets/earth", ""),
    ("GET", "/planets/vulcan", ""),
    ("POST", "/notes", '{"text": "kept in /tmp"}'),
    ("GET", "/notes", ""),
    ("GET", "/nowhere", ""),
)
"""Method, path, JSON body; in this order."""

NPM = {
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_update_notifier": "false",
    # npm notes in node_modules where each package came from: a mirror's name is not for images.
    "npm_config_omit_lockfile_registry_resolved": "true",
}
"""Variables of RUN steps."""
