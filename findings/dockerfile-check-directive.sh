#!/bin/sh
# dockerfile 3.4.0, BuildKit's parser as a Python package: its parser is of a time before the directive
# `check`, takes it for a comment, and so a directive `escape` behind it for one too. A file that
# BuildKit reads as two instructions, it reads as three.
#
# Run with python3 (venv, pip) and a package index as pip is configured here. Exit code 0: it is
# as described; 1: it has changed.
set -eu

VERSION=3.4.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps "dockerfile==$VERSION"
cat >"$folder/parse.py" <<'PYTHON'
import sys

import dockerfile

text = "# check=skip=all\n# escape=`\nFROM a\nRUN x `\n  y\n"
seen = [command.cmd for command in dockerfile.parse_string(text)]
print("instructions:", seen)
sys.exit(0 if seen == ["FROM", "RUN", "y"] else 1)
PYTHON

if "$folder/venv/bin/python" "$folder/parse.py"; then
    echo "as described: dockerfile $VERSION does not know the directive check"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
