#!/bin/sh
# skopeo 1.18.0 (Debian 13): `copy --all` of an index whose images have zstd layers writes the index
# anew, with the annotation io.github.containers.compression.zstd on each entry. The copy has another
# digest, what is signed about the index is not about it, and skopeo ends well. With gzip layers it is
# copied as it is; with --preserve-digests skopeo refuses the zstd one.
#
# Run as root on Debian for amd64 with mmdebstrap, zstd and python3; the packages come from where apt
# is configured to get them. Exit code 0: it is as described; 1: it has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
mmdebstrap --quiet --variant=apt --aptopt='APT::Install-Recommends "false"' \
    --include=skopeo=1.18.0+ds1-1+b5 trixie root "$mirror" 2>mmdebstrap.txt ||
    { cat mmdebstrap.txt >&2; exit 2; }
cat >layout.py <<'PYTHON'
"""root/NAME: a layout with an index of one image, its layer packed with NAME; prints the digest."""

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

name = sys.argv[1]
blobs = Path("root", name, "blobs/sha256")
blobs.mkdir(parents=True)
TYPE = "application/vnd.oci.image."


def blob(data, media_type):
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": TYPE + media_type, "digest": f"sha256:{digest}", "size": len(data)}


layer = b"\0" * 10240
if name == "gzip":
    packed = gzip.compress(layer, mtime=0)
else:
    packed = subprocess.run(["zstd", "-q"], input=layer, capture_output=True, check=True).stdout
platform = {"os": "linux", "architecture": "amd64"}
diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
config = platform | {"config": {}, "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
manifest = {
    "schemaVersion": 2,
    "mediaType": TYPE + "manifest.v1+json",
    "config": blob(json.dumps(config).encode(), "config.v1+json"),
    "layers": [blob(packed, f"layer.v1.tar+{name}")],
}
entry = blob(json.dumps(manifest).encode(), "manifest.v1+json") | {"platform": platform}
index = {"schemaVersion": 2, "mediaType": TYPE + "index.v1+json", "manifests": [entry]}
named = blob(json.dumps(index).encode(), "index.v1+json")
print(named["digest"])
named["annotations"] = {"org.opencontainers.image.ref.name": "1"}
listed = {"schemaVersion": 2, "manifests": [named]}
Path("root", name, "index.json").write_text(json.dumps(listed))
Path("root", name, "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
PYTHON
skopeo() { chroot root skopeo --insecure-policy "$@"; }
copied() {
    before=$(python3 layout.py "$1")
    skopeo copy --quiet --all "oci:/$1:1" "oci:/copy-$1:1"
    after=$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' "root/copy-$1/index.json")
    if test "$before" = "$after"; then echo kept; else echo changed; fi
}
skopeo --version
with_gzip=$(copied gzip)
with_zstd=$(copied zstd)
if skopeo copy --quiet --all --preserve-digests oci:/zstd:1 oci:/preserved:1 2>preserved.txt; then
    preserved=copied
else
    preserved=refused
fi
echo "digest of an index of gzip images: $with_gzip"
echo "digest of an index of zstd images: $with_zstd; with --preserve-digests: $preserved"
if test "$with_gzip, $with_zstd, $preserved" = "kept, changed, refused"; then
    echo "as described: the copy of the zstd one has another digest"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
