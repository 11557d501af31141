"""Jobs that read our documents, and find the packages in the image itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ironhull.vex.model import VexStatement
from ironhull.vex.products import image_product
from ironhull.vex.purl import image_purl
from ironhull.vex.writing import write_openvex
from outside import grype
from outside.compat.copying import prepared
from outside.compat.model import BOTH, Run, Seen, job
from outside.compat.publication import IMAGE, PLATFORM, ironhull
from outside.compat.scanners import pairs_in
from outside.trivy import write_database

RECORD: dict[str, Any] = {
    "id": "CVE-2000-0001",
    "affected": [
        {
            "package": {"ecosystem": "Debian:13", "name": "glibc"},
            "ranges": [{"events": [{"introduced": "0"}]}],
        }
    ],
}
RENAMED = "elsewhere/renamed:1"
CDX, CDX_1_5, SPDX = "image.cdx.json", "image.cdx-1.5.json", "image.spdx.json"
# Each prints how many packages it knows; what it objects to goes to standard error.
CYCLONEDX = """
import json, sys
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = open(sys.argv[1]).read()
version = "V" + json.loads(text)["specVersion"].replace(".", "_")
problem = JsonStrictValidator(SchemaVersion[version]).validate_str(text)
if problem:
    sys.exit(repr(problem)[:300])
print(sum(bool(c.purl) for c in Bom.from_json(json.loads(text)).components))
"""
SPDX_TOOLS = """
import sys
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
document = parse_file(sys.argv[1])
problems = validate_full_spdx_document(document)
if problems:
    sys.exit(problems[0].validation_message[:300])
print(sum(any("purl" in r.reference_type for r in p.external_references)
          for p in document.packages))
"""
LIBRARY = """
import json, sys
from lib4sbom.parser import SBOMParser
parser = SBOMParser()
parser.parse_file(sys.argv[1])
print(len([p for p in parser.get_packages() if "purl" in json.dumps(p)]))
"""

BUNDLE = """
import sys
from sigstore.models import Bundle
print(len(Bundle.from_json(open(sys.argv[1]).read()).to_json()))
"""
STATEMENT = """
import json, sys
from google.protobuf.json_format import Parse
from in_toto_attestation.v1.statement import Statement
import in_toto_attestation.v1.statement_pb2 as pb
statement = Statement.copy_from_pb(Parse(open(sys.argv[1]).read(), pb.Statement()))
statement.validate()
print(len(statement.pb.subject))
"""
PURLS = """
import json, sys
from packageurl import PackageURL
found = [c["purl"] for c in json.load(open(sys.argv[1]))["components"] if "purl" in c]
found = [purl for purl in found if purl.startswith("pkg:deb/") and "arch=source" not in purl]
print(sum(PackageURL.from_string(purl).to_string() == purl for purl in found))
"""


def packages_in(path: Path) -> int:
    """Distribution packages in one of our SBOMs: what has a Debian purl, binaries only."""
    value = json.loads(path.read_text())
    if "components" in value:
        found = {each.get("purl", "") for each in value["components"]}
    else:
        found = {
            reference["referenceLocator"]
            for each in value["packages"]
            for reference in each.get("externalRefs", [])
            if reference["referenceType"] == "purl"
        }
    return len(
        {purl for purl in found if purl.startswith("pkg:deb/") and "arch=source" not in purl}
    )


def counted(run: Run, path: Path, code: int, found: int) -> Seen:
    """A count beside ours; a library's count may hold sources too."""
    if code:
        return Seen("no", says=run.last())
    wanted = packages_in(path)
    does = "yes" if found >= wanted else "partly" if found else "no"
    return Seen(does, "", f"{found} of {wanted}", "" if found else "ends well")


def scripted(run: Run, script: str, path: Path) -> Seen:
    """A Python library asked by a script that prints a number."""
    done = run("-c", script, path, PYTHONWARNINGS="ignore")
    words = done.stdout.split()
    return counted(run, path, done.returncode, int(words[-1]) if words else 0)


def purls(value: Any) -> set[str]:
    """Every Debian binary purl anywhere in a document."""
    if isinstance(value, dict):
        return {purl for item in value.values() for purl in purls(item)}
    if isinstance(value, list):
        return {purl for item in value for purl in purls(item)}
    text = str(value)
    return {text} if text.startswith("pkg:deb/") and "arch=source" not in text else set()


def converted(run: Run, path: Path, *words: Any) -> Seen:
    """A tool that prints a document of its own; its Debian purls are counted."""
    done = run(*words)
    if done.returncode:
        return Seen("no", says=run.last())
    return counted(run, path, 0, len(purls(json.loads(done.stdout))))


