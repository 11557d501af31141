"""What would be rebuilt and why: what is wanted beside what is, and nothing else.

Level-triggered: a plan depends on how things are, never on what happened before, so that a watcher
that was killed, or slept for a week, plans the same as one that was there all the time. One pass
over the definitions; what they share (archives, updates, fixes) is looked up once for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ironhull.oci.digest import digest_of
from ironhull.oci.document import canonical
from ironhull.state.watch_records import ImageState
from ironhull.watch.model import (
    Cause,
    CauseKind,
    Entry,
    Fix,
    Rebuilt,
    Update,
    Wanted,
    listed,
    most_urgent,
    urgency_of,
)

_LOCKED = "what its lock has"
_UNEXPLAINED = Rebuilt("", "routine", (), "")
_UNTOLD = "what is published is not known to be of this definition and lock"


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of the world; whatever was not looked at is absent and causes nothing."""

    states: Mapping[str, ImageState] = field(default_factory=dict)
    updates: Mapping[str, Sequence[Update]] = field(default_factory=dict)
    """By image."""
    archives: Mapping[str, str] = field(default_factory=dict)
    """By image: a digest of the release files that its packages come from."""
    fixes: Mapping[Update, Sequence[Fix]] = field(default_factory=dict)
    """What each update ends."""
    cooling: Mapping[Update, str] = field(default_factory=dict)
    """Updates that are younger than the policy wants, and until when they are."""
    found: Mapping[str, Sequence[Fix]] = field(default_factory=dict)
    """By image: vulnerabilities of what is published that nobody has looked after yet."""
    served: Mapping[str, str] = field(default_factory=dict)
    """By image: the digest that its moving tags are at; empty: not all are at one, or none is."""
    images: Mapping[str, str] = field(default_factory=dict)
    """By the reference that an image is followed with: the digest that its tag is at."""
    rebuilt: Mapping[tuple[str, str], Rebuilt] = field(default_factory=dict)
    """By such a reference and the digest that a lock has of it: for what it is another one now."""


def plan(catalog: Sequence[Wanted], observed: Observed) -> list[Entry]:
    """One entry for each image that is not as it should be, the most urgent first.

    Images that a human holds are in it (whoever works on it leaves them alone), those whose end has
    come are not.
    """
    entries = [entry for wanted in catalog for entry in _entry(wanted, observed)]
    entries.sort(key=lambda entry: entry.order)
    return entries


def as_locked(catalog: Sequence[Wanted], states: Mapping[str, ImageState]) -> dict[str, ImageState]:
    """The states for who proposes: what a definition's lock has counts as published."""
    found = dict(states)
    for wanted in catalog:
        if wanted.lock is not None:
            state = states.get(wanted.name, ImageState(wanted.name))
            found[wanted.name] = replace(state, published=_LOCKED, inputs=wanted.inputs)
    return found


def examined(wanted: Wanted, observed: Observed) -> str:
    """Stands for the archive and the inputs that an image was last worked on with."""
    return examined_with(stands_on(wanted, observed), wanted.inputs)


def stands_on(wanted: Wanted, observed: Observed) -> str:
    """A digest of the release files, and of the images that files are taken from, as seen."""
    archive, taken = observed.archives.get(wanted.name, ""), images_of(wanted, observed)
    return digest_of(canonical([archive, taken])).partition(":")[2] if taken else archive


def images_of(wanted: Wanted, observed: Observed) -> dict[str, str]:
    """What the tags of the images that one follows are at, as far as they were seen."""
    seen = observed.images
    return {
        each.reference: seen[each.reference]
        for each in wanted.definition.followed
        if each.reference in seen
    }


def examined_with(archive: str, inputs: str) -> str:
    """The same by the digest of the release files, and what the image is made of."""
    return f"{archive[:32]}+{inputs[:32]}"


