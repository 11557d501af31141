#!/bin/sh
# python-debian 1.1.1: versions that are equal have different hashes. `0:1.0`, `1.0` and `1.0-0` are one
# version (Debian Policy 5.6.12), and == says so; but a set holds all three, and a dictionary with one
# of them as a key does not find the others. What is looked up by version is not found.
#
# Run with python3 (venv, pip) and a package index as pip is configured here. Exit code 0: it is
# as described; 1: it has changed.
set -eu

VERSION=1.1.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "python-debian==$VERSION"
cat >"$folder/compare.py" <<'PYTHON'
import sys

from debian.debian_support import NativeVersion

versions = [NativeVersion(text) for text in ("1.0", "0:1.0", "1.0-0")]
equal = all(one == other for one in versions for other in versions)
print("all equal:", equal, " in a set:", len(set(versions)))
sys.exit(0 if equal and len(set(versions)) == 3 else 1)
PYTHON

if "$folder/venv/bin/python" "$folder/compare.py"; then
    echo "as described: with python-debian $VERSION equal versions are several keys"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
