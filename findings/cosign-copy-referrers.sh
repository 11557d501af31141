#!/bin/sh
# cosign 3.1.3: `copy` puts the image itself under the tag sha256-… of its digest, beside the tag that
# was asked for. In a registry without the referrers API that is the tag of the list of what refers to
# the image. So where the copy is there already with a list of its own, `copy --force` puts the image in
# the list's place, and the copy's SBOM and signatures are found by nobody. It ends with 0; of itself it
# says that it is deprecated.
#
# Run on Debian 12 for amd64 with go, a module proxy as go is configured here (it builds cosign, some
# minutes the first time), curl and python3; the registry's package comes from where apt is
# configured to get it, and is unpacked, not installed. Exit code 0: it is as described; 1: it has changed.
set -eu

VERSION=3.1.3
folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

apt-get download --quiet=2 -o APT::Sandbox::User=root docker-registry=2.8.2+ds1-1
dpkg-deb -x docker-registry_*.deb root
cosign="github.com/sigstore/cosign/v3/cmd/cosign@v$VERSION"
GOBIN="$folder" go install -trimpath -ldflags='-s -w' "$cosign"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
mkdir data
cat >config.json <<CONFIG
{"version": "0.1", "log": {"level": "error"}, "http": {"addr": "127.0.0.1:$port"},
 "storage": {"filesystem": {"rootdirectory": "$folder/data"}, "delete": {"enabled": true}}}
CONFIG
env -u REGISTRY_AUTH_FILE root/usr/bin/docker-registry serve config.json >log 2>&1 &
server=$!
cat >push.py <<'PYTHON'
"""The image as app:1 and as copy:1; an artifact that refers to the latter, in the list of referrers."""

import hashlib
import json
import sys
import time
import urllib.error
import urllib.request

base = f"http://localhost:{sys.argv[1]}/v2/"
TYPE = "application/vnd.oci.image."


def call(method, path, data=None, media_type="application/octet-stream"):
    url = path if path.startswith("http") else base + name + path
    request = urllib.request.Request(url, data, {"Content-Type": media_type}, method=method)
    for _ in range(300):
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.headers
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            time.sleep(0.1)
    sys.exit("the registry does not answer")


def blob(data, media_type):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    where = call("POST", "/blobs/uploads/")["Location"]
    call("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest}", data)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def manifest(tag, value, kind="manifest.v1+json"):
    value = {"schemaVersion": 2, "mediaType": TYPE + kind} | value
    data = json.dumps(value).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    call("PUT", f"/manifests/{tag or digest}", data, TYPE + kind)
    return {"mediaType": TYPE + kind, "digest": digest, "size": len(data)}


layer = b"\0" * 10240
config = {
    "os": "linux",
    "architecture": "amd64",
    "config": {},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
}
for name in ("app", "copy"):
    image = manifest(
        "1",
        {
            "config": blob(json.dumps(config).encode(), TYPE + "config.v1+json"),
            "layers": [blob(layer, TYPE + "layer.v1.tar")],
        },
    )
kind = {"artifactType": "application/vnd.example.sbom"}
sbom = {
    "config": blob(b"{}", "application/vnd.oci.empty.v1+json"),
    "layers": [blob(b"{}\n", "application/vnd.example.sbom")],
    "subject": image,
}
listed = manifest(None, kind | sbom)
manifest(image["digest"].replace(":", "-"), {"manifests": [listed | kind]}, "index.v1+json")
print(image["digest"].replace(":", "-"))
PYTHON
list=$(python3 push.py "$port")
kind() {
    curl --silent "http://localhost:$port/v2/copy/manifests/$list" \
        -H 'Accept: application/vnd.oci.image.index.v1+json' \
        -H 'Accept: application/vnd.oci.image.manifest.v1+json' |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["mediaType"].split(".")[-2])'
}
./cosign version 2>&1 | grep GitVersion
before=$(kind)
code=0
./cosign copy --force "localhost:$port/app:1" "localhost:$port/copy:1" >output.txt 2>&1 || code=$?
after=$(kind)
cut -c1-160 output.txt
echo "under the tag of the list: $before before; copy ended with $code; $after after"
if test "$before, $code, $after" = "index, 0, manifest"; then
    echo "as described: cosign $VERSION copy puts the image where its referrers are listed"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