def _entry(wanted: Wanted, observed: Observed) -> Iterator[Entry]:
    state = observed.states.get(wanted.name) or ImageState(wanted.name)
    if state.state == "ended":
        return
    updates = observed.updates.get(wanted.name, ())
    if state.state in ("current", "proposed") and state.examined == examined(wanted, observed):
        # The resolver has looked at them already and has taken none.
        updates = ()
    if waits_for(updates, observed):
        updates = ()
    ended = _unique(fix for update in updates for fix in observed.fixes.get(update, ()))
    found = _unique(observed.found.get(wanted.name, ()))
    causes = tuple(_causes(wanted, state, observed, updates, found))
    if causes:
        fixes = _unique((*ended, *found))
        moved = moved_images(wanted, observed).items()
        bases = tuple(observed.rebuilt[each] for each in moved if each in observed.rebuilt)
        urgency = most_urgent([urgency_of(fixes), *(each.urgency for each in bases)])
        yield Entry(wanted, causes, tuple(updates), fixes, urgency, state.behind_since, bases)


def waits_for(updates: Sequence[Update], observed: Observed) -> str:
    """Until when updates wait for their age; empty: they do not.

    What may be a security fix never waits, and what it comes with neither: of one archive not every
    version can be had at any time. It may be one if it is from a security suite, if it ends a known
    vulnerability, or if nobody can say.
    """
    waits = []
    for update in updates:
        until = observed.cooling.get(update, "")
        fixes = observed.fixes.get(update)
        may_be_fix = update.suite.endswith("-security") or fixes is None or len(fixes) > 0
        if not until or may_be_fix:
            return ""
        waits.append(until)
    return min(waits, default="")


def _causes(
    wanted: Wanted,
    state: ImageState,
    observed: Observed,
    updates: Sequence[Update],
    found: Sequence[Fix],
) -> Iterator[Cause]:
    if not state.published:
        yield Cause(CauseKind.NEW, "it was never published")
        if state.candidate and state.candidate == state.approved:
            yield Cause(CauseKind.APPROVED, "what was held is approved")
        return
    if state.candidate and state.candidate == state.approved:
        yield Cause(CauseKind.APPROVED, "what was held is approved")
    if wanted.inputs != state.inputs or not state.inputs:
        text = "its definition, its lock or Ironhull changed" if state.inputs else _UNTOLD
        yield Cause(CauseKind.DEFINITION, text)
    for reference, known in moved_images(wanted, observed).items():
        why = observed.rebuilt.get((reference, known), _UNEXPLAINED)
        yield Cause(CauseKind.IMAGE, why.said(reference, "was rebuilt"))
    if observed.served.get(wanted.name, state.published) != state.published:
        yield Cause(CauseKind.REGISTRY, "the registry's tags are not at what was published")
    for update in _shown(updates, observed):
        yield Cause(CauseKind.UPDATE, update)
    if found:
        yield Cause(CauseKind.ADVISORY, f"found: {listed([fix.vulnerability for fix in found])}")


def moved_images(wanted: Wanted, observed: Observed) -> dict[str, str]:
    """Followed images that are at another digest than the lock has, which is given."""
    if wanted.lock is None:
        return {}
    values, seen = wanted.lock.variables, observed.images
    known = {each.reference: values.get(each.variable, "") for each in wanted.definition.followed}
    return {name: digest for name, digest in known.items() if seen.get(name, digest) != digest}


def _shown(updates: Sequence[Update], observed: Observed) -> Iterator[str]:
    """Updates in words, one of each source package."""
    by_source: dict[tuple[str, str, str], list[Update]] = {}
    for update in updates:
        by_source.setdefault((update.source, update.before, update.after), []).append(update)
    for (_, before, after), alike in by_source.items():
        names = listed([update.package for update in alike])
        ends = _unique(fix for update in alike for fix in observed.fixes.get(update, ()))
        said = f" fixes {listed([fix.vulnerability for fix in ends])}" if ends else ""
        yield f"{names} {before} → {after} ({alike[0].suite}){said}"


def _unique(fixes: Iterator[Fix] | Sequence[Fix]) -> tuple[Fix, ...]:
    """Each vulnerability once, by name."""
    return tuple(sorted({fix.vulnerability: fix for fix in fixes}.values()))
