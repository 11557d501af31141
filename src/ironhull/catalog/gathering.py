"""What other rooms found out about an image, as the catalog's facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ironhull.catalog.facts import (
    AttestationFacts,
    FindingFacts,
    InputFacts,
    LayerFacts,
    PackageFacts,
    PlatformFacts,
    ProvenanceFacts,
    ScanFacts,
    Status,
)
from ironhull.inventory.model import Inventory
from ironhull.json_fields import an_object, decode, objects, text
from ironhull.lock.model import Lock, LockedPackage, ReasonKind
from ironhull.scan.explain import advice, compared
from ironhull.scan.model import Finding, ScanResult

MAX_INPUTS = 5000
_SOURCE, _RELEASE, _PACKAGE = "ironhull:source/", "ironhull:release/", "pkg:"
_NAMED = 3


def platform_facts(
    inventory: Inventory, platform: str, reasons: Mapping[str, str]
) -> PlatformFacts:
    """The image of one platform; `reasons`: why a package is in it, as `reasons_in` gives them."""
    config, surface = inventory.config, inventory.surface
    by_layer: dict[str, list[str]] = {}
    for each in inventory.packages:
        by_layer.setdefault(each.layer, []).append(f"{each.name} {each.version}".strip())
    return PlatformFacts(
        platform=platform,
        digest=str(inventory.image.manifest or inventory.image.digest or ""),
        created=config.created,
        distribution=inventory.distribution.label,
        size=sum(layer.size for layer in inventory.layers),
        uncompressed=surface.size,
        files=surface.files,
        user=config.user,
        entrypoint=config.entrypoint,
        command=config.cmd,
        working_directory=config.working_dir,
        ports=config.ports,
        environment=tuple(each.partition("=")[0] for each in config.env),
        labels=dict(config.labels),
        shells=len(surface.shells),
        package_managers=len(surface.package_managers),
        setuid=len(surface.setuid) + len(surface.setgid),
        packages=tuple(
            PackageFacts(
                each.name,
                each.version,
                each.type,
                each.source,
                each.source_version,
                each.architecture,
                each.licenses,
                each.location,
                each.layer,
                _why(each.name, each.type, each.owned_by, reasons),
            )
            for each in inventory.packages
        ),
        layers=tuple(
            LayerFacts(
                layer.digest,
                layer.size,
                layer.uncompressed,
                layer.files,
                layer.created_by,
                tuple(by_layer.get(layer.digest, ())),
            )
            for layer in inventory.layers
        ),
    )


def _why(name: str, kind: str, owner: str, reasons: Mapping[str, str]) -> str:
    if kind == "deb":
        return reasons.get(name, "")
    return f"part of the package {owner}" if owner else ""


def reasons_in(lock: Lock) -> dict[str, dict[str, str]]:
    """Platform → package → why it is in, in words."""
    return {
        platform: {each.name: _reason(each) for each in locked.packages}
        for platform, locked in lock.platforms.items()
    }


def _reason(package: LockedPackage) -> str:
    asked = next((r for r in package.reasons if r.kind is ReasonKind.REQUESTED), None)
    if asked is not None:
        return f"asked for by the definition ({asked.by})"
    names = list(dict.fromkeys(reason.by for reason in package.reasons))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"needed by {', '.join(names[:_NAMED])}{more}" if names else ""


def scan_facts(result: ScanResult, manifest: str) -> ScanFacts:
    """What a scan said of one platform's image."""
    return ScanFacts(
        manifest,
        result.scanned,
        result.database.date,
        result.verdict,
        tuple(dict.fromkeys(each.message for each in result.warnings)),
        tuple(map(_finding, result.findings)),
    )


MAX_STATEMENT = 2000
"""Signs of what somebody else said of a finding."""