def trivy(run: Run, *words: Any) -> tuple[Any, ...]:
    """trivy's words with a database of its own that knows one vulnerability, of glibc."""
    cache = run.folder / "cache"
    if not cache.exists():
        write_database(cache, [RECORD])
    return (*words, "--cache-dir", cache, "--skip-db-update", "--offline-scan")


def read_sbom(run: Run, name: str) -> Seen:
    path = run.publication.folder / name
    match run.tool.name:
        case "syft":
            return converted(run, path, "convert", "-q", path, "-o", "json")
        case "trivy":
            return converted(
                run, path, *trivy(run, "sbom", "--format", "cyclonedx"), path
            )  # fmt: skip
        case "cyclonedx-python-lib":
            return scripted(run, CYCLONEDX, path)
        case "spdx-tools":
            return scripted(run, SPDX_TOOLS, path)
        case "lib4sbom":
            return scripted(run, LIBRARY, path)
    raise KeyError(run.tool.name)


@job("read CycloneDX", "syft", "trivy", "cyclonedx-python-lib", "lib4sbom")
def read_cyclonedx(run: Run) -> Seen:
    return read_sbom(run, CDX)


@job("read CycloneDX 1.5", "syft", "trivy", "cyclonedx-python-lib", "lib4sbom")
def read_cyclonedx_1_5(run: Run) -> Seen:
    return read_sbom(run, CDX_1_5)


@job("read SPDX", "syft", "trivy", "spdx-tools", "lib4sbom")
def read_spdx(run: Run) -> Seen:
    return read_sbom(run, SPDX)


@job("read image", "syft", "trivy", places=BOTH)
def read_image(run: Run) -> Seen:
    prepared(run)
    path = run.publication.folder / CDX
    reference = f"{run.host}/{IMAGE}"
    if run.tool.name == "syft":
        words: tuple[Any, ...] = (
            *("scan", "-q", f"registry:{reference}", "--platform", "linux/amd64", "-o", "json"),
        )
        return converted(run, path, *words)
    return converted(
        run, path, *trivy(run, "image", "--image-src", "remote", "--format", "cyclonedx"),
        "--insecure", "--platform", "linux/amd64", reference,
    )  # fmt: skip


@job("read VEX", "vexctl", "trivy", "grype")
def read_vex(run: Run) -> Seen:
    path = run.publication.folder / "image.vex.json"
    statements = len(json.loads(path.read_text())["statements"])
    if run.tool.name == "vexctl":
        done = run("merge", path, path)
        if done.returncode:
            return Seen("no", says=run.last())
        found = len(json.loads(done.stdout)["statements"])
        return Seen("yes" if found >= statements else "partly", "", f"{found} of {statements}")
    if run.tool.name == "grype":
        sbom = f"sbom:{run.publication.folder / CDX}"
        done = run(sbom, "-q", "-o", "json", "--vex", path, **grype_environment(run))
        return Seen("no", says=run.last()) if done.returncode else Seen("yes")
    done = run(
        *trivy(run, "sbom", "--format", "json"), "--vex", path, run.publication.folder / CDX_1_5
    )  # fmt: skip
    return Seen("no", says=run.last()) if done.returncode else Seen("yes")


def grype_environment(run: Run) -> dict[str, str]:
    """grype's settings for a database of its own that knows the same vulnerability."""
    cache = run.folder / "grype"
    if not cache.exists():
        grype.write_database(cache, [RECORD])
    return grype.environment(cache)


def of_sbom(run: Run, name: str) -> Seen:
    """What a scanner finds through one of our SBOMs."""
    path = run.publication.folder / name
    return scanned(run, f"sbom:{path}") if run.tool.name == "grype" else scanned(run, "sbom", path)


def scanned(run: Run, *words: Any) -> Seen:
    """Whether a scanner finds the one vulnerability, in each binary package of its source."""
    if run.tool.name == "grype":
        done = run(*words, "-q", "-o", "json", **grype_environment(run))
    else:
        done = run(*trivy(run, *words, "--format", "json"))
    if done.returncode:
        return Seen("no", says=run.last())
    pairs = pairs_in(run.tool.name, json.loads(done.stdout))
    found = {package for identifier, package in pairs if identifier == RECORD["id"]}
    if not found:
        return Seen("no", says="ends well, and finds nothing")
    return Seen("yes", "", f"in {', '.join(sorted(found))}")


