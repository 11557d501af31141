"""Who has to have signed: the image itself, or a statement about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ironhull.reports.words import tally
from ironhull.statements.kinds import SIGNATURE
from ironhull.values import dataclass
from ironhull.verify.evidence import Evidence, Refused, Subject, Verified
from ironhull.verify.trust import Signer
from ironhull.verify.verdict import Outcome

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Signers:
    """So many different keys, of these; of any that is believed if none is named."""

    threshold: int = 1
    names: tuple[str, ...] = ()
    fingerprints: frozenset[str] = frozenset()

    def counted(self, signers: Iterable[Signer]) -> tuple[Signer, ...]:
        """Those that count, each key once."""
        found = {each.fingerprint: each for each in signers}
        if self.fingerprints:
            found = {key: each for key, each in found.items() if key in self.fingerprints}
        return tuple(sorted(found.values()))

    @property
    def words(self) -> str:
        """`2 of release, ci`."""
        named = ", ".join(self.names) or "the keys that are believed"
        return f"{self.threshold} of {named}"


ANYBODY = Signers()


def signed(evidence: Evidence, wanted: Signers = ANYBODY, rule: str = "signatures") -> Outcome:
    """Whether what the reference stands for is signed; an index binds its manifests by digest."""
    root = evidence.root
    statements = root.of_type((SIGNATURE,))
    found = wanted.counted(signer for each in statements for signer in each.signers)
    if len(found) >= wanted.threshold:
        return Outcome(rule, "pass", f"signed by {_names(found)}")
    what = f"signed by {_names(found)} alone" if found else "no signature that counts"
    if not found and root.statements:
        what += f" ({tally(root.statements, 'statement')} about it, but no signature of the image)"
    needed = f"signatures of {root.digest} by {wanted.words}"
    return Outcome(rule, "fail", what + refusals(root, (SIGNATURE, "")), needed)


def agreed(statements: Sequence[Verified], wanted: Signers) -> tuple[Verified, ...]:
    """The statements that enough keys have signed, word by word the same."""
    signers: dict[bytes, list[Signer]] = {}
    for each in statements:
        signers.setdefault(each.predicate, []).extend(each.signers)
    enough = {
        predicate
        for predicate, found in signers.items()
        if len(wanted.counted(found)) >= wanted.threshold
    }
    return tuple(each for each in statements if each.predicate in enough)


def refusals(subject: Subject, types: Sequence[str]) -> str:
    """`; refused: …`: why what is there of these types does not count; empty if nothing is."""
    found = [each for each in subject.refused if not types or each.type in types]
    if not found:
        return ""
    shown = "; ".join(dict.fromkeys(map(_shown, found[:_SHOWN])))
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"; refused: {shown}{more}"


def _shown(refused: Refused) -> str:
    return f"{refused.reason}: {refused.message}"


def _names(signers: Sequence[Signer]) -> str:
    return ", ".join(map(str, signers))
