"""Packages as SBOMs write them, to be compared with what is in the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ironhull.errors import MalformedError
from ironhull.inventory.model import DISTRIBUTION_TYPES, Package
from ironhull.statements import kinds
from ironhull.verify.evidence import Verified
from ironhull.verify.facts import Case
from ironhull.verify.kinds import SBOMS, is_of
from ironhull.verify.refusal import Reason, RefusedError
from ironhull.verify.rules.choosing import chosen, document
from ironhull.vex.purl import parse_purl

MAX_COMPONENTS = 200_000
_NO_PACKAGES = frozenset({"oci", "docker"})

Identity = tuple[str, str, str]
"""Name, version, architecture: what is known of an installed package and of its purl."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A package of an SBOM."""

    type: str
    name: str
    version: str
    architecture: str
    sha256: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is compared by: type, name, version."""
        return self.type, self.name, self.version


def identity(package: Package) -> Identity:
    """An installed package as `Identity`."""
    return package.name, package.version, package.architecture


def key_of(purl: str) -> tuple[str, str, str]:
    """What a package is compared by, of our own purl of it: type, name, version."""
    parsed = parse_purl(purl)
    return parsed.type, parsed.full_name, parsed.version


def is_distribution(kind: str) -> bool:
    """Whether packages of a purl's type are a distribution's."""
    return kind in DISTRIBUTION_TYPES


def listed_in(statement: Verified) -> list[Listed]:
    """The packages of an SBOM, those of the image only: no sources, no image, no files.

    RefusedError for a document that is no sound SBOM.
    """
    value = document(statement, "SBOM")
    found = (
        _spdx(value)
        if is_of(statement.type, (kinds.SPDX,))
        else _components(value.get("components"), 0)
    )
    packages = []
    for purl, sha256 in found:
        try:
            parsed = parse_purl(purl)
        except MalformedError as error:
            raise RefusedError(Reason.WRONG_STATEMENT, f"SBOM: {error}") from None
        arch = parsed.qualifiers.get("arch", "")
        if parsed.type not in _NO_PACKAGES and arch not in ("source", "src"):
            packages.append(Listed(parsed.type, parsed.full_name, parsed.version, arch, sha256))
        if len(packages) > MAX_COMPONENTS:
            raise RefusedError(Reason.TOO_LARGE, f"SBOM: more than {MAX_COMPONENTS} packages")
    return packages


def _components(value: object, depth: int) -> Iterator[tuple[str, str]]:
    """Purl and sha256 of components and of those inside of them (CycloneDX)."""
    if depth > 20:
        raise RefusedError(Reason.TOO_DEEP, "SBOM: components nested more than 20 deep")
    if value is None:
        return
    for each in _objects(value, "components"):
        purl = each.get("purl")
        if isinstance(purl, str) and purl:
            yield purl, _sha256(each.get("hashes"), "alg", "SHA-256", "content")
        yield from _components(each.get("components"), depth + 1)


def _spdx(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in _objects(value.get("packages") or [], "packages"):
        for reference in _objects(each.get("externalRefs") or [], "externalRefs"):
            locator = reference.get("referenceLocator")
            if reference.get("referenceType") == "purl" and isinstance(locator, str):
                sha256 = _sha256(each.get("checksums"), "algorithm", "SHA256", "checksumValue")
                yield locator, sha256


def _sha256(value: object, kind: str, name: str, content: str) -> str:
    for each in _objects(value or [], "hashes"):
        text = each.get(content)
        if each.get(kind) == name and isinstance(text, str):
            return text.lower()
    return ""


def _objects(value: object, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise RefusedError(Reason.WRONG_STATEMENT, f"SBOM: {what} is not a list of objects")
    return value


def checksums_of(case: Case) -> dict[Identity, str]:
    """The digests of .deb files by the verified SBOMs; unsound ones do not count."""
    signers = case.policy.sbom.signers if case.policy.sbom else case.policy.anybody
    found: dict[Identity, str] = {}
    for statement in chosen(case, SBOMS, signers):
        try:
            packages = listed_in(statement)
        except RefusedError:
            continue
        found |= {
            (each.name, each.version, each.architecture): each.sha256
            for each in packages
            if each.type == "deb" and each.sha256
        }
    return found