def with_said(plain: ScanFacts, said: ScanResult, signers: Mapping[str, str]) -> ScanFacts:
    """A scan's facts with attached VEX applied; `signers`: name of a document → who signed it.

    Each finding of which one of them says something has its status before, and who said it. That
    nothing in a document fits the image is no news here.
    """
    before = {_key(each): each.status for each in plain.findings}
    findings = []
    for each in map(_finding, said.findings):
        if each.evidence in signers:
            each = replace(
                each,
                statement=each.statement[:MAX_STATEMENT],
                said_by=signers[each.evidence],
                before=before.get(_key(each)),
            )
        findings.append(each)
    used = {each.evidence for each in findings if each.said_by}
    remarks = [each.message for each in said.warnings if each.subject in used]
    warnings = tuple(dict.fromkeys((*plain.warnings, *remarks)))
    return replace(plain, findings=tuple(findings), warnings=warnings)


def _key(each: FindingFacts) -> tuple[str, ...]:
    return each.id, each.package, each.version, each.location


def _finding(each: Finding) -> FindingFacts:
    vex = each.vex
    return FindingFacts(
        id=each.id,
        package=each.package,
        version=each.version,
        source=each.source,
        type=each.type,
        location=each.location,
        severity=each.severity,
        status=_status(each),
        why=compared(each),
        advice=advice(each),
        justification=vex.justification if vex else "",
        statement=vex.statement if vex else "",
        evidence=vex.document if vex else "",
        fix_state=each.fix_state.value,
        fixed_version=each.fixed_version,
        cvss=each.cvss,
        exploited=bool(each.kev),
        title=each.title,
        published=each.published,
        feed=each.feed,
    )


def _status(finding: Finding) -> Status:
    if finding.suppressed and finding.vex is not None:
        return "fixed" if finding.vex.status == "fixed" else "not_affected"
    return "unknown" if finding.unknown else "affected"


def attestation_facts(kind: str, found: Any, platform: str) -> AttestationFacts:
    """One attachment as `attest.listing` lists it."""
    created = found.manifest.annotations.get("org.opencontainers.image.created", "")
    return AttestationFacts(kind, found.type, found.digest, platform, created)


def provenance_facts(predicate: bytes) -> ProvenanceFacts:
    """What a SLSA provenance says an image was made of; MalformedError for what is none."""
    where = "provenance"
    value = decode(predicate, where)
    built = an_object(value, "buildDefinition", where)
    given = an_object(built, "externalParameters", where)
    roles = {
        text(an_object(given, key, where), "path", where): key for key in ("definition", "lock")
    }
    roles.pop("", None)
    found: dict[str, list[InputFacts]] = {}
    for each in objects(built, "resolvedDependencies", where)[:MAX_INPUTS]:
        one = _input(each, where)
        found.setdefault(_role(one, roles), []).append(one)
    builder = an_object(an_object(value, "runDetails", where), "builder", where)
    return ProvenanceFacts(
        text(builder, "id", where),
        text(built, "buildType", where),
        next(iter(found.get("definition", ())), None),
        next(iter(found.get("lock", ())), None),
        tuple(found.get("source", ())),
        tuple(found.get("archive", ())),
        tuple(found.get("package", ())),
        tuple(found.get("other", ())),
    )


def _input(each: dict[str, Any], where: str) -> InputFacts:
    uri, digests = text(each, "uri", where), an_object(each, "digest", where)
    digest = next((f"{kind}:{value}" for kind, value in digests.items()), "")
    name = text(each, "name", where) or uri.removeprefix(_SOURCE)
    said = an_object(each, "annotations", where)
    archive = [text(said, key, where) for key in ("repository", "suite")]
    known = uri.startswith(_PACKAGE) and all(archive)
    return InputFacts(name, uri, digest, f"{_RELEASE}{'/'.join(archive)}" if known else "")


def _role(one: InputFacts, roles: Mapping[str, str]) -> str:
    if one.uri.startswith(_SOURCE):
        return roles.get(one.uri.removeprefix(_SOURCE), "source")
    if one.uri.startswith(_PACKAGE):
        return "package"
    return "archive" if one.uri.startswith(_RELEASE) else "other"
