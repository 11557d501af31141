#!/bin/sh
# oras 1.3.6: `cp -r` to a registry without the referrers API writes the list of an image's referrers
# (the tag sha256-…) anew for each few of them, and leaves every older list in the registry as a
# manifest without a tag: eight referrers, several lists, one of them used.
#
# Run on Debian 12 for amd64 with go, a module proxy as go is configured here, and python3; the
# registry's package comes from where apt is configured to get it, and is unpacked, not installed.
# Exit code 0: it is as described; 1: it has changed.
set -eu

VERSION=1.3.6
folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

apt-get download --quiet=2 -o APT::Sandbox::User=root docker-registry=2.8.2+ds1-1
dpkg-deb -x docker-registry_*.deb root
GOBIN="$folder" go install "oras.land/oras/cmd/oras@v$VERSION"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
mkdir data
cat >config.json <<CONFIG
{"version": "0.1", "log": {"level": "error"}, "http": {"addr": "127.0.0.1:$port"},
 "storage": {"filesystem": {"rootdirectory": "$folder/data"}, "delete": {"enabled": true}}}
CONFIG
cat >layout.py <<'PYTHON'
"""A layout with one artifact under the name 1, and eight that refer to it."""

import hashlib
import json
from pathlib import Path

blobs = Path("layout/blobs/sha256")
blobs.mkdir(parents=True)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def blob(data, media_type):
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def artifact(number, **more):
    empty = blob(b"{}", "application/vnd.oci.empty.v1+json")
    layer = blob(f"{number}\n".encode(), "text/plain")
    value = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.example.note",
        "config": empty,
        "layers": [layer],
    }
    return blob(json.dumps(value | more).encode(), MANIFEST)


root = artifact(0)
listed = [artifact(number, subject=root) for number in range(1, 9)]
named = root | {"annotations": {"org.opencontainers.image.ref.name": "1"}}
index = {"schemaVersion": 2, "manifests": [named, *listed]}
Path("layout/index.json").write_text(json.dumps(index))
Path("layout/oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
PYTHON
python3 layout.py
root/usr/bin/docker-registry serve config.json >log 2>&1 &
server=$!
./oras version | head -n 1
for _ in $(seq 300); do
    ./oras repo ls --plain-http "127.0.0.1:$port" >/dev/null 2>&1 && break
    sleep 0.1
done
./oras cp -r --from-oci-layout layout:1 --to-plain-http "127.0.0.1:$port/app:1" >output.txt
kept=$(find data -path '*/app/_manifests/revisions/sha256/*' -name link | wc -l)
lists=$((kept - 9))
used=$(./oras discover --plain-http --format json "127.0.0.1:$port/app:1" |
    python3 -c 'import json, sys; print(len(json.load(sys.stdin)["referrers"]))')
echo "referrers listed: $used; lists in the registry: $lists"
if test "$used" -eq 8 && test "$lists" -gt 1; then
    echo "as described: the lists that were replaced are still there"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
