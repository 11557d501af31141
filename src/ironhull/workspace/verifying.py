"""Images verified: what is attached to them, whose signatures hold, and what a policy says.

Verifying one image from a disk must cost little more than its signatures: what asks registries,
reads images or matches vulnerabilities is imported only where it is needed, as in `scanning`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path

from ironhull.errors import EnvironmentProblem, InputError, NoKeyError
from ironhull.oci.digest import Digest
from ironhull.oci.platform import Platform
from ironhull.reports.words import moment
from ironhull.signing.keyring import Keyring, KnownKey
from ironhull.signing.public_key import MAX_PEM, PublicKey
from ironhull.values import dataclass
from ironhull.verify.evidence import collect
from ironhull.verify.policy.model import Policy
from ironhull.verify.signed import signed
from ironhull.verify.trust import NamedKey, Trust
from ironhull.verify.verdict import Unverified, Verdict
from ironhull.workspace.machine import Machine
from ironhull.workspace.verify_places import Places

_MANY, _CHUNK = 64, 16
"""From so many images on several processes verify them, so many at a time."""


@dataclass(frozen=True, slots=True)
class ChosenIdentity:
    """Somebody who signs without a key, as sigstore does it."""

    identity: str
    """An address of mail or a URI, exactly as certificates name it."""
    issuer: str
    """The URL of who vouches for the identity."""
    trust_root: Path
    """A `trusted_root.json`: which authorities and logs are believed."""


@dataclass(frozen=True, slots=True)
class VerifyChoices:
    """What verifying may be told besides the images."""

    keys: Sequence[Path] = ()
    """Public keys to believe; none: those of the home's ring. With a policy, of those it names."""
    policy: Policy | None = None
    """None: the image has to be signed by a key that is believed, and no more."""
    platforms: Collection[Platform] = ()
    """Of an index, those alone; none: all."""
    now: datetime | None = None
    """The moment that ages and exceptions are counted to; None: this one."""
    rebuilds: Sequence[Path] = ()
    """Attestations of who else rebuilt packages (rebuilderd's), or folders of them."""
    inventories: Mapping[Digest, Path] = field(default_factory=dict)
    """Files of what is in manifests (`ironhull inventory --json`), where it is not to be read."""
    authorities: Sequence[Path] = ()
    """Chains (PEM) of timestamp authorities that are trusted, beside those of the policy."""
    identity: ChosenIdentity | None = None
    """Whose certificates are believed; alone, where neither keys nor a policy are given. A policy
    names others itself."""


def verify(machine: Machine, reference: str, chosen: VerifyChoices | None = None) -> Verdict:
    """Whether an image is to be believed, and why.

    `reference` is any place that `copy` reads, a path of a layout or archive, or a name of the
    store. What fails is in the verdict; InputError for an image that is not there, keys that are
    none, and no key at all; NetworkError.
    """
    chosen = chosen or VerifyChoices()
    places = Places(machine)
    try:
        trust = chosen_trust(machine, chosen)
    except InputError:
        places.must_have(reference)
        raise
    return verified(machine, places, reference, chosen, trust)


def verified(
    machine: Machine, places: Places, reference: str, chosen: VerifyChoices, trust: Trust
) -> Verdict:
    """The same with what several images share."""
    now = chosen.now or datetime.now(UTC)
    policy = chosen.policy
    with places.opened(reference) as place:
        if policy is None:
            evidence = collect(place, place.root(), trust, chosen.platforms)
            return Verdict(reference, evidence, (signed(evidence),), None, moment(now))
        # The rules, and what they ask of the machine: half of what starting up would take.
        from ironhull.verify.judge import judge, needed_types
        from ironhull.workspace.verify_facts import MachineFacts

        evidence = collect(place, place.root(), trust, chosen.platforms, needed_types(policy))
        facts = MachineFacts(machine, reference, place, chosen.inventories, trust, chosen.rebuilds)
        outcomes = judge(policy, evidence, reference, facts, now)
        return Verdict(reference, evidence, outcomes, policy.name, moment(now))


def chosen_trust(machine: Machine, chosen: VerifyChoices) -> Trust:
    """The keys and the identity to believe, and whose timestamps; errors as `verify`."""
    given = chosen.identity
    alone = given is not None and not chosen.keys and chosen.policy is None
    trust = Trust(()) if alone else trust_of(machine, chosen.keys, chosen.policy)
    named = chosen.policy.identities if chosen.policy is not None else ()
    if given is not None or named:
        # What reads certificates and logs: half a second that keys do without.
        from ironhull.verify.keyless import TrustedIdentity

        known = [
            TrustedIdentity(each.identity, each.issuer, each.trust_root, each.name)
            for each in named
        ]
        if given is not None:
            known.append(TrustedIdentity(given.identity, given.issuer, given.trust_root))
        trust = replace(trust, identities=tuple(known))
    rule = chosen.policy.timestamps if chosen.policy is not None else None
    paths = [*chosen.authorities, *(rule.authorities if rule is not None else ())]
    if not paths:
        return trust
    # What reads certificates; most signatures are verified without a time.
    from ironhull.verify.timestamps import read_authorities

    stamped = rule is not None and rule.required
    return replace(trust, authorities=read_authorities(paths), stamped=stamped)


