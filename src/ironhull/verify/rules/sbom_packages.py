"""The packages of an SBOM are those of the image: our own reading of it beside it."""

from __future__ import annotations

from ironhull.reports.words import tally
from ironhull.verify.evidence import Verified
from ironhull.verify.facts import Case, Unknown
from ironhull.verify.image_facts import image_facts
from ironhull.verify.refusal import RefusedError
from ironhull.verify.rules.choosing import outcome, some
from ironhull.verify.rules.packages import is_distribution, key_of, listed_in
from ironhull.verify.verdict import Outcome


def sbom_packages(case: Case, statements: tuple[Verified, ...], *, everything: bool) -> Outcome:
    """Whether each of these SBOMs has the image's packages, those of the distribution or all."""
    rule, needed = "sbom.matches-image", "an SBOM made of this very image"
    inventory = image_facts(case).inventory(case.image)
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
    return outcome(case, rule, "pass", f"{tally(there, 'package')}, as in the image")
