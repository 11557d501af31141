"""What of a policy an admission controller can be asked: signatures, and statements by their types.

All else is decided by what statements say and what is in the image; a controller that cannot look
there lets such an image in. So what is left out is named, in the file and to whoever wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.errors import InputError
from ironhull.verify.kinds import PROVENANCES, SBOMS, SUMMARY, is_of, types_of
from ironhull.verify.policy.model import Policy
from ironhull.verify.signed import Signers
from ironhull.verify.trust import NamedKey, Trust


@dataclass(frozen=True, slots=True)
class Need:
    """So many of these keys have to have signed the image, or a statement of one of these types."""

    name: str
    """`signatures`, or the kind of statement."""
    types: tuple[str, ...]
    """Empty: the image itself."""
    keys: tuple[NamedKey, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class Made:
    """A policy for a controller: YAML documents, and the rules that are not in them."""

    text: str
    left_out: tuple[str, ...]


def needs_of(policy: Policy, trust: Trust) -> tuple[Need, ...]:
    """What can be asked, signatures first.

    InputError for a key that is only a fingerprint, and for identities.
    """
    if policy.identities:
        raise InputError(
            f"the policy names {', '.join(each.name for each in policy.identities)} by identity: a "
            "controller takes sigstore's roots from its own configuration, so that a file could "
            "not say whom it believes; export a policy of keys"
        )
    missing = {} if policy.named is None else dict(policy.named)
    for key in trust.believed:
        missing = {name: text for name, text in missing.items() if text != key.public.fingerprint}
    if missing:
        raise InputError(
            f"the policy names {', '.join(missing)} by fingerprint alone: give the public key "
            "with --key, or keep it in the ring (`ironhull key trust`)"
        )
    asked: list[tuple[str, tuple[str, ...], Signers]] = [("signatures", (), policy.signatures)]
    asked += [(each.type, types_of(each.type), each.signers) for each in policy.statements]
    if policy.provenance is not None:
        asked.append(("provenance", PROVENANCES, policy.provenance.signers))
    if policy.sbom is not None:
        asked.append(("sbom", SBOMS, policy.sbom.signers))
    return tuple(
        dict.fromkeys(
            Need(name, types, _keys(signers, trust), signers.threshold)
            for name, types, signers in asked
        )
    )


def _keys(signers: Signers, trust: Trust) -> tuple[NamedKey, ...]:
    return tuple(
        key
        for key in trust.believed
        if not signers.fingerprints or key.public.fingerprint in signers.fingerprints
    )


def left_out(policy: Policy) -> tuple[str, ...]:
    """The rules that only `ironhull verify` can decide."""
    limits = policy.vulnerabilities
    asked = {
        "timestamps": policy.timestamps is not None,
        "summaries": any(is_of(each.type, (SUMMARY,)) for each in policy.statements),
        "provenance": policy.provenance is not None,
        "sbom.matches-image": policy.sbom is not None and bool(policy.sbom.matches),
        "record": policy.record,
        "vex": policy.vex is not None,
        "age": any((policy.age.image, policy.age.scan, policy.age.advisories)),
        "vulnerabilities": limits != type(limits)(),
        "user": policy.no_root,
        "contents": bool(policy.contents),
        "base": policy.base is not None,
        "end-of-life": policy.no_end_of_life,
        "inputs": policy.inputs is not None,
        "reproduced": policy.reproduced is not None,
        "exceptions": bool(policy.exceptions),
    }
    words = {
        "provenance": "what provenance says",
        "summaries": "whether a verification summary says PASSED",
    }
    return tuple(words.get(name, name) for name, there in asked.items() if there)
