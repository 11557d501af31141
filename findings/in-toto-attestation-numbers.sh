#!/bin/sh
# in-toto-attestation 0.9.3, the specification's own Python library: every number of a predicate is a
# double. `1` comes back as `1.0`, and 9007199254740993, as the nanoseconds of a build or the inode of a
# file may be, as ...992. A statement that is read and written again has another digest and may say
# something else; so may one that is put together with it before it is signed.
#
# Run with python3 (venv, pip) and a package index as pip is configured here. Exit code 0: it is
# as described; 1: it has changed.
set -eu

VERSION=0.9.3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet "in-toto-attestation==$VERSION"
cat >again.py <<'PYTHON'
import json
import sys

from google.protobuf.json_format import MessageToJson, Parse
from in_toto_attestation.v1.statement_pb2 import Statement

predicate = {"count": 1, "nanoseconds": 9007199254740993}
statement = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "one", "digest": {"sha256": "0" * 64}}],
    "predicateType": "https://example.org/measured/v1",
    "predicate": predicate,
}
text = MessageToJson(Parse(json.dumps(statement), Statement()))
again = json.loads(text)["predicate"]
print("given:", json.dumps(predicate, sort_keys=True))
print("again:", json.dumps(again, sort_keys=True))
sys.exit(0 if '"count": 1.0' in text and again["nanoseconds"] == 9007199254740992 else 1)
PYTHON

if venv/bin/python again.py; then
    echo "as described: in-toto-attestation $VERSION makes a double of every number"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
