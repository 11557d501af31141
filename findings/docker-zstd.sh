#!/bin/sh
# docker.io 20.10.24 (Debian 12): an image with a zstd layer, which image-spec has had since 1.0.2, is
# pulled to its end and then refused as a broken tar ("unexpected EOF", "invalid tar header"): nothing
# says that it is the compression. The same image with gzip is pulled.
#
# Run on Debian 12 for amd64 as root with python3, zstd, containerd and runc; the packages named come
# from where apt is configured to get them, and are unpacked, not installed. The daemon touches no
# network and no packet filter. Exit code 0: it is as described; 1: it has changed.
set -eu

folder=$(mktemp -d)
server=
daemon=
end() {
    test -z "$daemon" || { kill "$daemon" && wait "$daemon" || true; }
    test -z "$server" || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap end EXIT
cd "$folder"

apt-get download --quiet=2 -o APT::Sandbox::User=root \
    docker-registry=2.8.2+ds1-1 docker.io=20.10.24+dfsg1-1+deb12u1+b6
for package in *.deb; do dpkg-deb -x "$package" root; done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
mkdir data
cat >config.json <<CONFIG
{"version": "0.1", "log": {"level": "error"}, "http": {"addr": "127.0.0.1:$port"},
 "storage": {"filesystem": {"rootdirectory": "$folder/data"}}}
CONFIG
echo hello >hello
tar --owner=0 --group=0 --numeric-owner -cf layer hello
gzip -kn layer
zstd -q -k layer -o layer.zst
cat >push.py <<'PYTHON'
"""One layer as app:gzip and as app:zstd."""

import hashlib
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

base = f"http://127.0.0.1:{sys.argv[1]}/v2/app"
TYPE = "application/vnd.oci.image."


def call(method, path, data=None, media_type="application/octet-stream"):
    url = path if path.startswith("http") else base + path
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
    return {"mediaType": TYPE + media_type, "digest": digest, "size": len(data)}


diff_id = "sha256:" + hashlib.sha256(Path("layer").read_bytes()).hexdigest()
config = {
    "os": "linux",
    "architecture": "amd64",
    "config": {},
    "rootfs": {"type": "layers", "diff_ids": [diff_id]},
}
for name, file in (("gzip", "layer.gz"), ("zstd", "layer.zst")):
    manifest = {
        "schemaVersion": 2,
        "mediaType": TYPE + "manifest.v1+json",
        "config": blob(json.dumps(config).encode(), "config.v1+json"),
        "layers": [blob(Path(file).read_bytes(), f"layer.v1.tar+{name}")],
    }
    call("PUT", f"/manifests/{name}", json.dumps(manifest).encode(), manifest["mediaType"])
PYTHON
root/usr/bin/docker-registry serve config.json >log 2>&1 &
server=$!
python3 push.py "$port"
root/usr/sbin/dockerd --version
root/usr/sbin/dockerd --data-root="$folder/state" --exec-root="$folder/exec" --pidfile="$folder/pid" \
    --host="unix://$folder/socket" --bridge=none --iptables=false --ip6tables=false \
    --ip-masq=false --ip-forward=false --storage-driver=vfs >daemon.log 2>&1 &
daemon=$!
for _ in $(seq 300); do
    root/usr/bin/docker --host "unix://$folder/socket" version >/dev/null 2>&1 && break
    sleep 0.2
done
pulled() {
    if root/usr/bin/docker --host "unix://$folder/socket" pull -q "127.0.0.1:$port/app:$1" \
        >output.txt 2>&1; then
        echo pulled
    else
        echo "refused: $(tail -n 1 output.txt | cut -c1-120)"
    fi
}
# zstd first: a layer that is there already is not read again.
with_zstd=$(pulled zstd)
with_gzip=$(pulled gzip)
echo "gzip: $with_gzip"
echo "zstd: $with_zstd"
case "$with_gzip, $with_zstd" in
"pulled, refused: "*ApplyLayer*)
    echo "as described: a zstd layer is taken for a broken tar"
    ;;
*)
    echo "changed: see the top of $0" >&2
    exit 1
    ;;
esac
