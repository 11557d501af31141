#!/bin/sh
# apt 2.6.1 (Debian 12): an archive whose Release lists a translation
# of descriptions, and that does not serve it, makes `apt-get update` end with 100, though nothing
# needs it. "They have been ignored" is what it says. `-o Acquire::Languages=none` asks for none, and
# the same archive is good. In a container image apt is often set up like that, so it works there and
# fails on a whole system, with the same mirror.
#
# Run on Debian 12 for amd64 with python3; packages come from where apt is configured to get them,
# and are unpacked, not installed. Exit code 0: it is as described; 1: it has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p root state/lists/partial state/cache/archives/partial archive/dists/s/main/binary-amd64
touch state/status
apt-get download --quiet=2 -o APT::Sandbox::User=root apt=2.6.1 libapt-pkg6.0=2.6.1
for deb in *.deb; do
    dpkg-deb -x "$deb" root
done

cat >archive.py <<'PYTHON'
"""An archive of one package; its Release lists a translation that is not there."""

import hashlib
from pathlib import Path

files = {
    "main/binary-amd64/Packages": "Package: a\nVersion: 1\nArchitecture: amd64\nDescription: a\n"
    "Filename: a.deb\nSize: 1\nSHA256: " + "0" * 64 + "\n",
    "main/i18n/Translation-en": "Package: a\n",
}
lines = ["Suite: s", "Codename: s", "Date: Sat, 28 Nov 2026 00:00:00 UTC"]
lines += ["Architectures: amd64", "Components: main", "SHA256:"]
for name, text in files.items():
    lines.append(f" {hashlib.sha256(text.encode()).hexdigest()} {len(text)} {name}")
suite = Path("archive/dists/s")
(suite / "Release").write_text("\n".join(lines) + "\n")
(suite / "main/binary-amd64/Packages").write_text(files["main/binary-amd64/Packages"])
PYTHON
python3 archive.py
echo "deb [trusted=yes arch=amd64] file:$folder/archive s main" >sources.list

update() {
    LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu" "$folder/root/usr/bin/apt-get" update \
        -o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o "Dir::State=$folder/state" -o "Dir::State::Status=$folder/state/status" \
        -o "Dir::Cache=$folder/state/cache" -o "Dir::Bin::methods=$folder/root/usr/lib/apt/methods" \
        -o APT::Sandbox::User= -o "Acquire::Languages=$1" >output.txt 2>&1 || return $?
}
english=0
update en || english=$?
echo "with translations:    ended with $english: $(grep '^E:' output.txt | tail -n 1)"
none=0
update none || none=$?
echo "without:              ended with $none"
if test "$english" = 100 && test "$none" = 0; then
    echo "as described: apt-get update fails for descriptions that nobody asked for"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
