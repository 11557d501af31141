"""What this machine knows of the present, for the catalog's pages: whom `catalog_live` asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ironhull.catalog.facts import (
    AttestationFacts,
    FixTimes,
    MirroredTag,
    MirrorFacts,
    Publication,
    Published,
    RuleFacts,
    Verification,
    WatchedImage,
    WatchFacts,
)
from ironhull.catalog.gathering import attestation_facts
from ironhull.errors import IronhullError, NoKeyError
from ironhull.publication.folder import LogFolder, folder_of
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.mirrored import MirrorRecords
from ironhull.reports.text import one_line
from ironhull.reports.words import moment
from ironhull.verify.evidence import collect
from ironhull.verify.signed import signed
from ironhull.verify.verdict import Verdict
from ironhull.watch.measures import Times
from ironhull.watch.policy import WatchPolicy
from ironhull.watch.reports.html import said_time
from ironhull.workspace.attestations import listed_at
from ironhull.workspace.catalog_attached import place_of
from ironhull.workspace.history import HistoryChoices, history
from ironhull.workspace.machine import Machine
from ironhull.workspace.verifying import VerifyChoices, chosen_trust

_SAID = 300
_MOST_TAGS = 100


def attested(contents: Contents, name: str) -> tuple[AttestationFacts, ...]:
    """As `Live.attestations`."""
    try:
        found, _ = listed_at(place_of(contents, name))
    except IronhullError:
        return ()
    return tuple(attestation_facts(each.word, each.attachment, each.platform) for each in found)


def verified(
    machine: Machine, contents: Contents, chosen: VerifyChoices, name: str
) -> Verification:
    """As `Live.verification`."""
    try:
        trust = chosen_trust(machine, chosen)
        place = place_of(contents, name)
        evidence = collect(place, place.root(), trust)
    except NoKeyError:
        return Verification("unknown", "this server knows no key to verify with", "")
    except IronhullError as error:
        return Verification("unknown", one_line(str(error), _SAID), "")
    now = moment(datetime.now(UTC))
    return _verification(Verdict(name, evidence, (signed(evidence),), None, now))


def mirrored(contents: Contents) -> tuple[MirrorFacts, ...]:
    """As `Live.mirrors`."""
    kept, found = MirrorRecords(contents.records), []
    for name in sorted(contents.records.repositories()):
        mirror = contents.rules.mirror(name)
        source = mirror.source(name) if mirror is not None else None
        if source is None or not contents.records.is_mirror(name):
            continue
        tags = sorted(kept.tags(name).items(), key=lambda each: (-each[1].checked, each[0]))
        shown = tuple(
            MirroredTag(
                tag, each.descriptor.digest, moment(datetime.fromtimestamp(each.checked, UTC))
            )
            for tag, each in tags[:_MOST_TAGS]
        )
        upstream = f"{source.registry}/{source.repository}"
        found.append(MirrorFacts(name, upstream, len(tags), shown))
    return tuple(found)


def published(machine: Machine, chosen: VerifyChoices, repository: str) -> Published:
    """As `Live.publications`: signed by whom `chosen` names, else by a key of the ring.

    Records have keys alone: where one identity is believed and no key is, none counts.
    """
    # Whom to believe is no question where there is nothing: a home may have no key at all.
    if not LogFolder(folder_of(machine.home.publications, repository)).exists:
        return Published()
    if chosen.identity is not None and not chosen.keys:
        return Published(problem="records are signed with keys, of which none is believed here")
    try:
        found = history(machine, f"store:{repository}", HistoryChoices(keys=chosen.keys))
    except IronhullError as error:
        return Published(problem=one_line(str(error), _SAID))
    return Published(
        tuple(
            Publication(
                moment(each.record.publication.published),
                each.record.publication.tags,
                each.record.publication.image,
                ", ".join(str(signer) for signer in each.signers),
            )
            for each in reversed(found.entries)
        )
    )


def watched(machine: Machine) -> WatchFacts:
    """As `Live.watch`: of the state in the home."""
    # SQLAlchemy: half a second that a server without a watcher does not spend.
    from ironhull.workspace.watch_reading import measured, repository_times, status_now
    from ironhull.workspace.watching import opened_state

    policy = WatchPolicy()
    try:
        with opened_state(machine) as state:
            found = status_now(machine, state, policy)
            figures = measured(state, policy)
            each_times = repository_times(state, policy)
    except IronhullError as error:
        return WatchFacts(note=one_line(str(error), _SAID))
    return WatchFacts(
        tuple(
            WatchedImage(
                each.name,
                each.name.partition(":")[0],
                each.state,
                each.published_at,
                each.behind_since,
                each.why or each.cause or each.waiting,
                each.alarm,
            )
            for each in found.images
        ),
        found.alarms,
        tuple(map(_times, figures.times)),
        {day: dict(counts) for day, counts in figures.days.items()},
        repositories={name: tuple(map(_times, taken)) for name, taken in each_times.items()},
    )


def _verification(verdict: Verdict) -> Verification:
    subjects = verdict.evidence.subjects
    found = verdict.outcomes[0].found if verdict.outcomes else "nothing was asked of it"
    failed = verdict.failed
    return Verification(
        "verified" if verdict.passed else "refused",
        one_line(found if verdict.passed else (failed[0].found if failed else found), _SAID),
        verdict.verified,
        tuple(
            RuleFacts(each.rule, each.status, one_line(each.found, _SAID), each.platform)
            for each in verdict.outcomes
        ),
        tuple(
            (str(each.digest), ", ".join(str(signer) for signer in each.signers))
            for subject in subjects
            for each in subject.statements
        ),
        tuple(
            (str(each.digest), one_line(each.message, _SAID))
            for subject in subjects
            for each in subject.refused
        ),
    )


def _times(each: Times) -> FixTimes:
    half, ninety, _ = (said_time(time) for time in each.percentiles)
    return FixTimes(
        each.span,
        each.severity,
        each.number,
        half,
        ninety,
        said_time(each.longest),
        _target(each.target),
        each.late,
        half_seconds=_seconds(each.percentiles[0]),
        ninety_seconds=_seconds(each.percentiles[1]),
        longest_seconds=_seconds(each.longest),
        target_seconds=None if each.target is None else _seconds(each.target),
    )


def _seconds(time: timedelta) -> int:
    return round(time.total_seconds())


def _target(target: timedelta | None) -> str:
    return "" if target is None else said_time(target)