def check_choices(chosen: VerifyChoices) -> None:
    """Look at the files that say who is believed: errors as `verify`, but for one: nobody is."""
    for path in chosen.keys:
        _named(path, ())
    given = chosen.identity
    if given is not None:
        from ironhull.verify.keyless import TrustedIdentity  # as in `chosen_trust`

        TrustedIdentity(given.identity, given.issuer, given.trust_root)


def trust_of(machine: Machine, keys: Sequence[Path], policy: Policy | None = None) -> Trust:
    """The keys to believe: those files, else all of the ring; what the ring revoked never.

    A policy with keys believes its own, and of the others those that it names by fingerprint.
    """
    ring = Keyring(machine.home.keys).known()
    given = [_named(path, ring) for path in keys]
    named = policy.named if policy is not None else None
    if policy is None or named is None:
        trust = Trust.of(given, ring, whole=not keys)
    else:
        given += [NamedKey(key.name, key.public) for key in ring if key.believed]
        words = {fingerprint: name for name, fingerprint in named.items()}
        wanted = [
            NamedKey(words[key.public.fingerprint], key.public)
            for key in given
            if key.public.fingerprint in words
        ]
        trust = Trust.of([*policy.keys, *wanted], ring, whole=False)
    if trust.believed or trust.former or (policy is not None and policy.identities):
        return trust
    if trust.revoked:
        names = ", ".join(key.name for key in trust.revoked)
        raise InputError(f"no key to verify with: {names} is revoked (`ironhull key list`)")
    raise NoKeyError(
        "no key to verify with: give public ones with --key, or keep them in the ring "
        "(`ironhull key trust`)"
    )


def _named(path: Path, ring: Sequence[KnownKey]) -> NamedKey:
    """A key of a file, by the ring's name for it if it has one."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PEM + 1)
    except OSError as error:
        raise EnvironmentProblem(f"cannot read the key {path}: {error.strerror}") from None
    public = PublicKey.from_pem(data, str(path))
    return NamedKey(next((key.name for key in ring if key.public == public), path.name), public)


def verify_all(
    machine: Machine, references: Sequence[str], chosen: VerifyChoices | None = None
) -> list[Verdict | Unverified]:
    """The verdicts of many images, in their order; of those the predicates are left out.

    What is wrong with one image does not stop the others. InputError for keys that are none.
    """
    chosen = chosen or VerifyChoices()
    trust = chosen_trust(machine, chosen)
    places = Places(machine)
    names = list(dict.fromkeys(references))
    workers = len(os.sched_getaffinity(0))
    # A fork of a process with threads may hang; and what is waited for gains nothing by it.
    many = len(names) >= _MANY and workers > 1 and threading.active_count() == 1
    if not many or not all(map(places.local, names)):
        return [_one(machine, places, name, chosen, trust) for name in names]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    context = get_context("fork")
    given = (machine, places, chosen, trust)
    with ProcessPoolExecutor(workers, context, _Child.given, given) as pool:
        return list(pool.map(_Child.one, names, chunksize=_CHUNK))


def _one(
    machine: Machine, places: Places, reference: str, chosen: VerifyChoices, trust: Trust
) -> Verdict | Unverified:
    try:
        return verified(machine, places, reference, chosen, trust).without_predicates()
    except (InputError, EnvironmentProblem) as error:
        return Unverified(reference, str(error))


class _Child:
    """What a verifying process was given; keys are inherited, for they cannot be sent."""

    ours: tuple[Machine, Places, VerifyChoices, Trust]

    @classmethod
    def given(cls, machine: Machine, places: Places, chosen: VerifyChoices, trust: Trust) -> None:
        """Ctrl-C is for the parent, which ends its children."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        cls.ours = (machine, places, chosen, trust)

    @classmethod
    def one(cls, reference: str) -> Verdict | Unverified:
        """The verdict of one image."""
        machine, places, chosen, trust = cls.ours
        return _one(machine, places, reference, chosen, trust)


def summary_of(machine: Machine, verdict: Verdict, *, sign: bool) -> bytes:
    """A verdict as a verification summary: a statement, or a bundle signed by this machine's key.

    InputError where nothing signs here.
    """
    # Most verdicts are read by people.
    from ironhull.signing.dsse import signed_bundle
    from ironhull.verify.summary import summary_statement
    from ironhull.workspace.signing_keys import statement_signer

    statement = summary_statement(verdict)
    return signed_bundle(statement, statement_signer(machine)) if sign else statement


def attach_summary(machine: Machine, verdict: Verdict) -> None:
    """Sign a verdict as a verification summary and attach it to the images that were looked at.

    In the store, else in the registry. InputError where the name means another image by now, or
    nothing signs here; NotFoundError for an image that is in neither.
    """
    # What attests loads all that it can say.
    from ironhull.verify.kinds import SUMMARY
    from ironhull.verify.summary import summary
    from ironhull.workspace.attesting import attach

    said = dict.fromkeys((each.digest for each in verdict.evidence.images), summary(verdict))
    attach(machine, verdict.reference, verdict.digest, SUMMARY, said)
