#!/bin/sh
# dpkg 1.21.23 (Debian 12): what `dpkg-deb -Zzstd` writes depends on how many processors the
# machine has. With one it compresses in another way than with two, and from some tens of megabytes on
# that gives other bytes, with SOURCE_DATE_EPOCH and everything else the same. With xz, the default,
# the number makes no difference, so that a build that was reproducible ceases to be so by a change
# of compressor, and only between machines. DPKG_DEB_THREADS_MAX=1 in the environment makes them agree.
#
# Run on Debian 12 for amd64, with two processors or more; dpkg comes from where apt is configured to
# get it, and is unpacked, not installed. Exit code 0: it is as described; 1: it has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download --quiet=2 -o APT::Sandbox::User=root dpkg=1.21.23
dpkg-deb -x dpkg_*.deb root
PATH="$folder/root/usr/bin:$PATH"

mkdir -p package/DEBIAN
cat >package/DEBIAN/control <<'CONTROL'
Package: numbers
Version: 1
Architecture: all
Maintainer: somebody <somebody@example.org>
Description: numbers
CONTROL
seq 5000000 >package/numbers
export SOURCE_DATE_EPOCH=1700000000
built() {
    dpkg-deb "-Z$1" -z1 "--threads-max=$2" --root-owner-group --build package made.deb >/dev/null
    sha256sum made.deb | cut -c1-16
}
dpkg-deb --version | head -n 1
for compressor in xz zstd; do
    one=$(built $compressor 1)
    two=$(built $compressor 2)
    again=$(built $compressor 1)
    echo "$compressor: one thread $one, again $again, two $two"
    test "$one" = "$again" || exit 1
    if test "$one" = "$two"; then echo same; else echo other; fi >>found
done
if test "$(tr '\n' ' ' <found)" = "same other "; then
    echo "as described: zstd's bytes depend on whether there is more than one thread"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
