"""What a watcher sees in one round, and what it says of what it cannot see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ironhull.errors import IronhullError
from ironhull.notify.message import Kind
from ironhull.scan.model import Finding
from ironhull.state.watch_records import FeedState, ImageState, SuiteState, moment, stamp
from ironhull.state.watching import Clock, WatchState
from ironhull.watch.bases import Bases
from ironhull.watch.model import Entry, Fix, Rebuilt, Update, Wanted
from ironhull.watch.plan import Observed, as_locked, plan
from ironhull.workspace.advising import update_advisories
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.watch_adopting import see_published
from ironhull.workspace.watch_bases import (
    IMAGE,
    SeenImages,
    read_bases,
    see_images,
    subject_of,
)
from ironhull.workspace.watch_choices import WatchChoices
from ironhull.workspace.watch_inheriting import reasons
from ironhull.workspace.watch_noting import mark_ends, mark_gone
from ironhull.workspace.watch_observing import (
    CatalogReader,
    SeenAdvisories,
    SeenArchive,
    fix_of,
    see_advisories,
    see_archive,
    see_registry,
)

REGISTRY_AGE = timedelta(hours=1)
"""How often the registry's tags are looked at, beside the first time."""


class Looking:
    """The eyes of one watcher: what did not change since the last round is not read again."""

    def __init__(
        self,
        machine: Machine,
        chosen: WatchChoices,
        state: WatchState,
        clock: Clock,
        complain: Callable[[str, str, Kind], object],
    ) -> None:
        self._machine, self._chosen, self._state = machine, chosen, state
        self._clock, self._said = clock, complain
        self._catalog = CatalogReader(machine)
        self._advisories: tuple[object, SeenAdvisories] = (None, SeenAdvisories())
        self._feeds_at: datetime | None = None
        self._registry_at: datetime | None = None
        self._astray: frozenset[str] = frozenset()
        self._counted: object = None
        self._unseen = True
        self.unseen: dict[str, str] = {}
        """By subject: what could not be seen in the last look, and why."""
        self._writing = True
        self.bases = Bases({}, {})
        """Which images take files from which, as seen last."""
        self._asked: set[str] = set()
        """Images that were looked for in the target because the state knows nothing of them."""
        self._unanswered = False
        """Whether some of them could not be."""

    @property
    def findings(self) -> Mapping[str, Mapping[str, Finding]]:
        """Open findings of what is published, as seen last: by image, by vulnerability."""
        return self._advisories[1].findings

    def _complain(self, subject: str, text: str) -> None:
        """What was seen without writing is not said to anybody: it stays to be said."""
        self.unseen[subject] = text
        if self._writing:
            self._said(subject, text, "problem")

    def _settle(self, subject: str, *standing: str) -> None:
        if self._writing:
            self._state.settle(subject, *standing)

    def look(self, locking: Locking, *, writing: bool = True) -> tuple[list[Entry], Observed]:
        """The plan, and what it rests on; `writing` keeps what was seen in the state."""
        self._writing, only = writing, None
        self.unseen.clear()
        if self._chosen.images:
            find = Definitions(self._machine).catalog.find
            only = {find(name) for name in self._chosen.images}
        catalog, broken = self._catalog.read(only)
        made_from = read_bases(self._machine, self._catalog, catalog, only, self._chosen.publish)
        circling = {wanted.name: made_from.circles.get(wanted.name, "") for wanted in catalog}
        broken |= {name: text for name, text in circling.items() if text}
        catalog = [wanted for wanted in catalog if wanted.name not in broken]
        there = {wanted.name for wanted in catalog} | set(broken)
        self._say_broken(broken, there)
        if writing:
            mark_ends(self._state, self._chosen.policy, self._clock(), catalog, self._said)
            if only is None:
                mark_gone(self._state, there, self._said)
        archive = see_archive(locking, catalog)
        self._say_archive(archive)
        if writing:
            self._update_feeds()
        states = self._adopted(catalog, self._state.images(), writing=writing)
        # Who proposes publishes nothing: the store has what was built of its own images.
        ours = {} if self._chosen.propose else made_from.ours
        images = see_images(self._machine, catalog, ours, states)
        advisories = self._see_advisories(catalog, states, archive)
        self._say_images(images)
        if writing:
            self._count(advisories)
        elif advisories.problem and self._chosen.policy.scan != "off":
            self.unseen["advisories"] = advisories.problem
        observed = Observed(
            states,
            archive.updates,
            archive.digests,
            advisories.fixes,
            self._cooling(archive, advisories, writing=writing),
            self._found(advisories),
            self._served(catalog, states),
            images.at,
        )
        seen = [wanted for wanted in catalog if wanted.name not in archive.unseen]
        derived = {wanted.name: wanted for wanted in seen if wanted.definition.followed}
        self.bases = Bases(derived, made_from.ours)
        by = observed
        if self._chosen.propose:
            by = replace(observed, states=as_locked(seen, observed.states))
        by = replace(by, rebuilt=self._reasons(seen, by))
        return plan(seen, by), replace(observed, rebuilt=by.rebuilt)

    def moved(self, image: str, digest: str, observed: Observed) -> tuple[Observed, list[Entry]]:
        """What is seen when an image is at another digest, and what is to be done for it."""
        observed, near = self.bases.moved(image, digest, observed)
        why = {**observed.rebuilt, **self._reasons(near, observed)}
        observed = replace(observed, rebuilt=why)
        return observed, plan(near, observed)

    def _reasons(
        self, images: Sequence[Wanted], observed: Observed
    ) -> Mapping[tuple[str, str], Rebuilt]:
        return reasons(self._state, self.bases, images, observed)

    def _say_broken(self, broken: Mapping[str, str], there: Collection[str]) -> None:
        """`there` are the images of this watcher: others' are another one's."""
        for name, text in broken.items():
            self._complain(f"definition {name}", text)
        for said in self._state.complaints():
            subject, _, name = said.subject.partition(" ")
            ours = name in there or not self._chosen.images
            if subject == "definition" and ours and broken.get(name) != said.text:
                self._settle(said.subject, broken.get(name, ""))

    def _say_archive(self, archive: SeenArchive) -> None:
        now = self._state.now
        suites = [
            SuiteState(r.repository, r.suite, r.digest, r.date, r.valid_until or "", now, now)
            for r in archive.releases
        ]
        if self._writing:
            self._state.saw_suites(suites)
        for name, text in archive.problems.items():
            self._complain("archive", f"{name}: {text}")
        self._settle("archive", *(f"{name}: {text}" for name, text in archive.problems.items()))

    def _say_images(self, images: SeenImages) -> None:
        """Why images that files are taken from were not seen, and what is over of that."""
        problems = {subject_of(each): text for each, text in images.problems.items()}
        for subject, text in problems.items():
            self._complain(subject, text)
        if problems or self._unseen:
            seen = {subject_of(reference) for reference in images.at}
            for subject in {said.subject for said in self._state.complaints()}:
                ours = subject in seen or subject in problems or not self._chosen.images
                if subject.startswith(IMAGE) and ours:
                    self._settle(subject, problems.get(subject, ""))
        self._unseen = bool(images.problems)

    def _update_feeds(self) -> None:
        every, now = self._chosen.advisories, self._clock()
        if every is None or self._machine.settings.offline:
            return
        if self._feeds_at is not None and now - self._feeds_at < every:
            return
        self._feeds_at = now
        outcomes = update_advisories(self._machine)
        wrong = {
            each.name: f"{each.name}: {each.status}: {each.reason}"
            for each in outcomes
            if each.status in ("refused", "failed")
        }
        for text in wrong.values():
            self._complain("advisories", text)
        self._state.settle("advisories", *wrong.values())
        good = [each for each in outcomes if each.name not in wrong]
        self._state.saw_feeds(
            [FeedState(each.name, each.date, each.records, stamp(now)) for each in good]
        )

    def _see_advisories(
        self, catalog: Sequence[Wanted], states: Mapping[str, ImageState], archive: SeenArchive
    ) -> SeenAdvisories:
        """Matched again only if advisories, images or updates are others than before."""
        try:
            file = self._machine.home.advisories.stat()
            stamped: object = (file.st_mtime_ns, file.st_size, file.st_ino)
        except OSError:
            stamped = None
        updates = {update for found in archive.updates.values() for update in found}
        key = (stamped, {n: s.published for n, s in states.items()}, updates)
        if key != self._advisories[0]:
            seen = see_advisories(self._machine, catalog, states, archive.updates, self._clock())
            self._advisories = (key, seen)
        return self._advisories[1]

    def _count(self, advisories: SeenAdvisories) -> None:
        """Open findings of what is published, each day once and when they change."""
        key = (self._state.now[:10], id(advisories.findings))
        if key != self._counted and advisories.findings:
            counts = {
                name: Counter(finding.severity for finding in findings.values())
                for name, findings in advisories.findings.items()
            }
            self._state.count_all(key[0], counts)
            self._counted = key

    def _found(self, advisories: SeenAdvisories) -> dict[str, Sequence[Fix]]:
        """Findings of what is published that nobody has looked after yet."""
        known = self._state.seen()
        return {
            name: fresh
            for name, findings in advisories.findings.items()
            if (fresh := [fix_of(f) for v, f in findings.items() if (v, name) not in known])
        }

    def _cooling(
        self, archive: SeenArchive, advisories: SeenAdvisories, *, writing: bool
    ) -> dict[Update, str]:
        """Updates that are too young by the policy; none while nobody can say what they fix."""
        seen = {update for found in archive.updates.values() for update in found}
        if not seen:
            return {}
        known, now, age = self._state.arrivals(), self._clock(), self._chosen.policy.cooldown
        fresh = {_arrival(update) for update in seen} - set(known)
        if writing and fresh:
            self._state.arrived(sorted(fresh))
        old = any(said.subject == "advisories" for said in self._state.complaints())
        if not age or advisories.problem or old:
            return {}
        ends = {update: (moment(known.get(_arrival(update), "")) or now) + age for update in seen}
        return {update: stamp(end) for update, end in ends.items() if end > now}

    def _adopted(
        self, catalog: Sequence[Wanted], states: Mapping[str, ImageState], *, writing: bool
    ) -> Mapping[str, ImageState]:
        """The states, where what is published already counts as such; each is looked for once."""

        def state_of(name: str) -> ImageState:
            return states.get(name, ImageState(name))

        unknown = [
            each
            for each in catalog
            if each.name not in self._asked
            and not state_of(each.name).published
            and state_of(each.name).state != "ended"
        ]
        asked_again, self._unanswered = self._unanswered, False
        if self._chosen.propose or not unknown:
            return states
        try:
            found = see_published(self._machine, self._chosen.publish, unknown)
        except IronhullError as error:
            self._unanswered = True
            self._complain("registry", str(error))
            return states
        self._unanswered = bool(found.refused)
        self._asked |= {each.name for each in unknown} - set(found.refused)
        refused = list(found.refused.values())
        if refused:
            more = f" (and so of {len(refused) - 1} more images)" if refused[1:] else ""
            self._complain("registry", f"{refused[0]}{more}")
        elif asked_again:
            self._settle("registry")
        if not writing:
            return {**states, **{name: found.taken(state_of(name)) for name in found.ours}}
        for name, text in found.strangers.items():
            self._complain(name, text)
        return {**states, **{n: self._state.change(n, found.taken) for n in found.ours}}

    def _served(
        self, catalog: Sequence[Wanted], states: Mapping[str, ImageState]
    ) -> Mapping[str, str]:
        now, target = self._clock(), self._chosen.publish
        fresh = self._registry_at is not None and now - self._registry_at < REGISTRY_AGE
        # What was found astray is asked for again until it is where it should be.
        asked = [each for each in catalog if not fresh or each.name in self._astray]
        if not target or not asked:
            return {}
        try:
            found = see_registry(self._machine, target, asked, states)
        except IronhullError as error:
            if not self._unanswered:
                self._complain("registry", str(error))
            return dict.fromkeys(self._astray, "")
        self._registry_at = self._registry_at if fresh else now
        self._astray = frozenset(n for n, digest in found.items() if digest != states[n].published)
        if not self._unanswered:
            self._settle("registry")
        return found


def _arrival(update: Update) -> tuple[str, str, str]:
    """What the state calls a newer package."""
    return update.package, update.after, update.suite
