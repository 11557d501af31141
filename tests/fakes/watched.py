"""A small shop to watch: a signed mirror on disk, a catalog, a feed, a key, and a clock.

`base` and `lib` are in both images, `app` is in one. What the archive has is what was put into it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ironhull.settings import Settings
from ironhull.signing.keyring import Keyring
from ironhull.state.watching import WatchState
from ironhull.watch.policy import WatchPolicy
from ironhull.workspace.machine import Machine
from ironhull.workspace.watch_choices import Round, WatchChoices
from ironhull.workspace.watching import Watcher, opened_state
from tests.fakes.advisories import bring, osv, write_records
from tests.fakes.deb import Entry, file, program
from tests.fakes.mirror import FakeDeb, archive_key, make_repository

DEFINITION = """\
name: {image}
image: {image}
tags: ["1", "1-debian13"]
platforms: [linux/amd64]
contents:
  packages: [{packages}]
accounts:
  run-as: nonroot
  users: [{{name: nonroot, uid: 65532, gid: 65532}}]
  groups: [{{name: nonroot, gid: 65532}}]
os-release: {{name: Debian, id: debian, version-id: "13", version-codename: trixie, pretty-name: D}}
cmd: [{image}]
"""
SUITES = ("trixie", "trixie-updates", "trixie-security")
APP, TOOL = "app:1-debian13", "tool:1-debian13"


class Notes:
    """Progress that keeps what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, step: str, total: int | None, unit: str) -> Callable[[int], None]:
        return lambda amount: None

    def note(self, text: str) -> None:
        self.notes.append(text)


class Watched:
    """`forward` moves the watcher's clock; the archive's files are dated by the real one."""

    def __init__(self, folder: Path, publish: str = "", *, key: bool = True) -> None:
        self.folder, self.publish = folder, publish
        self.notes, self.ahead = Notes(), timedelta()
        self.policy = WatchPolicy(tests="if-possible")
        self.debs: dict[str, dict[str, FakeDeb]] = {suite: {} for suite in SUITES}
        self._dated = datetime.now(UTC) - timedelta(hours=1)
        self.offer(self.deb("base", "1"), self.deb("lib", "1"), self.deb("app", "1"))
        self.offer(self.deb("tool", "1"))
        self.define("app", "base, lib, app")
        self.define("tool", "base, tool")
        self.advise({"CVE-2026-0001": ("other", "9")})
        (folder / "archive.pgp").write_bytes(archive_key().certificate)
        self.settings = Settings(
            home=folder / "home",
            catalog=folder / "images",
            mirror=str(folder / "mirror"),
            keyring=folder / "archive.pgp",
            max_advisory_age=None,
        )
        self.machine = Machine(self.settings, self.notes)
        if key:
            Keyring(self.machine.home.keys).generate("shop", None, datetime.now(UTC))

    # -- the world -------------------------------------------------------------------------------

    def deb(self, name: str, version: str, **more: object) -> FakeDeb:
        files: dict[str, Entry] = {
            f"usr/bin/{name}": program(f"#!/usr/bin/base\n# {name} {version}\n"),
            f"usr/share/doc/{name}/copyright": file(f"License: MIT\n of {name}\n"),
        }
        if name == "base":
            # A program that needs nothing: what all others are run by.
            files[f"usr/bin/{name}"] = program(f"{name} {version}")
        if extra := more.pop("files", None):
            files |= extra  # type: ignore[arg-type]
        control = {"Depends": "base"} if name != "base" else {}
        return FakeDeb.make(name, version, files=files, control=control, **more)  # type: ignore[arg-type]

    def offer(self, *debs: FakeDeb, suite: str = "trixie", date: datetime | None = None) -> None:
        """Put packages into a suite, in the place of older ones of their names."""
        self._dated = date or self._dated + timedelta(seconds=2)
        self.debs[suite] |= {deb.name: deb for deb in debs}
        for each in SUITES:
            make_repository(
                self.folder / "mirror", list(self.debs[each].values()), suite=each, date=self._dated
            )

    def define(self, image: str, packages: str, *, artifacts: str = "", **more: str) -> Path:
        """Write a definition; `artifacts`: one that takes files from another image runs `base`."""
        path = self.folder / f"images/{image}/debian-13/1.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = DEFINITION.format(image=image, packages=packages)
        if artifacts:
            text = text.replace("accounts:", f"  artifacts: [{artifacts}]\naccounts:", 1)
            text = text.replace(f"cmd: [{image}]", "cmd: [base]")
        path.write_text(text + "".join(f"{key}: {value}\n" for key, value in more.items()))
        return path

    def derive(self, image: str, reference: str, packages: str = "base") -> Path:
        """Define an image that takes `/usr/share/app` from another one, which it follows."""
        name = reference.removeprefix("oci://").rpartition(":")[0]
        return self.define(
            image,
            packages,
            artifacts=f"{{name: '{name}@${{BASE}}', includes: [usr/share/app]}}",
            track=f"[{{type: oci_artifact, package: '{reference}', set: BASE}}]",
        )

    def advise(self, fixes: dict[str, tuple[str, str | None]], **more: object) -> None:
        """The feed: vulnerability → source package and the version that fixes it."""
        folder = self.folder / "osv"
        shutil.rmtree(folder, ignore_errors=True)
        records = [
            osv(
                f"DEBIAN-{name}" if not name.startswith("DEBIAN") else name,
                package,
                {"Debian:13": fixed},
                upstream=[name],
                published="2026-11-01T00:00:00Z",
                modified=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                **more,  # type: ignore[arg-type]
            )
            for name, (package, fixed) in fixes.items()
        ]
        bring(
            self.folder / "home/advisories/advisories.sqlite",
            datetime.now(UTC),
            osv_debian=write_records(folder, records),
        )

    # -- the watcher -----------------------------------------------------------------------------

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **amount: float) -> None:
        self.ahead += timedelta(**amount)

    def choices(self, **more: object) -> WatchChoices:
        given: dict[str, object] = {
            "publish": self.publish,
            "policy": self.policy,
            "advisories": None,
            **more,
        }
        return WatchChoices(**given)  # type: ignore[arg-type]

    def state(self) -> WatchState:
        address = self.choices().state
        return opened_state(self.machine, address, self.clock)  # type: ignore[return-value]

    def watch(
        self, told: Callable[[str, str], object] = lambda image, step: None, **more: object
    ) -> Round:
        """One round of a new watcher."""
        chosen = self.choices(**more)
        with opened_state(self.machine, chosen.state, self.clock) as state:
            return Watcher(self.machine, chosen, state, clock=self.clock, told=told).once()

    def results(self, found: Round) -> dict[str, str]:
        return {name: outcome.result for name, outcome in found.done.items()}


def published(results: Sequence[str]) -> dict[str, str]:
    return dict.fromkeys(results, "published")
