#!/bin/sh
# oras 1.3.0: an image in an OCI layout whose name has a colon, as image-spec allows for
# org.opencontainers.image.ref.name and as tools write it that keep several repositories in one
# layout, cannot be named as LAYOUT:NAME: what stands before the last colon is taken for the path. By
# digest, or with the path given apart, it is found.
#
# Run with go, a module proxy as go is configured here, and python3. Exit code 0: it is as described;
# 1: it has changed.
set -eu

VERSION=1.3.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

GOBIN="$folder" go install "oras.land/oras/cmd/oras@v$VERSION"
cat >layout.py <<'PYTHON'
"""A layout with one artifact, named app:1."""

import hashlib
import json
from pathlib import Path

blobs = Path("layout/blobs/sha256")
blobs.mkdir(parents=True)


def blob(data, media_type):
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


empty = blob(b"{}", "application/vnd.oci.empty.v1+json")
manifest = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "artifactType": "application/vnd.example.note",
    "config": empty,
    "layers": [empty],
}
named = blob(json.dumps(manifest).encode(), manifest["mediaType"])
named["annotations"] = {"org.opencontainers.image.ref.name": "app:1"}
Path("layout/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
Path("layout/oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
print(named["digest"])
PYTHON
digest=$(python3 layout.py)
./oras version | head -n 1

fetched() {
    if ./oras manifest fetch --descriptor "$@" >output.txt 2>&1; then
        echo found
    else
        echo "not found: $(head -n 1 output.txt)"
    fi
}
name=$(fetched --oci-layout layout:app:1)
by_digest=$(fetched --oci-layout "layout@$digest")
apart=$(fetched --oci-layout-path layout app:1)
echo "layout:app:1                 $name"
echo "layout@sha256:…              $by_digest"
echo "--oci-layout-path, app:1     $apart"
case "$name" in
"not found"*) ;;
*) by_digest=changed ;;
esac
if test "$by_digest" = found && test "$apart" = found; then
    echo "as described: oras $VERSION cannot be told a name with a colon behind a path"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