@job("scan CycloneDX", "trivy", "grype")
def scan_cyclonedx(run: Run) -> Seen:
    return of_sbom(run, CDX)


@job("scan CycloneDX 1.5", "trivy", "grype")
def scan_cyclonedx_1_5(run: Run) -> Seen:
    return of_sbom(run, CDX_1_5)


@job("scan SPDX", "trivy", "grype")
def scan_spdx(run: Run) -> Seen:
    return of_sbom(run, SPDX)


def of_image(run: Run, *more: Any, name: str = IMAGE) -> Seen:
    """What a scanner finds in the image itself, as a registry gives it."""
    reference = f"{run.host}/{name}"
    if run.tool.name == "grype":
        return scanned(run, f"registry:{reference}", "--platform", PLATFORM, *more)
    return scanned(
        run, "image", "--image-src", "remote", "--insecure", "--scanners", "vuln",
        "--platform", PLATFORM, *more, reference,
    )  # fmt: skip


@job("scan image", "trivy", "grype", places=BOTH)
def scan_image(run: Run) -> Seen:
    return of_image(run)


@job("scan with OpenVEX", "trivy", "grype", places=BOTH)
def scan_with_openvex(run: Run) -> Seen:
    return left_out(of_image(run, "--vex", openvex(run)))


@job("scan platform with OpenVEX", "trivy", "grype", places=BOTH)
def scan_platform_with_openvex(run: Run) -> Seen:
    name = f"{IMAGE.partition(':')[0]}@{run.publication.platform}"
    return left_out(of_image(run, "--vex", openvex(run), name=name))


@job("scan renamed image with OpenVEX", "trivy", "grype", places=BOTH)
def scan_renamed_with_openvex(run: Run) -> Seen:
    ironhull(
        run.publication.folder / "zstd",
        *("push", IMAGE, f"{run.host}/{RENAMED}", "--no-record", "--no-referrers"),
    )
    return left_out(of_image(run, "--vex", openvex(run), name=RENAMED))


def openvex(run: Run) -> Path:
    """A document as `ironhull vex create` writes it: of libc6 in the image, not affected."""
    publication = run.publication
    components = json.loads((publication.folder / CDX).read_text())["components"]
    packages = {each["purl"] for each in components if each.get("name") == "libc6"}
    name, digest, platform = IMAGE, publication.digest, publication.platform
    product = image_product(name, digest, platform, packages)
    statement = VexStatement(
        (RECORD["id"],), (product,), "not_affected", "vulnerable_code_not_present"
    )
    path = run.folder / "vex.json"
    subject = image_purl(name, digest)
    path.write_text(write_openvex([statement], subject, "2026-01-01T00:00:00Z"))
    return path


def left_out(seen: Seen) -> Seen:
    """The answer where a VEX should have left out what a scan would find."""
    if seen.does == "yes":
        return Seen("no", "", seen.survive, "ends well, and finds it all the same")
    return Seen("yes") if seen.says.startswith("ends well") else seen


@job("scan with VEX", "trivy")
def scan_with_vex(run: Run) -> Seen:
    sbom = run.publication.folder / CDX_1_5
    value = json.loads(sbom.read_text())
    serial = value["serialNumber"].removeprefix("urn:uuid:")
    affects = [
        {"ref": f"urn:cdx:{serial}/{value.get('version', 1)}#{quote(each['bom-ref'], safe='')}"}
        for each in value["components"]
        if each.get("purl", "").startswith("pkg:deb/")
    ]
    vex = run.folder / "vex.cdx.json"
    vex.write_text(
        json.dumps(
            {
                "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
                "vulnerabilities": [
                    {"id": RECORD["id"], "affects": affects, "analysis": {"state": "not_affected"}}
                ],
            }
        )
    )  # fmt: skip
    return left_out(scanned(run, "sbom", "--vex", vex, sbom))


def read_by_library(run: Run, script: str, name: str) -> Seen:
    """A script that ends well where the library takes the document."""
    done = run("-c", script, run.publication.folder / name, PYTHONWARNINGS="ignore")
    return Seen("no", says=run.last()) if done.returncode else Seen("yes")


@job("read bundle", "sigstore")
def read_bundle(run: Run) -> Seen:
    return read_by_library(run, BUNDLE, "bundle.json")


@job("read statement", "in-toto-attestation")
def read_statement(run: Run) -> Seen:
    return read_by_library(run, STATEMENT, "statement.json")


@job("read purls", "packageurl-python")
def read_purls(run: Run) -> Seen:
    return scripted(run, PURLS, run.publication.folder / CDX)
