#!/bin/sh
# podman 4.3.1 (Debian 12): an image with a zstd layer (OCI image specification 1.1, media type
# …tar+zstd) is pulled, and then `podman save` without a format fails, because docker's form has no
# zstd. Yet the layer would not have been zstd: with `--format oci-archive` the same image is saved,
# and the layer is compressed anew, with gzip and so under another digest.
#
# Run as root on Debian 12 for amd64 with python3 (venv, pip); packages come from where apt and pip
# are configured to get them, and are unpacked, not installed. Exit code 0: it is as described;
# 1: it has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet zstandard==0.25.0
mkdir "$folder/debs" "$folder/root" "$folder/config"
chmod 0755 "$folder"
cd "$folder/debs"
apt-get download --quiet=2 -o APT::Sandbox::User=root \
    podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 crun=1.8.1-1+deb12u1 \
    libsubid4=1:4.13+dfsg1-1+deb12u2 libgpgme11=1.18.0-3+deb12u1 libassuan0=2.5.5-5 \
    libdevmapper1.02.1=2:1.02.185-2 libyajl2=2.1.0-3+deb12u2
for deb in *.deb; do
    dpkg-deb -x "$deb" "$folder/root"
done
cd "$folder"

cat >image.py <<'PYTHON'
"""An OCI layout with one image of one zstd layer of one file."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import zstandard

TYPE = "application/vnd.oci.image."
layout = Path("layout")
(layout / "blobs/sha256").mkdir(parents=True)


def blob(data, media_type):
    digest = hashlib.sha256(data).hexdigest()
    (layout / "blobs/sha256" / digest).write_bytes(data)
    return {"mediaType": TYPE + media_type, "digest": f"sha256:{digest}", "size": len(data)}


tar = io.BytesIO()
with tarfile.open(fileobj=tar, mode="w") as file:
    member = tarfile.TarInfo("hello")
    member.size = 5
    file.addfile(member, io.BytesIO(b"hello"))
diff_id = "sha256:" + hashlib.sha256(tar.getvalue()).hexdigest()
config = {
    "architecture": "amd64",
    "os": "linux",
    "config": {},
    "rootfs": {"type": "layers", "diff_ids": [diff_id]},
}
manifest = {
    "schemaVersion": 2,
    "mediaType": TYPE + "manifest.v1+json",
    "config": blob(json.dumps(config).encode(), "config.v1+json"),
    "layers": [blob(zstandard.compress(tar.getvalue()), "layer.v1.tar+zstd")],
}
named = blob(json.dumps(manifest).encode(), "manifest.v1+json")
named["annotations"] = {"org.opencontainers.image.ref.name": "1"}
(layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
(layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
PYTHON
venv/bin/python image.py

# Nothing of this machine's own engine is read or written.
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >config/policy.json
printf '[engine]\nconmon_path = ["%s"]\n[engine.runtimes]\ncrun = ["%s"]\n' \
    "$folder/root/usr/bin/conmon" "$folder/root/usr/bin/crun" >config/containers.conf
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' \
    "$folder/storage" "$folder/run" >config/storage.conf
export CONTAINERS_CONF="$folder/config/containers.conf"
export CONTAINERS_STORAGE_CONF="$folder/config/storage.conf"
export LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/lib/x86_64-linux-gnu"
podman() {
    "$folder/root/usr/bin/podman" --runtime crun --cgroup-manager cgroupfs "$@"
}

podman --version
image=$(podman pull --quiet --signature-policy config/policy.json oci:layout:1)
if podman save --output docker.tar "$image" 2>error.txt; then
    docker=saved
else
    docker="refused: $(tail -n 1 error.txt)"
fi
echo "podman save:                       $docker"
if podman save --quiet --format oci-archive --output oci.tar "$image" 2>error.txt; then
    layer=$(python3 -c '
import json, tarfile
with tarfile.open("oci.tar") as file:
    def read(digest):
        return file.extractfile("blobs/" + digest.replace(":", "/")).read()
    index = json.load(file.extractfile("index.json"))
    layer = json.loads(read(index["manifests"][0]["digest"]))["layers"][0]
    print(layer["mediaType"], "begins with", read(layer["digest"])[:2].hex())')
else
    layer="refused: $(tail -n 1 error.txt)"
fi
echo "podman save --format oci-archive:  $layer"

case "$docker" in
*"zstd compression is not supported for docker images"*) ;;
*) layer=changed ;;
esac
if test "$layer" = "application/vnd.oci.image.layer.v1.tar+gzip begins with 1f8b"; then
    echo "as described: the default form refuses zstd, the other one saves the layer as gzip"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
