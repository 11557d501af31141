"""What is said of a patched package: bill of materials, VEX, OSV, provenance. Values, no I/O.

The order of versions says nothing about what we built: `1.2-3+ih1` sorts after Debian's fix
`1.2-3+deb13u1` and may not have it. So each document names the exact version that was built.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from packageurl import PackageURL

from ironhull import __version__
from ironhull.oci.digest import digest_of, hex_of
from ironhull.oci.document import canonical
from ironhull.patched.lock import PatchedLock
from ironhull.patched.model import PatchedSource
from ironhull.patched.pool import BuiltDeb
from ironhull.patched.recipe import STAGE
from ironhull.vex.fixes import PREFIX, SCHEMA
from ironhull.vex.model import Product, VexStatement

BUILD_TYPE = "https://ironhull.io/source-package/v1"
OSV_NAME = "{}.json"


def binary_purl(definition: PatchedSource, deb: BuiltDeb) -> str:
    """The purl of a binary package, as inventories of images have it without its source."""
    qualifiers = {"arch": deb.architecture, "distro": definition.distribution}
    return PackageURL("deb", "debian", deb.name, deb.version, qualifiers).to_string()


def source_purl(definition: PatchedSource, version: str) -> str:
    """The purl of the source package in a version."""
    qualifiers = {"arch": "source", "distro": definition.distribution}
    return PackageURL("deb", "debian", definition.source, version, qualifiers).to_string()


def fixed(definition: PatchedSource, debs: Sequence[BuiltDeb]) -> list[VexStatement]:
    """`fixed` for each vulnerability: of the exact version of each binary package."""
    products = tuple(
        Product(one)
        for one in sorted(
            # Images say what architecture they are of: a purl need not.
            PackageURL("deb", "debian", deb.name, deb.version).to_string()
            for deb in debs
        )
    )
    return [
        VexStatement(
            names=(name,),
            products=tuple(dict.fromkeys(products)),
            status="fixed",
            notes=f"{definition.source} {definition.version}: {_evidence(definition, name)}",
        )
        for name in definition.fixes
    ]


def _evidence(definition: PatchedSource, vulnerability: str) -> str:
    """`patched by x.patch (sha256:…) over 1.2-3`."""
    patches = ", ".join(
        f"{patch.name} ({digest_of(patch.content)})"
        for patch in definition.patches
        if vulnerability in patch.fixes
    )
    return f"patched by {patches} over the archive's {definition.base}"


def osv(definition: PatchedSource, modified: datetime) -> dict[str, bytes]:
    """One OSV record for each vulnerability, by its file's name."""
    found = {}
    for name in definition.fixes:
        identifier = f"{PREFIX}{name}-{definition.source}"
        release = definition.distribution.removeprefix("debian-")
        record = {
            "schema_version": SCHEMA,
            "id": identifier,
            "modified": f"{modified:%Y-%m-%dT%H:%M:%SZ}",
            "upstream": [name],
            "summary": f"{name} is fixed in {definition.source} {definition.version}",
            "details": _evidence(definition, name),
            "affected": [
                {
                    "package": {
                        "ecosystem": f"Debian:{release}",
                        "name": definition.source,
                        "purl": PackageURL(
                            "deb", "debian", definition.source, None, {"arch": "source"}
                        ).to_string(),
                    },
                    "ranges": [
                        {
                            "type": "ECOSYSTEM",
                            "events": [
                                {"introduced": definition.base},
                                {"fixed": definition.version},
                            ],
                        }
                    ],
                    "versions": [definition.base],
                }
            ],
        }
        found[OSV_NAME.format(identifier)] = canonical(record) + b"\n"
    return found


def bill(definition: PatchedSource, lock: PatchedLock, debs: Sequence[BuiltDeb]) -> bytes:
    """CycloneDX 1.6: each binary package with its pedigree, each patch with what it resolves."""
    pedigree = {
        "ancestors": [
            {
                "type": "library",
                "name": definition.source,
                "version": definition.base,
                "purl": source_purl(definition, definition.base),
                "hashes": [{"alg": "SHA-256", "content": hex_of(lock.source.dsc.sha256)}],
            }
        ],
        "patches": [
            {
                "type": "unofficial",
                "diff": {
                    "text": {
                        "contentType": "text/x-diff",
                        "encoding": "base64",
                        "content": base64.b64encode(patch.content).decode(),
                    }
                },
                "resolves": [{"type": "security", "id": name} for name in patch.fixes],
            }
            for patch in definition.patches
        ],
    }
    components = [
        {
            "type": "library",
            "bom-ref": binary_purl(definition, deb),
            "name": deb.name,
            "version": deb.version,
            "purl": binary_purl(definition, deb),
            "hashes": [{"alg": "SHA-256", "content": hex_of(deb.digest)}],
            "pedigree": pedigree,
        }
        for deb in debs
    ]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": lock.build.created,
            "component": {
                "type": "library",
                "bom-ref": source_purl(definition, definition.version),
                "name": definition.source,
                "version": definition.version,
                "purl": source_purl(definition, definition.version),
            },
        },
        "components": components,
    }
    return canonical(document) + b"\n"


def provenance(definition: PatchedSource, lock: PatchedLock, builder: str) -> bytes:
    """The SLSA v1 predicate: the source's files, patches, and all build dependencies by digest."""
    return canonical(
        {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "source": definition.source,
                    "version": definition.base,
                    "revision": definition.revision,
                    "patches": [
                        {
                            "name": patch.name,
                            "digest": {"sha256": hex_of(digest_of(patch.content))},
                            "fixes": list(patch.fixes),
                        }
                        for patch in definition.patches
                    ],
                    "profiles": list(definition.profiles),
                },
                "resolvedDependencies": list(_dependencies(lock)),
            },
            "runDetails": {
                "builder": {"id": builder, "version": {"ironhull": __version__}},
                "metadata": {"invocationId": hex_of(lock.build.request)},
            },
        }
    )


def _dependencies(lock: PatchedLock) -> list[dict[str, Any]]:
    files = {
        file.sha256: (file.file_name, f"{file.repository}/{file.path}")
        for file in lock.source.files
    } | {
        package.sha256: (package.path.rpartition("/")[2], f"{package.repository}/{package.path}")
        for platform in lock.build.platforms.values()
        for package in platform.stages[STAGE].packages
    }
    return [
        {"name": name, "uri": f"ironhull:archive/{path}", "digest": {"sha256": hex_of(digest)}}
        for digest, (name, path) in sorted(files.items(), key=lambda each: each[1])
    ]
