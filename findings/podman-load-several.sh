#!/bin/sh
# podman 4.3.1 (Debian 12): `podman load` of an OCI archive that holds two images, each with its name,
# is refused, and the last thing it says is that the archive is not a directory. What is meant is
# that it does not know which of the two to take; `podman pull oci-archive:FILE:NAME` takes one.
#
# Run as root on Debian 12 for amd64 with python3; packages come from where apt is configured to
# get them, and are unpacked, not installed. Exit code 0: it is as described; 1: it has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
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

cat >archive.py <<'PYTHON'
"""An OCI archive of two images of one file each, named a:1 and b:1."""

import gzip
import hashlib
import io
import json
import tarfile

TYPE = "application/vnd.oci.image."
files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}


def blob(data, media_type):
    digest = hashlib.sha256(data).hexdigest()
    files[f"blobs/sha256/{digest}"] = data
    return {"mediaType": TYPE + media_type, "digest": f"sha256:{digest}", "size": len(data)}


def tar(members):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for path, data in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


entries = []
for name in ("a:1", "b:1"):
    layer = tar({"name": name.encode()})
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {
            "type": "layers",
            "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()],
        },
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": TYPE + "manifest.v1+json",
        "config": blob(json.dumps(config).encode(), "config.v1+json"),
        "layers": [blob(gzip.compress(layer, mtime=0), "layer.v1.tar+gzip")],
    }
    entry = blob(json.dumps(manifest).encode(), "manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": name}
    entries.append(entry)
files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
with open("two.tar", "wb") as file:
    file.write(tar(files))
PYTHON
python3 archive.py

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
if podman load --signature-policy config/policy.json --input two.tar >output.txt 2>&1; then
    loaded=loaded
else
    loaded="refused: $(tail -n 1 output.txt)"
fi
echo "podman load:                    $loaded"
if podman pull --quiet --signature-policy config/policy.json oci-archive:two.tar:a:1 \
    >output.txt 2>&1; then
    pulled=pulled
else
    pulled="refused: $(tail -n 1 output.txt)"
fi
echo "podman pull oci-archive:…:a:1:  $pulled"
case "$loaded" in
*"not a directory"*) ;;
*) pulled=changed ;;
esac
if test "$pulled" = pulled; then
    echo "as described: two images are refused with a word about directories"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
