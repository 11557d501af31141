#!/bin/sh
# podman 4.3.1 (Debian 12): a folder of `VOLUME` that the image does not have belongs to the user that the
# container runs as, so that this user may write there; one that the image has belongs to whom it
# belongs to in the image, and the same user may not. Adding `RUN mkdir /data` above `VOLUME /data`
# takes away the right to write.
#
# Run as root on Debian 12 for amd64; packages come from where apt is configured to get them, and
# are unpacked, not installed. Exit code 0: it is as described; 1: it has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/debs" "$folder/root" "$folder/config"
chmod 0755 "$folder"
cd "$folder/debs"
apt-get download --quiet=2 -o APT::Sandbox::User=root \
    podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 runc=1.1.5+ds1-1+deb12u1 \
    libsubid4=1:4.13+dfsg1-1+deb12u2 libgpgme11=1.18.0-3+deb12u1 libassuan0=2.5.5-5 \
    libdevmapper1.02.1=2:1.02.185-2 libyajl2=2.1.0-3+deb12u2 \
    busybox-static=1:1.35.0-4+deb12u1+b1
for deb in *.deb; do
    dpkg-deb -x "$deb" "$folder/root"
done
cd "$folder"

# Nothing of this machine's own engine is read or written.
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >config/policy.json
# podman does not hand on where libraries are.
cat >runc <<RUNTIME
#!/bin/sh
LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu exec $folder/root/usr/sbin/runc "\$@"
RUNTIME
chmod 0755 runc
printf '[engine]\nconmon_path = ["%s"]\n[engine.runtimes]\nrunc = ["%s"]\n' \
    "$folder/root/usr/bin/conmon" "$folder/runc" >config/containers.conf
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' \
    "$folder/storage" "$folder/run" >config/storage.conf
export CONTAINERS_CONF="$folder/config/containers.conf"
export CONTAINERS_STORAGE_CONF="$folder/config/storage.conf"
export LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/lib/x86_64-linux-gnu"
podman() {
    "$folder/root/usr/bin/podman" --runtime runc --cgroup-manager cgroupfs "$@"
}

podman --version
mkdir -p tree/bin tree/there
cp root/bin/busybox tree/bin/busybox
tar --owner=0 --group=0 --numeric-owner -C tree -cf tree.tar bin there
podman import --quiet --signature-policy config/policy.json --change 'VOLUME /there' \
    --change 'VOLUME /missing' --change 'USER 65532:65532' tree.tar localhost/volumes:1 >/dev/null
owner() {
    podman run --rm --network none --ulimit nofile=1024:1024 \
        --ulimit nproc=1024:1024 localhost/volumes:1 /bin/busybox stat -c %u "$1"
}
there=$(owner /there)
missing=$(owner /missing)
echo "a volume that the image has:      user $there"
echo "a volume that the image has not:  user $missing"
if test "$there $missing" = "0 65532"; then
    echo "as described: a folder in the image takes the volume away from its user"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
