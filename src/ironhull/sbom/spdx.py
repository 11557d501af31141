"""A bill of materials as SPDX 2.3 JSON. Equal bills give equal bytes.

The image CONTAINS its distribution, which CONTAINS its packages, and other packages and declared
sources; these CONTAIN their files; a binary package is
GENERATED_FROM its source package and DEPENDS_ON others; a patch is PATCH_APPLIED to it. Where
nothing is known it says NOASSERTION.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count, islice
from typing import Any

import msgspec

from ironhull import __version__
from ironhull.sbom.identity import document_id, image_purl
from ironhull.sbom.model import (
    MAX_KEPT,
    Bill,
    BillFile,
    BillOrigin,
    BillPackage,
    BillPatch,
    Party,
    SourcePackage,
)

SPECIFICATION = "SPDX-2.3"
_DOCUMENT, _ROOT = "SPDXRef-DOCUMENT", "SPDXRef-image"
# What trivy reads an SPDX document by (docs/compatibility.md, *scan SPDX*): this identifier is the
# distribution's, which contains its packages, and `sourceInfo` begins so and has a source package's
# name and version and no more.
_SYSTEM, _BUILT_FROM = "SPDXRef-OperatingSystem", "built package from:"
_NONE = "NOASSERTION"


def spdx(bill: Bill) -> bytes:
    """The document as one line of JSON."""
    packages = [
        _root(bill),
        *_system(bill),
        *map(_package, bill.packages),
        *map(_origin, bill.origins),
        *map(_source, bill.sources),
        *map(_patch, dict.fromkeys(patch for one in bill.packages for patch in one.patches)),
    ]
    value: dict[str, Any] = {
        "creationInfo": {"created": bill.created, "creators": [f"Tool: ironhull-{__version__}"]},
        "packages": packages,
        "files": [
            msgspec.Raw(b'{"SPDXID":"SPDXRef-file-%d",%b' % (number, _file(file)))
            for number, file in enumerate(bill.files)
        ],
        "hasExtractedLicensingInfos": [
            {
                "licenseId": licence.id,
                "name": licence.name,
                "extractedText": licence.text or f"The package gives no text of {licence.name}.",
            }
            for licence in bill.licence_texts
        ],
        "relationships": list(_relationships(bill)),
    }
    body = msgspec.json.encode({key: item for key, item in value.items() if item != []})
    head = {
        "spdxVersion": SPECIFICATION,
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": bill.name,
        "documentNamespace": f"https://spdx.org/spdxdocs/ironhull-{document_id(body)}",
    }
    return msgspec.json.encode(head)[:-1] + b"," + body[1:]


def verification_code(files: Iterable[BillFile]) -> str:
    """SHA-1 of the files' SHA-1 in hexadecimal, sorted, put together (SPDX 2.3, 7.9)."""
    together = "".join(sorted(file.sha1 for file in files)).encode()
    return hashlib.sha1(together, usedforsecurity=False).hexdigest()


def _relationships(bill: Bill) -> Iterator[dict[str, str]]:
    # As `Bill.files` has them: those of packages, then of origins.
    numbers = count()
    yield _relation(_DOCUMENT, "DESCRIBES", _ROOT)
    if bill.distribution.known:
        yield _relation(_ROOT, "CONTAINS", _SYSTEM)
    for package in bill.packages:
        identifier = _package_id(package.id)
        inside = bill.distribution.known and package.package.is_distribution
        yield _relation(_SYSTEM if inside else _ROOT, "CONTAINS", identifier)
        for other in package.depends_on:
            yield _relation(identifier, "DEPENDS_ON", _package_id(other))
        for source in dict.fromkeys((package.source, *package.built_using)):
            if source:
                yield _relation(identifier, "GENERATED_FROM", f"SPDXRef-source-{source}")
        for patch in package.patches:
            yield _relation(_patch_id(patch), "PATCH_APPLIED", identifier)
        yield from _contained(identifier, package.files, numbers)
    for origin in bill.origins:
        yield _relation(_ROOT, "CONTAINS", _origin_id(origin))
        yield from _contained(_origin_id(origin), origin.files, numbers)


def _contained(
    identifier: str, files: Sequence[BillFile], numbers: Iterator[int]
) -> Iterator[dict[str, str]]:
    for number in islice(numbers, len(files)):
        yield _relation(identifier, "CONTAINS", f"SPDXRef-file-{number}")


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _package_id(identifier: str) -> str:
    return f"SPDXRef-package-{identifier}"


def _origin_id(origin: BillOrigin) -> str:
    return f"SPDXRef-origin-{origin.id}"


