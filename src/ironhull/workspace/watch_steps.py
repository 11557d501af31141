"""One image through all steps: lock, build, test, scan, gate, attest, push, record.

Everything before the push changes nothing that anybody sees: the image is built under a name of its
own (`candidate/…`), and the lock beside the definition moves last, when all of it is published.
Killed in between, the next run finds what was made and goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeVar

from ironhull.advisories.database import Database
from ironhull.build.built import BuiltImage
from ironhull.build.compression import Compression
from ironhull.build.image import build_image
from ironhull.build.publish import publish
from ironhull.build.request import BuildOptions, image_key
from ironhull.build.testing import run_tests
from ironhull.build.testing_document import remember_tests, remembered_tests
from ironhull.compare.model import MeasuredImage, Unknown
from ironhull.definition.model import ImageDefinition
from ironhull.engine.find import engine
from ironhull.errors import (
    CheckFailedError,
    EngineError,
    EnvironmentProblem,
    InputError,
    IronhullError,
    LockError,
    NotFoundError,
)
from ironhull.inventory.model import Inventory
from ironhull.lock.file import lock_path, parse_lock, render_lock, write_lock
from ironhull.lock.make import moved
from ironhull.lock.model import Lock
from ironhull.oci.digest import parse_digest
from ironhull.oci.platform import Platform
from ironhull.progress import Progress, Silent
from ironhull.sbom.model import Bill
from ironhull.scan.model import ScanResult
from ironhull.state.inventories import InventoryStore
from ironhull.state.watch_records import Result
from ironhull.statements.kinds import SCORE, VEX, VULNERABILITIES
from ironhull.store.layout import CANDIDATES
from ironhull.watch.facts import Facts, more_findings, worse
from ironhull.watch.task import Outcome, Task, Told, digest_of_file
from ironhull.workspace.attesting import AttestChoices, attest
from ironhull.workspace.elsewhere import elsewhere
from ironhull.workspace.engines import engine_settings, host_of
from ironhull.workspace.examining import opened_taker
from ironhull.workspace.machine import Machine
from ironhull.workspace.publishing import pull
from ironhull.workspace.sbom import look_into
from ironhull.workspace.scanning import ScanChoices, inventory_of, scan_inventory
from ironhull.workspace.signed_here import is_signed_here
from ironhull.workspace.watch_before import facts_of_published, platforms_at, published_place
from ironhull.workspace.watch_changes import known_of, said_of_changes
from ironhull.workspace.watch_facts import facts_of
from ironhull.workspace.watch_publishing import give
from ironhull.workspace.watch_shared import Shared, shared_in

OF_ADVISORIES = (VEX, VULNERABILITIES, SCORE)
"""What is said anew of an image that stays as it is, when advisories of it are new."""
_Given = TypeVar("_Given")


def work(
    task: Task,
    told: Told = lambda step: None,
    shared: Shared | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Do for one image what is to be done; what goes wrong is in the outcome, not raised.

    `told` is told each step and may stop the work by raising. `shared` is what others of the same
    round have opened; without it this thread keeps its own.
    """
    machine = Machine(task.settings, progress or Silent())
    if shared is not None:
        return Run(task, machine, shared, told).done()
    with shared_in(task, machine) as own:
        return Run(task, machine, own, told).done()


def inputs_of(definition: ImageDefinition, lock: Lock) -> str:
    """What an image of all its platforms is made of, as a digest."""
    options = BuildOptions(Compression.parse(definition.compression), definition.platforms)
    return image_key(definition, lock, options)


@dataclass(frozen=True, slots=True)
class _Known:
    """Stored inventories to read: a new one is kept once, when its image has its own name."""

    store: InventoryStore

    def get(self, key: str) -> Inventory | None:
        """As `KeptInventories.get`."""
        return self.store.get(key)

    def put(self, inventory: Inventory) -> None:
        """Nothing yet."""


