"""Images to compare, made of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ironhull.attest.listing import AttachedKind, Attachment
from ironhull.compare.compare import compare
from ironhull.compare.document import Json, document_of
from ironhull.compare.leaks import Leaks, Trace
from ironhull.compare.model import EndOfLife, MeasuredImage, Unknown
from ironhull.inventory.model import (
    Distribution,
    Exposure,
    ImageConfig,
    ImageIdentity,
    Inventory,
    Layer,
    Package,
    PasswdEntry,
    Surface,
)
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.oci.platform import Platform
from ironhull.scan.model import Assessment, DatabaseInfo, FixState, ScanResult
from ironhull.scan.model import Finding as Vulnerability

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32


def deb(name: str, version: str, **more: object) -> Package:
    return Package(
        name,
        version,
        "deb",
        "/var/lib/dpkg/status",
        source=name,
        **more,  # type: ignore[arg-type]
    )


def npm(name: str, version: str, location: str = "") -> Package:
    return Package(name, version, "npm", location or f"/app/node_modules/{name}/package.json")


def found(identifier: str, package: str, severity: str = "high", **more: object) -> Vulnerability:
    return Vulnerability(
        id=identifier,
        package=package,
        version="1",
        source=package,
        source_version="1",
        type="deb",
        location="/var/lib/dpkg/status",
        layer="",
        purl="",
        fix_state=FixState.FIXED,
        fixed_version="2",
        severity=severity,
        **more,  # type: ignore[arg-type]
    )


CLEARED = Assessment("not_affected", "vulnerable_code_not_present", "it is not built", "x", "me")


def layer(number: int, size: int = 100) -> Layer:
    kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    return Layer(f"sha256:{number:064x}", None, kind, size, size * 3, 5, "RUN make")


def scanned(*findings: Vulnerability, verdict: str = "complete", **more: object) -> ScanResult:
    return ScanResult(
        "image",
        DIGEST,
        "debian-12",
        "Debian 12",
        DatabaseInfo(
            "2026-11-20T00:00:00Z",
            (("kev", "2026-11-20T00:00:00Z", 1), ("osv-debian", "2026-11-20T00:00:00Z", 7)),
        ),
        findings,
        verdict=verdict,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def side(
    name: str = "app:1",
    packages: Sequence[Package] = (),
    scan: ScanResult | Unknown | None = None,
    *,
    layers: Sequence[Layer] = (layer(1), layer(2)),
    user: str = "1000",
    surface: Surface | None = None,
    **more: object,
) -> MeasuredImage:
    inventory = Inventory(
        image=ImageIdentity(name, "store", DIGEST, DIGEST, DIGEST, Platform("linux", "amd64")),  # type: ignore[arg-type]
        distribution=Distribution("debian", "12", "bookworm", "Debian 12"),
        packages=tuple(packages),
        users=(
            PasswdEntry("root", 0, 0, "/root", "/bin/sh"),
            PasswdEntry("app", 1000, 1000, "/", "/bin/sh"),
        ),
        config=ImageConfig(
            user=user,
            env=("PATH=/bin",),
            entrypoint=("/bin/app", "--serve"),
            created="2026-11-20T00:00:00Z",
            labels={"org.opencontainers.image.title": "app"},
        ),
        surface=surface or Surface(files=5, size=500, executables=2),
        layers=tuple(layers),
    )
    return MeasuredImage(inventory, scan or scanned(), (), (), **more)  # type: ignore[arg-type]


def standard() -> MeasuredImage:
    return side(
        "node:20-standard",
        [
            deb("bash", "5.2-1", licenses=("GPL-3",)),
            deb("curl", "7.88-1"),
            deb("openssl", "3.0.11-1"),
            npm("left-pad", "1.0.0"),
        ],
        scanned(
            found("CVE-2024-0001", "openssl", "critical", kev="2024-01-01", epss=0.5, cvss=9.8),
            found("CVE-2024-0002", "curl", "medium"),
            found("CVE-2024-0003", "bash", "unknown", vex=CLEARED, title="a shell"),
        ),
        user="",
        layers=[layer(1, 1000), layer(9, 5000)],
        surface=Surface(
            shells=(Exposure("/bin/sh", "sh"), Exposure("/bin/bash", "bash")),
            package_managers=(Exposure("/usr/bin/apt", "apt"),),
            setuid=(Exposure("/bin/su", "4755 uid 0"),),
            executables=200,
            libraries=50,
            files=4000,
            size=9000,
        ),
    )


def hardened() -> MeasuredImage:
    return side(
        "node:20",
        [deb("openssl", "3.0.14-1"), npm("left-pad", "1.0.0"), npm("right-pad", "1.0.0")],
        scanned(found("CVE-2024-0009", "openssl", "low", vex=CLEARED)),
        layers=[layer(1, 1000), layer(3, 500)],
        leaks=Leaks((Trace("cache", "/root/.npm/x", "3 bytes"),), (), 12, stage="node:20-dev"),
    )


def attachment(kind: AttachedKind, type_: str) -> Attachment:
    return Attachment(kind, type_, Descriptor(OCI_MANIFEST, Digest(DIGEST), 7), DIGEST)


def with_attachments(given: MeasuredImage) -> MeasuredImage:
    attached = (
        attachment("sbom", "https://spdx.dev/Document"),
        attachment("signature", "https://sigstore.dev/cosign/sign/v1"),
    )
    life = (EndOfLife("debian 12", "2026-06-10", "2028-06-30", "see Debian"),)
    return MeasuredImage(given.inventory, given.scan, attached, life, given.leaks)


def document(*sides: MeasuredImage) -> Json:
    chosen = sides or (standard(), with_attachments(hardened()))
    return document_of(compare(chosen, NOW, ["ironhull compare node:20-standard node:20"]))
