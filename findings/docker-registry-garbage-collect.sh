#!/bin/sh
# docker-registry 2.8.2 (Debian 12): `garbage-collect --delete-untagged` deletes the platforms of an
# index that has a tag, because they have none of their own. The tag and the index stay and answer;
# what the index lists is gone.
#
# Run on Debian 12 for amd64 with python3; the package comes from where apt is configured to get
# it, and is unpacked, not installed. Exit code 0: it is as described; 1: it has changed.
set -eu

folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

apt-get download --quiet=2 -o APT::Sandbox::User=root docker-registry=2.8.2+ds1-1
dpkg-deb -x docker-registry_*.deb root
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
mkdir data
cat >config.json <<CONFIG
{"version": "0.1", "log": {"level": "error"}, "http": {"addr": "127.0.0.1:$port"},
 "storage": {"filesystem": {"rootdirectory": "$folder/data"}, "delete": {"enabled": true}}}
CONFIG
cat >client.py <<'PYTHON'
"""`push PORT`: an index of one image under the tag 1; `ask PORT`: the statuses of both."""

import hashlib
import json
import sys
import time
import urllib.error
import urllib.request

verb, port = sys.argv[1:]
base = f"http://127.0.0.1:{port}/v2/app"
TYPE = "application/vnd.oci.image."


def call(method, path, data=None, media_type="application/octet-stream"):
    url = path if path.startswith("http") else base + path
    accept = f"{TYPE}index.v1+json, {TYPE}manifest.v1+json"
    headers = {"Content-Type": media_type, "Accept": accept}
    request = urllib.request.Request(url, data, headers, method=method)
    for _ in range(300):
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers
        except urllib.error.URLError:
            time.sleep(0.1)
    sys.exit("the registry does not answer")


def descriptor(data, media_type):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return {"mediaType": TYPE + media_type, "digest": digest, "size": len(data)}


platform = {"os": "linux", "architecture": "amd64"}
config = json.dumps(platform | {"rootfs": {"type": "layers", "diff_ids": []}}).encode()
image = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": TYPE + "manifest.v1+json",
        "config": descriptor(config, "config.v1+json"),
        "layers": [],
    }
).encode()
listed = descriptor(image, "manifest.v1+json") | {"platform": platform}
index = json.dumps(
    {"schemaVersion": 2, "mediaType": TYPE + "index.v1+json", "manifests": [listed]}
).encode()
if verb == "push":
    _, headers = call("POST", "/blobs/uploads/")
    where = headers["Location"]
    mark = "&" if "?" in where else "?"
    call("PUT", f"{where}{mark}digest={descriptor(config, '')['digest']}", config)
    call("PUT", f"/manifests/{listed['digest']}", image, TYPE + "manifest.v1+json")
    print(call("PUT", "/manifests/1", index, TYPE + "index.v1+json")[0])
else:
    print(call("GET", "/manifests/1")[0], call("GET", f"/manifests/{listed['digest']}")[0])
PYTHON
serve() {
    root/usr/bin/docker-registry serve config.json >log 2>&1 &
    server=$!
}
root/usr/bin/docker-registry --version
serve
python3 client.py push "$port" >/dev/null
before=$(python3 client.py ask "$port")
kill "$server"
wait "$server" || true
root/usr/bin/docker-registry garbage-collect --delete-untagged config.json >collected 2>&1
serve
after=$(python3 client.py ask "$port")
echo "index and platform before: $before"
echo "and after:                 $after"
if test "$before" = "200 200" && test "$after" = "200 404"; then
    echo "as described: the platform of a tagged index was taken for garbage"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
