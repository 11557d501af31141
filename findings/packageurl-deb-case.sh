#!/bin/sh
# packageurl-python 0.17.6 does not make Debian's purls small: the purl specification says of the type
# deb that namespace and name are not case sensitive and must be lowercased, and for github or pypi
# the library does that. `pkg:deb/Debian/Bash@5` stays as it is and is another package than
# `pkg:deb/debian/bash@5`.
#
# Run with python3 (venv, pip) and a package index as pip is configured here. Exit code 0: it is
# as described; 1: it has changed.
set -eu

VERSION=0.17.6
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "packageurl-python==$VERSION"
cat >"$folder/read.py" <<'PYTHON'
import sys

from packageurl import PackageURL

deb = PackageURL.from_string("pkg:deb/Debian/Bash@5")
github = PackageURL.from_string("pkg:github/Example/Tool@5")
print(deb.to_string(), github.to_string())
same = deb == PackageURL.from_string("pkg:deb/debian/bash@5")
kept = deb.to_string() == "pkg:deb/Debian/Bash@5" and not same
sys.exit(0 if kept and github.to_string() == "pkg:github/example/tool@5" else 1)
PYTHON

if "$folder/venv/bin/python" "$folder/read.py"; then
    echo "as described: packageurl-python $VERSION leaves the case of deb purls as it is"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
