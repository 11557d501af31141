#!/bin/sh
# gpgv 2.2.40 (Debian 12) ends with 2 for a file with two signatures of which it has one key, though that
# one is good; apt 2.6.1, which runs gpgv, takes the same file. Debian signs its release files with several keys, so a
# keyring with the key of one release alone is enough for apt, and a script that goes by gpgv's exit code
# refuses what apt installs from. Which signatures are good stands in its status lines only.
#
# Run on Debian 12 with gpg; packages come from where apt is configured to get them, and are unpacked,
# not installed. Exit code 0: it is as described; 1: it has changed.
set -eu

folder=$(mktemp -d)
trap 'gpgconf --homedir "$folder/gnupg" --kill all; rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
export GNUPGHOME="$folder/gnupg"
mkdir -m 700 gnupg root
apt-get download --quiet=2 -o APT::Sandbox::User=root 'gpgv=2.2.40-*' apt=2.6.1 libapt-pkg6.0=2.6.1
for deb in *.deb; do
    dpkg-deb -x "$deb" root
done
apt_get() { LD_LIBRARY_PATH=$(echo root/usr/lib/*-linux-gnu) root/usr/bin/apt-get "$@"; }
gpgv() { root/usr/bin/gpgv "$@"; }

for name in first second; do
    gpg --quiet --batch --passphrase '' --quick-gen-key "$name@example.org" rsa3072 sign 0 2>/dev/null
done
gpg --quiet --export first@example.org >first.gpg

mkdir -p archive/dists/one lists/partial cache/archives/partial
: >archive/dists/one/Packages
digest=$(sha256sum archive/dists/one/Packages | cut -d ' ' -f 1)
cat >Release <<RELEASE
Suite: one
Codename: one
Date: $(date -u '+%a, %d %b %Y %H:%M:%S UTC')
Architectures: amd64
Components: main
SHA256:
 $digest 0 main/binary-amd64/Packages
RELEASE
mkdir -p archive/dists/one/main/binary-amd64
mv archive/dists/one/Packages archive/dists/one/main/binary-amd64/
gpg --quiet --batch --local-user first@example.org --local-user second@example.org \
    --clearsign --output archive/dists/one/InRelease Release

code=0
gpgv --status-fd 3 --keyring ./first.gpg archive/dists/one/InRelease 3>status 2>/dev/null || code=$?
echo "$(gpgv --version | sed 1q) ends with $code:"
sed -n 's/^\[GNUPG:\] \(GOODSIG\|NO_PUBKEY\) .*/  \1/p' status

echo "deb [arch=amd64 signed-by=$folder/first.gpg] file://$folder/archive one main" >sources.list
updated=0
apt_get update --quiet --quiet -o APT::Architecture=amd64 -o APT::Architectures=amd64 \
    -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/cache" \
    -o Dir::Bin::methods="$folder/root/usr/lib/apt/methods" -o Apt::Key::gpgvcommand="$folder/root/usr/bin/gpgv" \
    -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any \
    -o Acquire::Languages=none >apt.txt 2>&1 || updated=$?
echo "$(apt_get --version | sed 1q) update ends with $updated"
if test "$code" = 2 && test "$updated" = 0 && grep -q GOODSIG status && grep -q NO_PUBKEY status; then
    echo "as described: gpgv ends with 2 where one of two keys is not there, and apt takes the file"
else
    cat apt.txt >&2
    echo "changed: see the top of $0" >&2
    exit 1
fi
