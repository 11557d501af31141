#!/bin/sh
# docker-registry 2.8.2 (Debian 12): a blob sent with one POST and its digest, as distribution-spec
# has it ("Single POST"), is answered with 202 and thrown away. A client that takes any success for
# the end of the push has pushed nothing; the upload that was opened stays on the disk.
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
 "storage": {"filesystem": {"rootdirectory": "$folder/data"}}}
CONFIG
cat >client.py <<'PYTHON'
"""The status of one POST with a blob and its digest, and of asking for the blob."""

import hashlib
import sys
import time
import urllib.error
import urllib.request

blob = b"all of it\n"
digest = "sha256:" + hashlib.sha256(blob).hexdigest()
base = f"http://127.0.0.1:{sys.argv[1]}/v2/app/blobs"


def call(method, path, data=None):
    headers = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(base + path, data, headers, method=method)
    for _ in range(300):
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            time.sleep(0.1)
    sys.exit("the registry does not answer")


print(call("POST", f"/uploads/?digest={digest}", blob), call("HEAD", f"/{digest}"))
PYTHON
root/usr/bin/docker-registry --version
root/usr/bin/docker-registry serve config.json >log 2>&1 &
server=$!
answers=$(python3 client.py "$port")
left=$(find data -path '*/_uploads/*' -name startedat | wc -l)
echo "one POST, then the blob: $answers; uploads left open: $left"
if test "$answers" = "202 404" && test "$left" -eq 1; then
    echo "as described: the blob of a single POST is not kept"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
