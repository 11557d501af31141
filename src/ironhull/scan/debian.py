"""Debian's rules: from the claims of tracker, DSAs and OSV to one rule a vulnerability.

1. Only claims of the release count, and lines without release (`debian:sid`), which say from which
   version on nothing is vulnerable anywhere. A fix of another release is no fix in this one.
2. Feeds are asked in this order: annotations, the tracker's export, OSV. The first one that says
   something about the release decides; a line without release decides only where none does.
3. A fixed version beats "no DSA" and "postponed", which may be older than the fix.
4. The fix of a DSA or DLA counts where the entry itself names no fix for the release. Of several
   the highest counts: the first fix was not complete.
5. A package that a feed does not have in this release at all is looked up in the nearest older
   release that had it: it was removed from the archive and is still installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ironhull.advisories.database import StoredClaim
from ironhull.advisories.ecosystems import EXPERIMENTAL, SID, order
from ironhull.advisories.model import State
from ironhull.debian.version import version_key
from ironhull.errors import MalformedError
from ironhull.scan.rules import Rule, RuleSet, rule_set

_WEAK = frozenset({State.NO_DSA, State.POSTPONED, State.UNDETERMINED})
_NO_RANK = 9
_PLAIN = frozenset({State.FIXED, State.UNFIXED})


def debian_rules(
    ecosystem: str,
    claims: Sequence[StoredClaim],
    ranks: Mapping[int, int],
    in_release: bool | None = None,
) -> RuleSet:
    """The rules of one source package in `ecosystem`. `ranks`: feed key → `rank_of` it.

    `in_release` says whether the archive has the source in this release; None: not known.
    """
    by_vulnerability: dict[str, list[StoredClaim]] = {}
    note = ""
    for rank in sorted({ranks.get(claim.feed, _NO_RANK) for claim in claims}):
        of_feed = [claim for claim in claims if ranks.get(claim.feed, _NO_RANK) == rank]
        used, older = _in_release(ecosystem, of_feed, rank, in_release)
        note = note or older
        for claim in used:
            by_vulnerability.setdefault(claim.vulnerability, []).append(claim)
    rules = (_rule(ecosystem, *each, ranks) for each in by_vulnerability.items())
    return rule_set((rule for rule in rules if rule is not None), version_key, note)


def _in_release(
    ecosystem: str, claims: Sequence[StoredClaim], rank: int, in_release: bool | None
) -> tuple[list[StoredClaim], str]:
    """The claims that concern the release, and a note if they are borrowed from another."""
    found = {claim.ecosystem for claim in claims} - {EXPERIMENTAL, SID}
    older = [name for name in found if order(name) < order(ecosystem)]
    if ecosystem in found or not older or rank == 0 or in_release:
        return [claim for claim in claims if claim.ecosystem in (ecosystem, SID)], ""
    nearest = max(older, key=order)
    # OSV leaves out what is not affected, so that silence on a release may mean either. Unless the
    # archive tells, only what has a fixed version to compare with is borrowed.
    unsure = rank > 1 and in_release is None
    borrowed = [
        claim
        for claim in claims
        if (claim.ecosystem == nearest and (claim.fixed or not unsure)) or claim.ecosystem == SID
    ]
    note = f"not in {ecosystem.replace(':', ' ')}, matched as in {nearest.replace(':', ' ')}"
    return borrowed, note if borrowed else ""


def _rule(
    ecosystem: str, vulnerability: str, claims: list[StoredClaim], ranks: Mapping[int, int]
) -> Rule | StoredClaim | None:
    if len(claims) == 1 and claims[0].state in _PLAIN and claims[0].ecosystem != SID:
        # A single claim about the release is its own rule: the most frequent case by far.
        return claims[0]
    claims.sort(key=lambda claim: (claim.ecosystem == SID, ranks.get(claim.feed, _NO_RANK)))
    entries = [claim for claim in claims if not claim.advisory]
    released = [claim for claim in entries if claim.ecosystem != SID or ecosystem == SID]
    unscoped = [claim for claim in entries if claim.ecosystem == SID]
    advised = [claim for claim in claims if claim.advisory and claim.ecosystem != SID]
    chosen = _decide(released, unscoped)
    if chosen is not None and chosen.state == State.NOT_AFFECTED:
        return None
    in_release = chosen is not None and chosen in released
    advisory = _highest(advised)
    if advisory is not None and not (
        in_release and chosen is not None and chosen.state == State.FIXED
    ):
        return _from_advisory(vulnerability, advisory, chosen, claims)
    if chosen is None:
        return None
    fixed = (chosen.fixed or "") if chosen.state == State.FIXED else ""
    return Rule(
        vulnerability=vulnerability,
        threshold=fixed,
        offered=fixed if in_release else "",
        state=chosen.state if in_release or not fixed else State.UNFIXED.value,
        urgency=_urgency(claims),
        reason=_reason(chosen, fixed if not in_release else ""),
        claim=chosen,
        others=tuple(claim for claim in claims if claim is not chosen),
    )


def _decide(released: Sequence[StoredClaim], unscoped: Sequence[StoredClaim]) -> StoredClaim | None:
    if not released:
        return unscoped[0] if unscoped else None
    chosen = released[0]
    if chosen.state in _WEAK:
        # "no-dsa" was said before the fix went into a point release.
        fixes = [claim for claim in released if claim.state == State.FIXED]
        return fixes[0] if fixes else chosen
    return chosen


def _highest(advised: Iterable[StoredClaim]) -> StoredClaim | None:
    best: StoredClaim | None = None
    for claim in advised:
        if claim.state != State.FIXED or not claim.fixed:
            continue
        try:
            if best is None or version_key(claim.fixed) > version_key(best.fixed or ""):
                best = claim
        except MalformedError:
            return claim
    return best


def _from_advisory(
    vulnerability: str,
    advisory: StoredClaim,
    chosen: StoredClaim | None,
    claims: Sequence[StoredClaim],
) -> Rule:
    fixed = advisory.fixed or ""
    return Rule(
        vulnerability=vulnerability,
        threshold=fixed,
        offered=fixed,
        state=State.FIXED.value,
        urgency=_urgency(claims),
        reason=(chosen.reason or "") if chosen is not None else "",
        claim=advisory,
        others=tuple(claim for claim in claims if claim is not advisory),
    )


def _urgency(claims: Sequence[StoredClaim]) -> str:
    words = (claim.urgency for claim in claims)
    return next((word for word in words if word and word != "not yet assigned"), "")


def _reason(chosen: StoredClaim, fixed_in_sid: str) -> str:
    own = chosen.reason or ""
    if fixed_in_sid:
        # The reason of `unimportant` stands on its own; else say why there is no fix to offer.
        return own or f"no fix in this release; fixed in {fixed_in_sid} (unstable)"
    return own


def tracker_source(source: str, source_version: str) -> tuple[str, str]:
    """The source that the tracker follows, for packages that only sign what another one built.

    `linux-signed-amd64 6.1.170+3` → `linux 6.1.170-3`; `grub-efi-amd64-signed 1+2.06+13+deb12u1` →
    `grub2 2.06-13+deb12u1`; `shim-signed 1.44~1+deb12u1+15.8-1~deb12u1` → `shim 15.8-1~deb12u1`.
    """
    if source.startswith("linux-signed-"):
        upstream, plus, revision = source_version.partition("+")
        return ("linux", f"{upstream}-{revision}") if plus else ("linux", source_version)
    if source.startswith("grub-efi-") and source.endswith("-signed"):
        parts = source_version.partition("+")[2].split("+")
        if len(parts) >= 2:
            return "grub2", f"{parts[0]}-{'+'.join(parts[1:])}"
    shim = re.search(r"\+(\d[\w.]*-.+)$", source_version) if source == "shim-signed" else None
    if shim:
        return "shim", shim[1]
    return source, source_version
