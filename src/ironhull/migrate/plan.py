"""What the rules found out about a Dockerfile before they change it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ironhull.migrate.catalog.interface import ImageFacts
from ironhull.migrate.catalog.names import Family, Name


@dataclass(frozen=True, slots=True)
class Base:
    """What a stage is built on."""

    written: str
    image: str | None
    """With variables replaced; None where that cannot be known."""
    parent: int | None = None
    """The earlier stage, if it is one."""
    name: Name | None = None
    family: Family | None = None
    """None: nobody here knows the image."""
    version: str = ""
    hardened: bool = False
    """It is one of the catalog's, or another that somebody hardened."""
    facts: ImageFacts | None = None
    """Of an image of the catalog."""
    musl: bool = False


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the best rung cannot be reached."""

    rule: str
    line: int
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class Launch:
    """A program and its arguments as the exec form has them, and what it has to find in ENV."""

    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    """Defaults that the shell or a script would have set."""
    directory: str = ""
    """Where it has to start, if not in the last WORKDIR."""
    takes_command: bool = False
    """It runs what CMD says (`exec "$@"`)."""
    before: tuple[str, ...] = ()
    """Commands that ran before it, each time a container started: somebody else has to now."""
    waited: bool = False
    """It waited for another service first."""
    dropped: tuple[str, ...] = ()
    """What was left out: `tini`, `gosu`, …"""
    remarks: tuple[tuple[str, str], ...] = ()
    """Messages with their advice."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a start command cannot do without a shell."""

    message: str
    advice: str
    root: bool = False
    """It needs root as well."""


@dataclass(frozen=True, slots=True)
class StartPlan:
    """What ENTRYPOINT and CMD of the final stage are to say; None: no such line."""

    entrypoint: tuple[str, ...] | None
    cmd: tuple[str, ...] | None
    launch: Launch
    """What they come to together, for what it says of environment and so on."""


@dataclass(slots=True)
class Plan:
    """Filled by one rule after the other."""

    bases: list[Base] = field(default_factory=list)
    chain: list[int] = field(default_factory=list)
    """Stages that the final one consists of: the first is built on an image, the last is it."""
    language: str = ""
    runtime: ImageFacts | None = None
    dev: ImageFacts | None = None
    """The image for build stages of the same language."""
    needs_shell: list[Obstacle] = field(default_factory=list)
    impossible: list[Obstacle] = field(default_factory=list)
    """Why nothing can be done at all."""
    hardened: bool = False
    """The final stage stands on a hardened image already."""
    packages: list[str] = field(default_factory=list)
    """Debian's names of packages that the application needs when it runs."""
    variables: dict[str, str] = field(default_factory=dict)
    """ARG and ENV of the chain, with their last values."""
    environment: dict[str, str] = field(default_factory=dict)
    """What ENV alone says."""
    directory: str = "/"
    """The last WORKDIR, absolute."""
    start: StartPlan | None = None
    split: bool = False
    """The final stage becomes a build stage, and a new one is made from its results."""
    certificates: bool = False
    """Certificate authorities of one's own are put into the bundle."""
    venv: str = ""
    """Folder of the virtual environment that a rule makes; empty: none."""
    gone_users: set[str] = field(default_factory=set)
    """Names of accounts that the Dockerfile made and that are not made any more."""
