"""The SBOM is there, and has what the image has: our own reading beside it."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.verify.evidence import Verified
from ironhull.verify.facts import Case, Unknown
from ironhull.verify.kinds import SBOMS
from ironhull.verify.refusal import RefusedError
from ironhull.verify.rules.choosing import chosen, missing, outcome, some
from ironhull.verify.rules.packages import is_distribution, key_of, listed_in
from ironhull.verify.verdict import Outcome


def sbom(case: Case) -> Iterator[Outcome]:
    """Whether there is one, and whether each that counts is right: a reader may take any."""
    rule = case.policy.sbom
    if rule is None:
        return
    types = SBOMS
    found = chosen(case, types, rule.signers)
    if not found:
        yield missing(case, "sbom.present", "sbom", types, rule.signers)
        return
    yield outcome(case, "sbom.present", "pass", f"{len(found)} signed")
    if rule.matches:
        yield _matches(case, found, everything=rule.matches == "all")


def _matches(case: Case, statements: tuple[Verified, ...], *, everything: bool) -> Outcome:
    rule, needed = "sbom.matches-image", "an SBOM made of this very image"
    inventory = case.facts.inventory(case.image)
    if isinstance(inventory, Unknown):
        return outcome(case, rule, "unknown", inventory.reason, "an image that can be read")
    if inventory.unparsed:
        places = some([each.location for each in inventory.unparsed])
        text = f"packages may be missing: {places} cannot be read"
        return outcome(case, rule, "unknown", text, "an image of which every file can be read")
    there = {
        key_of(each.purl)
        for each in inventory.packages
        if each.purl and (everything or each.is_distribution)
    }
    wrong: list[str] = []
    for statement in statements:
        try:
            packages = listed_in(statement)
        except RefusedError as error:
            return outcome(case, rule, "fail", f"{error.reason}: {error}", needed)
        said = {each.key for each in packages if everything or is_distribution(each.type)}
        wrong += [
            f"omits {name} {version} ({kind})" for kind, name, version in sorted(there - said)
        ]
        wrong += [f"adds {name} {version} ({kind})" for kind, name, version in sorted(said - there)]
    if wrong:
        return outcome(case, rule, "fail", some(list(dict.fromkeys(wrong))), needed)
    return outcome(case, rule, "pass", f"{len(there)} packages, as in the image")
