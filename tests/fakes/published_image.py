"""An image with everything that a strict policy asks for, and ways to change one thing of it.

shop = published(tmp_path)                       # passes
shop = published(tmp_path, sbom=without_curl)    # one thing changed: see the parameters
shop.verdict()
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import yaml

from ironhull.settings import Settings
from ironhull.statements import kinds
from ironhull.verify.policy.reader import read_policy
from ironhull.verify.verdict import Verdict
from ironhull.workspace.machine import Machine
from ironhull.workspace.verifying import VerifyChoices, verify
from tests.fakes.advisories import database, osv, write_records
from tests.fakes.signed_image import SIGNATURE, SignedImage, same
from tests.fakes.signer import FakeSigner

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CREATED = "2026-11-20T00:00:00Z"
FINGERPRINT = "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8"
DEBS = {"openssl": ("3.0.11-1", "11" * 32), "zlib1g": ("1:1.2.13-1", "22" * 32)}
RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n'
MODEL = "v2026.06.15"
FILES = {
    "etc/os-release": RELEASE,
    "var/lib/dpkg/status": "\n".join(
        f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
        for name, (version, _) in DEBS.items()
    ),
    "etc/passwd": "root:x:0:0::/:/bin/false\nnode:x:1000:1000::/:/bin/false\nzero:x:0:0::/:/\n",
}
Change = Callable[[Any], Any]


def purl(name: str, version: str) -> str:
    return f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12"


def sbom() -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [
            {"type": "operating-system", "name": "debian", "version": "12"},
            *(
                {
                    "type": "library",
                    "name": name,
                    "version": version,
                    "purl": purl(name, version),
                    "hashes": [{"alg": "SHA-256", "content": digest}],
                }
                for name, (version, digest) in DEBS.items()
            ),
        ],
    }


def spdx() -> dict[str, Any]:
    return {
        "spdxVersion": "SPDX-2.3",
        "packages": [
            {
                "name": name,
                "versionInfo": version,
                "externalRefs": [
                    {"referenceType": "purl", "referenceLocator": purl(name, version)}
                ],
                "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
            }
            for name, (version, digest) in DEBS.items()
        ],
    }


def provenance() -> dict[str, Any]:
    return {
        "buildDefinition": {
            "buildType": "https://ironhull.io/build/v1",
            "externalParameters": {"definition": {"path": "images/app/1.yaml"}},
            "resolvedDependencies": [
                *(
                    {
                        "uri": purl(name, version),
                        "digest": {"sha256": digest},
                        "annotations": {"repository": "debian", "suite": "bookworm"},
                    }
                    for name, (version, digest) in DEBS.items()
                ),
                {
                    "uri": "ironhull:release/debian/bookworm",
                    "digest": {"sha256": "33" * 32},
                    "annotations": {"signedBy": [FINGERPRINT]},
                },
                {
                    "uri": f"openpgp4fpr:{FINGERPRINT.lower()}",
                    "digest": {"sha1": FINGERPRINT.lower()},
                },
            ],
        },
        "runDetails": {"builder": {"id": "https://ironhull.io/builder/release"}},
    }


def scan(finished: str = "2026-11-27T00:00:00Z") -> dict[str, Any]:
    return {
        "scanner": {"uri": "https://ironhull.io/", "db": {"lastUpdate": "2026-11-26"}},
        "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished},
    }


def vex(status: str = "not_affected", when: str = "2026-11-21T00:00:00Z") -> dict[str, Any]:
    statement = {
        "vulnerability": {"name": "CVE-2026-0001"},
        "products": [{"@id": "pkg:deb/debian/openssl"}],
        "status": status,
        "timestamp": when,
    }
    if status == "not_affected":
        statement["justification"] = "vulnerable_code_not_present"
        statement["impact_statement"] = "the engine is not built"
    else:
        statement["action_statement"] = "wait for the fix"
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.org/vex/1",
        "author": "Security team",
        "timestamp": when,
        "version": 1,
        "statements": [statement],
    }


def policy(image: SignedImage) -> dict[str, Any]:
    layers = image.layout.document(image.manifests[0].digest).config.digest
    diff_ids = json.loads(image.layout.blobs.read(layers))["rootfs"]["diff_ids"]
    by = {"by": ["release"]}
    return {
        "version": 1,
        "name": "strict",
        "keys": {"release": "release.pub", "ci": "ci.pub"},
        "signatures": {"by": ["release", "ci"], "threshold": 2},
        "statements": [{"type": "vulnerabilities", **by}],
        "provenance": {
            **by,
            "builders": ["https://ironhull.io/builder/*"],
            "build-types": ["https://ironhull.io/build/v1"],
            "sources": ["images/*"],
            "archives": ["debian/bookworm*"],
            "archive-keys": [FINGERPRINT],
            "packages": "in-image",
        },
        "sbom": {**by, "matches-image": "all"},
        "vex": {**by, "authors": ["Security team"]},
        "age": {"image-days": 365, "scan-days": 7, "advisories-days": 7},
        "vulnerabilities": {
            "known-exploited": "deny",
            "before-vex": {"critical": 1},
            "after-vex": {"critical": 0, "high": 0},
            "fixable": 0,
            "epss": {"model": MODEL, "most": 0.1},
        },
        "user": {"root": "deny"},
        "contents": {"shell": "deny", "package-manager": "deny", "setuid": "deny"},
        "base": {"allowed": [{"name": "debian-base", "layers": diff_ids[:1]}]},
        "end-of-life": "deny",
    }


@cache
def advisories() -> Path:
    """A database with one critical vulnerability of openssl, that VEX says is not in it."""
    folder = Path(mkdtemp(prefix="ih-advisories-"))
    records = [osv("CVE-2026-0001", "openssl", {"Debian:12": "3.0.14-1"}, urgency="high")]
    kev = folder / "kev.json"
    kev.write_text(
        '{"dateReleased": "2026-11-27T00:00:00Z", "count": 1, "vulnerabilities": '
        '[{"cveID": "CVE-2020-0001", "dateAdded": "2026-01-01"}]}'
    )
    epss = folder / "epss.csv"
    epss.write_text(
        f"#model_version:{MODEL},score_date:2026-11-27T00:00:00Z\n"
        "cve,epss,percentile\nCVE-2026-0001,0.9,0.99\n"
    )
    life = folder / "releases"
    life.mkdir()
    (life / "debian.json").write_text(
        json.dumps({"releases": {"12": {"name": "12", "eol": "2028-06-30"}}})
    )
    found = database(
        folder / "advisories.sqlite",
        osv_debian=write_records(folder / "osv", records),
        kev=kev,
        epss=epss,
        endoflife=life,
    )
    found.close()
    return folder / "advisories.sqlite"


@dataclass
class Published:
    """An image with its policy, and a machine that knows advisories."""

    image: SignedImage
    ci: FakeSigner
    machine: Machine
    policy: Path

    def verdict(self, now: datetime = NOW, **chosen: Any) -> Verdict:
        return verify(
            self.machine,
            f"oci:{self.image.layout.root}",
            VerifyChoices(policy=read_policy(self.policy), now=now, **chosen),
        )

    def failed(self, **chosen: Any) -> dict[str, str]:
        """Rule → what was found, of the rules that do not hold."""
        return {each.rule: each.found for each in self.verdict(**chosen).failed}


def published(
    folder: Path,
    *,
    layers: Any = (FILES, {"app/main": "1"}),
    config: Mapping[str, Any] | None = None,
    said: Mapping[str, Change] | None = None,
    without: str = "",
    rules: Change = same,
    signed: bool = True,
    signer: FakeSigner | None = None,
) -> Published:
    """`said`: kind → a change of what its statement says; `rules`: a change of the policy.

    `signer` signs the statements in the place of the release key.
    """
    folder.mkdir(parents=True, exist_ok=True)
    image = SignedImage(
        folder,
        signed=False,
        platforms=("linux/amd64",),
        index=False,
        layers=layers,
        config={"User": "1000"} if config is None else config,
    )
    ci, root = FakeSigner(), image.descriptor(image.root.digest)
    image.waiting = []
    if signed:
        image.attach(root, SIGNATURE, {}, signers=(image.signer, ci))
    for kind, predicate in {
        kinds.CYCLONEDX: sbom(),
        kinds.SPDX: spdx(),
        kinds.PROVENANCE: provenance(),
        kinds.VULNERABILITIES: scan(),
        kinds.VEX: vex(),
    }.items():
        change = (said or {}).get(kind, same)
        if kind != without:
            image.attach(root, kind, change(predicate), signers=(signer or image.signer,))
    image.list_waiting()
    (folder / "release.pub").write_bytes(image.signer.public.pem)
    (folder / "ci.pub").write_bytes(ci.public.pem)
    file = folder / "strict.yaml"
    file.write_text(yaml.safe_dump(rules(policy(image)), sort_keys=False))
    machine = Machine(Settings(folder / "home", folder, max_advisory_age=None))
    machine.home.advisories.parent.mkdir(parents=True)
    shutil.copy(advisories(), machine.home.advisories)
    return Published(image, ci, machine, file)
