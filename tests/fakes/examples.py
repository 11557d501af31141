"""The applications of `examples/`, what to ask each, and how far its migration comes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Example:
    """One application."""

    name: str
    images: tuple[str, ...]
    """Of the catalog: what its two Dockerfiles need, stand-ins first."""
    requests: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    complete: bool = True
    dockerfile: str = "Dockerfile"
    proved: bool = False
    """The tests prove it with an engine; the others take minutes each, and are built of the same
    images in the same ways."""

    @property
    def path(self) -> Path:
        """The conventional Dockerfile."""
        return FOLDER / self.name / self.dockerfile

    @property
    def migrated(self) -> Path:
        """What migrate makes of it."""
        return FOLDER / self.name / "Dockerfile.migrated"


EXAMPLES = (
    Example(
        "node-app", ("node:20-standard", "node:20-dev", "node:20"),
        (":3000/", ":3000/planets/earth", 'POST :3000/notes {"text": "kept"}', ":3000/notes"),
        dockerfile="Dockerfile.standard",
    ),
    Example(
        "node-build", ("node:20-standard", "node:20-dev", "node:20"),
        ("/2.5h", "/health", "/nonsense"),
    ),
    Example(
        "three-faults", ("node:20-standard", "node:20-dev", "node:20"), ("/", "/health", "/again"),
    ),
    Example(
        "python-gunicorn", ("python:3.13-dev", "python:3.13"), ("/health", "/earth", "/pluto"),
        proved=True,
    ),
    Example("python-uv", ("python:3.13-dev", "python:3.13"), ("/de/Ada", "/xx/y")),
    Example("entrypoint-wait", ("python:3.13-dev", "python:3.13"), ("/12", "/x"), proved=True),
    Example(
        "go-static", ("golang:1.24-dev", "static:13"), ("/a", "/zone/Europe/Paris", "/zone/x/y"),
    ),
    Example(
        "go-cgo", ("golang:1.24-dev", "debian-base:13-dev", "debian-base:13"),
        runs=("", "the hull is dry"),
    ),
    Example("java-maven", ("openjdk:21-dev", "openjdk:21"), ("/2026", "/0")),
    Example(
        "nginx-site", ("nginx:1.26-dev", "nginx:1.26"), ("/", "/robots.txt", "/old/", "/none"),
        proved=True,
    ),
)  # fmt: skip
