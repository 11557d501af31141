"""What the case study finds: frozen values without I/O."""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.engine.bases import Base
from ironhull.inventory.model import Inventory


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """What an image holds, counted from its inventory."""

    system: str
    system_packages: int
    """Packages of the distribution: deb or apk."""
    npm_packages: int
    """npm packages that no distribution package brought."""
    user: str
    """Of the image's configuration; empty means root."""
    shells: tuple[str, ...]
    package_managers: tuple[str, ...]
    compilers: tuple[str, ...]
    setuid: tuple[str, ...]
    executables: int
    files: int
    size: int
    """Bytes of all files that a container sees."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request to the application got."""

    method: str
    path: str
    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that code of an attacker tried in a running container."""

    name: str
    title: str
    """What was tried, behind `an attacker can …`."""
    succeeded: bool
    detail: str
    """What it got, or the error that stopped it."""


@dataclass(frozen=True, slots=True)
class Attack:
    """All attempts of one run, and what the process was allowed to."""

    uid: int
    capabilities: int
    """How many it holds."""
    no_new_privileges: bool
    node: str
    attempts: tuple[Attempt, ...]

    @property
    def succeeded(self) -> int:
        """How many attempts did."""
        return sum(attempt.succeeded for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of an application: its answers, the attack, and how it stopped."""

    options: tuple[str, ...]
    """The engine's flags that restrict it; empty: as the engine runs anything."""
    answers: tuple[Reply, ...]
    attack: Attack
    stop_seconds: float
    """From the stop command to its end, the engine's own work in it."""
    exit_code: int
    killed: bool


@dataclass(frozen=True, slots=True)
class Application:
    """One Dockerfile's image and its runs; the first run is the one that is compared."""

    name: str
    dockerfile: str
    image: str
    build_seconds: float
    notes: tuple[str, ...]
    figures: ImageCounts
    trials: tuple[Trial, ...]

    @property
    def trial(self) -> Trial:
        """The first way in which it was run."""
        return self.trials[0]


@dataclass(frozen=True, slots=True)
class CaseStudy:
    """What an engine was needed for."""

    engine: str
    version: str
    bases: tuple[Base, ...]
    applications: tuple[Application, ...]

    @property
    def same_answers(self) -> bool:
        """Whether all applications gave the same answers, in every run."""
        answers = {trial.answers for one in self.applications for trial in one.trials}
        return len(answers) == 1


def figures(inventory: Inventory) -> ImageCounts:
    """The figures of an inventory."""
    surface, distribution = inventory.surface, inventory.distribution
    return ImageCounts(
        system=distribution.pretty_name or distribution.label or distribution.reason,
        system_packages=sum(package.is_distribution for package in inventory.packages),
        npm_packages=sum(
            package.type == "npm" and not package.owned_by for package in inventory.packages
        ),
        user=inventory.config.user,
        shells=_names(tuple(found.path for found in surface.shells)),
        package_managers=_names(tuple(found.path for found in surface.package_managers)),
        compilers=_names(tuple(found.path for found in surface.compilers)),
        setuid=_names(tuple(found.path for found in surface.setuid)),
        executables=surface.executables,
        files=surface.files,
        size=surface.size,
    )


def _names(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({path.rpartition("/")[2] for path in paths}))