class Run:
    """The work on one image: each step leaves what the next ones need."""

    def __init__(self, task: Task, machine: Machine, shared: Shared, told: Told) -> None:
        self.task, self.machine, self._shared, self._told = task, machine, shared, told
        self._step, self._begun = "lock", time.monotonic()
        self._known: dict[str, object] = {}
        self._seconds: dict[str, float] = {}
        self._renewed = False
        self._opened: dict[str, list[tuple[Inventory, Bill]]] = {}
        self._results: dict[str, ScanResult] = {}
        """By manifest: neither the advisories nor the image are others within one run."""
        self._resolved: tuple[ImageDefinition, Lock | None, Lock] | None = None

    def done(self) -> Outcome:
        """All of it, or at which step it failed and why."""
        try:
            return self.all()
        except EnvironmentProblem as error:
            # By the next image it may be no more: that opens anew what others shared.
            self._shared.close()
            return self.outcome("failed", str(error), own=isinstance(error, EngineError))
        except IronhullError as error:
            return self.outcome("failed", str(error))

    def all(self) -> Outcome:
        """Every step in its order."""
        definition, old, lock = self._begin("lock", self._lock)
        inputs = inputs_of(definition, lock)
        self._known |= {"inputs": inputs, "lock": render_lock(lock)}
        # Of thousands of images the list is what costs: it is written once for each.
        with self.machine.home.store.gathering():
            image = self._begin("build", partial(self._build, definition, lock))
            digest = self._known["digest"] = image.descriptor.digest
            reasons = self._examined(definition, lock, image)
            held = bool(reasons) and self.task.state.approved != digest
            if not held:
                self._begin("attest", partial(self._attest, definition, lock, image))
        if held:
            return self.outcome("held", "; ".join(reasons))
        moved_tags = self._begin("push", partial(self._push, definition, lock, image))
        self._begin("record", partial(self._record, lock, old))
        changed = moved_tags or digest != self.task.state.published
        self._seconds[self._step] = time.monotonic() - self._begun
        said = "what is said of its vulnerabilities is new" if self._renewed else ""
        return self.outcome("published" if changed else "unchanged", said)

    def _examined(self, definition: ImageDefinition, lock: Lock, image: BuiltImage) -> list[str]:
        """Tests, scan and gate: why it must not be published by itself."""
        self._begin("test", partial(self._test, definition, image))
        reasons = self._begin("scan", partial(self._scan, image))
        return reasons + self._begin("gate", partial(self._gate, definition, lock, image))

    def outcome(self, result: Result, detail: str, *, own: bool = True) -> Outcome:
        """How it ended, with all that is known by now."""
        return Outcome(
            result,
            self._step,
            detail,
            own,
            seconds=dict(self._seconds),
            **self._known,  # type: ignore[arg-type]
        )

    def _begin(self, step: str, do: Callable[[], _Given]) -> _Given:
        now = time.monotonic()
        if step != self._step:
            self._seconds[self._step] = now - self._begun
        self._step, self._begun = step, now
        self._told(step)
        return do()

    # -- steps -----------------------------------------------------------------------------------

    def _lock(self) -> tuple[ImageDefinition, Lock | None, Lock]:
        path = self.task.path
        self._check_source()
        old = None
        with suppress(LockError):
            old = parse_lock(self.task.lock, str(lock_path(path))) if self.task.lock else None
        definition, new = self._shared.locking.new_lock(path, old, self.task.images)
        if old is not None:
            self._known["old_lock"] = self.task.lock
            new = moved(old, new)
        self._resolved = definition, old, new
        return self._resolved

    def _check_source(self) -> None:
        """EnvironmentProblem on a host whose catalog is not the watcher's."""
        path, wanted = self.task.path, self.task.source
        if wanted and digest_of_file(path) != wanted:
            raise EnvironmentProblem(
                f"{path} is another one on this host than where the watcher is: bring its catalog "
                "to the same state (the same commit, at the same place)"
            )

    def _build(self, definition: ImageDefinition, lock: Lock, name: str = "") -> BuiltImage:
        machine = self.machine
        options = BuildOptions(
            Compression.parse(definition.compression),
            definition.platforms,
            os.cpu_count() or 1,
            named=name or self._candidate,
        )
        found = elsewhere(machine, definition, lock, self.task.target)
        return build_image(definition, lock, machine.home, found, options, machine.progress)

    def _test(self, definition: ImageDefinition, image: BuiltImage) -> None:
        machine, wanted = self.machine, self.task.policy.tests
        if wanted == "off" or not definition.tests:
            return
        self._known["tested"] = "passed"
        if self._tested(definition, image):
            return
        try:
            found = engine(None, engine_settings(machine))
        except EngineError as error:
            if wanted == "if-possible":
                self._known["tested"] = "not run, for there is no engine"
                return
            raise EnvironmentProblem(
                f'{error}; the policy wants its tests run (tests = "if-possible" does without)'
            ) from None
        with host_of(machine, definition) as host:
            store = machine.home.store
            report = run_tests(found, store, image.descriptor, definition, host, machine.progress)
        remember_tests(machine.home, report, definition.digest)
        if not report.passed:
            failed = "; ".join(
                f"{each.name}: {each.reason}" for each in report.outcomes if not each.passed
            )
            raise CheckFailedError(f"tests fail: {failed}")

    def _tested(self, definition: ImageDefinition, image: BuiltImage) -> bool:
        """Whether its tests passed already, as they are now."""
        for built in image.platforms:
            known = remembered_tests(self.machine.home, built.digest)
            if known is not None and known.definition == definition.digest and not known.failed:
                return True
        return False

    def _scan(self, image: BuiltImage) -> list[str]:
        """Why its findings forbid to publish it, beside those of what is published."""
        if self.task.policy.scan == "off":
            return []
        results = [self._scanned(each) for each in self._inventories(image)]
        before = [self._scanned(each) for each in self._published]
        refused = next((each for each in results if each.verdict in ("stale", "unknown")), None)
        if refused is not None:
            raise EnvironmentProblem(
                f"its vulnerabilities cannot be said ({refused.verdict}): "
                + "; ".join(each.message for each in refused.warnings[:2])
            )
        new, old = _open(results), _open(before)
        self._known |= {
            "findings": new,
            "old_findings": old,
            "exploited": frozenset(f.id for each in results for f in each.open if f.kev),
        }
        return list(more_findings(self.task.policy.gate, old, new)) if before else []

    def _gate(self, definition: ImageDefinition, lock: Lock, image: BuiltImage) -> list[str]:
        before = self._facts_before
        facts = self._facts(definition, lock, image, self._candidate, before)
        self._known["facts"] = facts.json()
        return list(worse(self.task.policy.gate, before, facts))

    def _facts(
        self,
        definition: ImageDefinition,
        lock: Lock,
        image: BuiltImage,
        name: str,
        before: Facts | None,
    ) -> Facts:
        """Of an image that the store has under a name."""
        looked_into = self._looked_into(image, name)
        return facts_of(self.machine.home, image, definition, lock, looked_into, before)

    def _attest(self, definition: ImageDefinition, lock: Lock, image: BuiltImage) -> None:
        """From here on the store has it under its own names, and the candidate no more."""
        named = publish(self.machine.home.store, image, definition, lock)
        name = f"{named.name}:{named.tags[-1]}"
        store, new = self._shared.inventories, self._inventories(image)
        for inventory in new:
            if inventory.image.name != name:
                store.put(replace(inventory, image=replace(inventory.image, name=name)))
        if self.machine.signs:
            self._bring_statements(image)
            self._say(image, name, new)
        forget_named(self.machine, self._candidate)

    def _say(self, image: BuiltImage, name: str, new: Sequence[Inventory]) -> None:
        """What is not said yet of an image of the store, and of advisories what is new."""
        looked_into = self._looked_into(image, self._candidate)
        if not is_signed_here(self.machine, image.descriptor):
            sides = self._sides(self._published), self._sides(new)
            changes = said_of_changes(self.machine, name, *sides)
            found = known_of(name, looked_into, self._results, changes)
            attest(self.machine, name, AttestChoices(), found, self._known_advisories)
        elif self.task.advised:
            found = known_of(name, looked_into, self._results, {})
            choices = AttestChoices(OF_ADVISORIES)
            attest(self.machine, name, choices, found, self._known_advisories)
            self._renewed = True

    def _bring_statements(self, image: BuiltImage) -> None:
        """What another host has said of what is published: it is not to be said twice."""
        state, digest = self.task.state, image.descriptor.digest
        if digest != state.published or not state.repository:
            return
        if not is_signed_here(self.machine, image.descriptor):
            with suppress(NotFoundError):
                pull(self.machine, f"{state.repository}@{digest}", with_referrers=True)

    def _push(self, definition: ImageDefinition, lock: Lock, image: BuiltImage) -> bool:
        if not self.task.target:
            return False
        with self._shared.registries() as opened:
            given = give(self.machine, opened, self.task.target, image, definition, lock)
        self._known |= {"repository": given.repository, "tag": given.tag}
        return given.moved

    def _record(self, lock: Lock, old: Lock | None) -> None:
        if lock != old:
            write_lock(lock_path(self.task.path), lock)

    # -- what steps share ------------------------------------------------------------------------

    @property
    def _candidate(self) -> str:
        return candidate_name(self.task.name)

    def _inventories(self, image: BuiltImage, name: str = "") -> list[Inventory]:
        return [each for each, _ in self._looked_into(image, name or self._candidate)]

    def _looked_into(self, image: BuiltImage, name: str) -> Sequence[tuple[Inventory, Bill]]:
        """What is in each platform of an image that the store has under a name; opened once."""
        if name not in self._opened:
            known = _Known(self._shared.inventories)
            with opened_taker(self.machine) as taker:
                taker = replace(taker, stored=known, cache=self._shared.records)
                self._opened[name] = [
                    look_into(self.machine, taker, f"store:{name}", platform)
                    for platform in _platforms(image)
                ]
        return self._opened[name]

    def _sides(self, inventories: Sequence[Inventory]) -> list[MeasuredImage]:
        if self.task.policy.scan == "off":
            return [MeasuredImage(each, Unknown("the policy has no scan")) for each in inventories]
        return [MeasuredImage(each, self._scanned(each)) for each in inventories]

    def _scanned(self, inventory: Inventory) -> ScanResult:
        identity, asked = inventory.image, self._shared.advisories
        found = self._results.get(identity.key)
        if found is None:
            found = scan_inventory(self.machine, identity.name, inventory, asked, ScanChoices())
            self._results[identity.key] = found
        return found

    @property
    def _known_advisories(self) -> Database | None:
        """None where there are none."""
        with suppress(InputError):
            return self._shared.advisories
        return None

    @property
    def _facts_before(self) -> Facts | None:
        """Of what the new image is compared with; read from that where the state has none."""
        state = self.task.state
        unknown = state.published and not state.facts
        if self._resolved is None or not unknown or state.published == self._known["digest"]:
            return Facts.of(state.facts)
        return facts_of_published(
            self.machine, published_place(self.machine, state), *self._resolved
        )

    @cached_property
    def _published(self) -> Sequence[Inventory]:
        """What is in each platform of what is published: kept here, else read from the registry."""
        state = self.task.state
        if not state.published:
            return ()
        store, kept = self.machine.home.store, self._shared.inventories
        try:
            document = store.document(parse_digest(state.published))
            known = [kept.get(item.digest) for item in document.manifests]
            if known and all(known):
                return [each for each in known if each is not None]
        except IronhullError:
            pass
        place = published_place(self.machine, state)
        return [
            inventory_of(self.machine, place, platform)
            for platform in platforms_at(self.machine, place)
        ]


def candidate_name(name: str) -> str:
    """What the store calls an image that is built and not published."""
    return f"{CANDIDATES}{name}"


def forget_named(machine: Machine, *names: str) -> None:
    """Take names out of the store."""
    machine.home.store.untag(names)


def _platforms(image: BuiltImage) -> Sequence[Platform]:
    return Platform.parse_all([built.platform for built in image.platforms])


def _open(results: Sequence[ScanResult]) -> Mapping[str, str]:
    """Open findings over all platforms: vulnerability → severity."""
    return {finding.id: finding.severity for each in results for finding in each.open}
