"""What became of an image, written down: where it stands now, and what that did for its CVEs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ironhull.state.watch_records import Event, ImageState, SuiteState, moment
from ironhull.state.watching import WatchState
from ironhull.watch.model import Entry
from ironhull.watch.plan import Observed, examined_with
from ironhull.watch.policy import WatchPolicy
from ironhull.watch.task import Outcome


def settle(
    state: WatchState,
    policy: WatchPolicy,
    entry: Entry,
    number: int,
    archive: str,
    outcome: Outcome,
) -> None:
    """Write the outcome of an attempt down; `archive` is the digest of its release files."""
    now = state.now
    moved = moment(now)
    examined = examined_with(archive, outcome.inputs or entry.wanted.inputs)
    lock = state.keep_lock(outcome.lock) if outcome.lock else ""

    def changed(known: ImageState) -> ImageState:
        match outcome.result:
            case "unchanged" if not outcome.digest:
                return _kept(known, examined)
            case "proposed":
                return _proposed(known, outcome, examined_with(archive, entry.wanted.inputs))
            case "published" | "unchanged" | "waiting":
                return _published(known, outcome, examined, lock, now)
            case "held":
                return replace(
                    known,
                    state="held",
                    reason=outcome.detail,
                    candidate=outcome.digest,
                    examined=examined_with(archive, entry.wanted.inputs),
                )
            case "failed" if moved is not None:
                failed = policy.patience.failed(known, outcome.detail, moved, own=outcome.own)
                return replace(failed, examined=examined_with(archive, entry.wanted.inputs))
            case _:
                return known

    state.change(entry.name, changed)
    if outcome.result in ("published", "unchanged", "waiting"):
        state.happened(list(_events(entry, outcome, now)))
    counted = _in_use(outcome) if policy.scan != "off" else None
    if counted is not None:
        state.count(now[:10], entry.name, Counter(counted.values()))
    if outcome.result in ("published", "unchanged", "waiting", "proposed"):
        state.settle(entry.name)
        state.settle("environment")
    state.end(
        number,
        result=outcome.result,
        step=outcome.step,
        detail=outcome.detail,
        new=outcome.digest,
        new_lock=lock,
    )


def seen_events(
    entry: Entry, observed: Observed, suites: Sequence[SuiteState], now: str
) -> Iterator[Event]:
    """A fix that was seen in the archive: when it was published, came there, and was seen.

    It came there with the release file of its suite, as that was dated when it was seen first.
    """
    dates = {each.suite: each.date for each in suites}
    for update in entry.updates:
        for fix in observed.fixes.get(update, ()):
            came = min(dates.get(update.suite, now), now)
            if fix.published:
                yield Event(fix.vulnerability, entry.name, "advisory", fix.published, fix.severity)
            yield Event(fix.vulnerability, entry.name, "fix", came, fix.severity)
            yield Event(fix.vulnerability, entry.name, "seen", now, fix.severity)


def _in_use(outcome: Outcome) -> Mapping[str, str] | None:
    """Open findings of what is in use from now on; None where nobody has looked at that."""
    match outcome.result:
        case "published" | "unchanged" | "waiting" if outcome.digest:
            return outcome.findings
        case "proposed" if outcome.old_lock and not outcome.uncompared:
            # What the lock has is in use until the proposal is merged.
            return outcome.old_findings
        case _:
            return None


def _kept(known: ImageState, examined: str) -> ImageState:
    """The lock is what the archive has: nothing is to be proposed."""
    return replace(
        known,
        examined=examined,
        state="current",
        reason="",
        cause="",
        behind_since="",
        failures=0,
        retry_at="",
    )


def _proposed(known: ImageState, outcome: Outcome, examined: str) -> ImageState:
    """It is behind until somebody merges it."""
    branch = "" if outcome.proposal is None else outcome.proposal.branch
    return replace(
        known,
        examined=examined,
        state="proposed",
        reason=f"the branch {branch} waits for its review",
        failures=0,
        retry_at="",
    )


def _published(
    known: ImageState, outcome: Outcome, examined: str, lock: str, now: str
) -> ImageState:
    fresh = outcome.digest != known.published
    return replace(
        known.at_rest(),
        repository=outcome.repository or known.repository,
        published=outcome.digest,
        tag=outcome.tag or known.tag,
        published_at=now if fresh else known.published_at,
        inputs=outcome.inputs,
        lock=lock,
        facts=outcome.facts,
        examined=examined,
        approved="",
    )


def _events(entry: Entry, outcome: Outcome, now: str) -> Iterator[Event]:
    """What happened to which vulnerability: those that it ended, and those that it still has."""
    image = entry.name
    seen = entry.since or now
    fixes = {fix.vulnerability: fix for fix in entry.fixes}
    ended = set(outcome.old_findings) - set(outcome.findings)
    for vulnerability in sorted(ended):
        fix = fixes.get(vulnerability)
        severity = outcome.old_findings[vulnerability]
        if fix is not None and fix.published:
            yield Event(vulnerability, image, "advisory", fix.published, severity)
        yield Event(vulnerability, image, "seen", seen, severity)
        if outcome.result == "published":
            yield Event(vulnerability, image, "fix", seen, severity)
            yield Event(vulnerability, image, "rebuilt", now, severity)
            yield Event(vulnerability, image, "published", now, severity)
    for vulnerability, severity in outcome.findings.items():
        yield Event(vulnerability, image, "seen", now, severity)
    for vulnerability, fix in fixes.items():
        if vulnerability not in ended and vulnerability not in outcome.findings:
            yield Event(vulnerability, image, "seen", now, fix.severity)
