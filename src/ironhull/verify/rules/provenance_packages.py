"""The packages of provenance are those of the image; where the SBOM has digests, with the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ironhull.errors import MalformedError
from ironhull.reports.words import tally
from ironhull.verify.facts import Case, Unknown
from ironhull.verify.image_facts import image_facts
from ironhull.verify.refusal import RefusedError
from ironhull.verify.rules.choosing import dependencies_of, inner, outcome, some
from ironhull.verify.rules.packages import checksums_of, identity
from ironhull.verify.verdict import Outcome
from ironhull.vex.purl import parse_purl


def provenance_packages(case: Case, said: Sequence[Mapping[str, Any]]) -> Outcome:
    """Whether each of these provenances has the image's packages, no more and no fewer."""
    rule, needed = "provenance.packages", "provenance of the packages that are in the image"
    inventory = image_facts(case).inventory(case.image)
    if isinstance(inventory, Unknown):
        return outcome(case, rule, "unknown", inventory.reason, "an image that can be read")
    there = {identity(each) for each in inventory.packages if each.type == "deb"}
    checksums = checksums_of(case)
    compared = 0
    for value in said:
        try:
            named = _debs(value)
        except (MalformedError, RefusedError) as error:
            return outcome(case, rule, "fail", str(error), needed)
        wrong = [f"not in the image: {_shown(one)}" for one in sorted(named.keys() - there)]
        wrong += [f"not in the provenance: {_shown(one)}" for one in sorted(there - named.keys())]
        for one in sorted(named.keys() & checksums.keys()):
            compared += 1
            if named[one] != checksums[one]:
                wrong.append(f"another digest than in the SBOM: {_shown(one)}")
        if wrong:
            return outcome(case, rule, "fail", some(wrong), needed)
    compares = tally(compared, "digest")
    text = f"{tally(there, 'package')}, {compares} compared with the SBOM's"
    return outcome(case, rule, "pass", text)


def _debs(provenance: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    """(name, version, architecture) → sha256 of each .deb; MalformedError for one without."""
    found: dict[tuple[str, str, str], str] = {}
    for each in dependencies_of(provenance):
        uri = each.get("uri")
        if isinstance(uri, str) and uri.startswith("pkg:deb/"):
            purl = parse_purl(uri)
            digest = inner(each, "digest", "sha256")
            if not isinstance(digest, str) or not digest:
                raise MalformedError(f"{uri:.200} without a sha256")
            key = (purl.name, purl.version, purl.qualifiers.get("arch", ""))
            if found.setdefault(key, digest) != digest:
                raise MalformedError(f"{uri:.200} with two digests")
    return found


def package_digests(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`name version` and sha256 of every package of a provenance; MalformedError."""
    named = _debs(value)
    return [(f"{name} {version}", found) for (name, version, _), found in named.items()]


def _shown(key: tuple[str, str, str]) -> str:
    return f"{key[0]} {key[1]} ({key[2]})" if key[2] else f"{key[0]} {key[1]}"