def _patch_id(patch: BillPatch) -> str:
    return f"SPDXRef-patch-{patch.id}"


def _described(
    identifier: str, name: str, version: str, purpose: str, purl: dict[str, str] | None = None
) -> dict[str, Any]:
    value: dict[str, Any] = {
        "SPDXID": identifier,
        "name": name,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "primaryPackagePurpose": purpose,
    }
    if version:
        value["versionInfo"] = version
    if purl:
        value["externalRefs"] = [purl]
    return value


def _reference(category: str, kind: str, locator: str) -> dict[str, str]:
    return {
        "referenceCategory": category,
        "referenceType": kind,
        "referenceLocator": locator,
    }


def _purl(purl: str) -> dict[str, str] | None:
    return _reference("PACKAGE-MANAGER", "purl", purl) if purl else None


def _root(bill: Bill) -> dict[str, Any]:
    return _described(_ROOT, bill.name, bill.manifest or "", "CONTAINER", _purl(image_purl(bill)))


def _system(bill: Bill) -> list[dict[str, Any]]:
    distribution = bill.distribution
    if not distribution.known:
        return []
    return [_described(_SYSTEM, distribution.id, distribution.version_id, "OPERATING-SYSTEM")]


def _source(source: SourcePackage) -> dict[str, Any]:
    identifier = f"SPDXRef-source-{source.id}"
    # Not as `purl`: who looks for vulnerabilities would take the source for one more installed
    # package, and count all that is found in its binary packages twice.
    purl = _reference("OTHER", "source-purl", source.purl)
    return _described(identifier, source.name, source.version, "SOURCE", purl)


def _patch(patch: BillPatch) -> dict[str, Any]:
    value = _described(_patch_id(patch), patch.name, "", "FILE")
    value["checksums"] = [_checksum("SHA256", patch.digest.partition(":")[2])]
    fixes = f", fixes {', '.join(patch.fixes)}" if patch.fixes else ""
    value["comment"] = f"a patch over the distribution's source{fixes}"
    return value


def _analyzed(files: Sequence[BillFile]) -> dict[str, Any]:
    if not files:
        return {}
    return {
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": verification_code(files)},
    }


def _package(said: BillPackage) -> dict[str, Any]:
    package = said.package
    purpose = "APPLICATION" if package.type == "binary" else "LIBRARY"
    value = _described(
        _package_id(said.id), package.name, package.version, purpose, _purl(package.purl)
    ) | _analyzed(said.files)
    value["licenseDeclared"] = said.licence.expression or _NONE
    if said.licence.comment:
        value["licenseComments"] = said.licence.comment
    if said.supplier:
        value["supplier"] = _party(said.supplier)
    if said.originator:
        value["originator"] = _party(said.originator)
    if said.homepage:
        value["homepage"] = said.homepage
    if said.summary:
        value["summary"] = said.summary
    if said.archive:
        value["checksums"] = [_checksum("SHA256", said.archive.partition(":")[2])]
    if said.archive_path:
        value["packageFileName"] = said.archive_path.rpartition("/")[2]
    if package.source and package.source_version:
        value["sourceInfo"] = f"{_BUILT_FROM} {package.source} {package.source_version}"
    found = f"found in {package.location}"
    value["comment"] = f"{found} of layer {package.layer}" if package.layer else found
    if said.archive_path:
        value["comment"] += f"; unpacked from {said.archive_path} of {said.repository}"
    return value


def _origin(origin: BillOrigin) -> dict[str, Any]:
    purpose = "ARCHIVE" if origin.kind == "fetched" else "FILE"
    value = _described(_origin_id(origin), origin.name, "", purpose) | _analyzed(origin.files)
    value["comment"] = origin.detail
    if origin.url:
        value["sourceInfo"] = f"fetched from {origin.url}"
    if origin.digest:
        value["checksums"] = [_checksum("SHA256", origin.digest.partition(":")[2])]
    return value


def _party(party: Party) -> str:
    return f"{party.kind}: {party.name}" + (f" ({party.email})" if party.email else "")


@lru_cache(MAX_KEPT)
def _file(file: BillFile) -> bytes:
    """All but the brace and the number, which is another in each image: written once."""
    value: dict[str, Any] = {
        # Relative to the root of the package (SPDX 2.3, 8.1).
        "fileName": f".{file.path}",
        "checksums": [_checksum("SHA1", file.sha1), _checksum("SHA256", file.sha256)],
    }
    if file.is_binary:
        value["fileTypes"] = ["BINARY"]
    return msgspec.json.encode(value)[1:]


def _checksum(algorithm: str, value: str) -> dict[str, str]:
    return {"algorithm": algorithm, "checksumValue": value}
