#!/bin/sh
# spdx-tools 0.8.5 reads another licence from an SPDX document in RDF than it wrote into it: `GPL-2.0-only
# AND (MIT OR BSD-3-Clause)` comes back as `(GPL-2.0-only AND MIT) OR BSD-3-Clause`, which lets one take
# the package without the GPL. What it writes nests the sets rightly; reading joins them without
# parentheses, in the order that RDF happens to give, so that each reading may say something else. JSON,
# YAML and tag-value keep the expression.
#
# Run with python3 (venv, pip) and a package index as pip is configured here. Exit code 0: it is
# as described; 1: it has changed.
set -eu

VERSION=0.8.5
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet "spdx-tools==$VERSION"
cat >convert.py <<'PYTHON'
import json
import sys

from spdx_tools.common.spdx_licensing import spdx_licensing
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.writer.write_anything import write_file

WRITTEN = "GPL-2.0-only AND (MIT OR BSD-3-Clause)"
document = {
    "spdxVersion": "SPDX-2.3",
    "dataLicense": "CC0-1.0",
    "SPDXID": "SPDXRef-DOCUMENT",
    "name": "one",
    "documentNamespace": "https://example.org/one",
    "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: by-hand"]},
    "packages": [
        {
            "SPDXID": "SPDXRef-one",
            "name": "one",
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "licenseDeclared": WRITTEN,
        }
    ],
    "relationships": [
        {
            "spdxElementId": "SPDXRef-DOCUMENT",
            "relatedSpdxElement": "SPDXRef-one",
            "relationshipType": "DESCRIBES",
        }
    ],
}
with open("one.spdx.json", "w") as file:
    json.dump(document, file)


def read(name):
    return parse_file(name).packages[0].license_declared


one = parse_file("one.spdx.json")
kept, lost = True, True
for name in ("two.spdx.json", "two.spdx.yaml", "two.spdx"):
    write_file(one, name)
    print(f"{name}: {read(name)}")
    kept &= spdx_licensing.is_equivalent(read(name), WRITTEN)
for _ in range(4):
    write_file(one, "two.spdx.rdf.xml")
    print(f"two.spdx.rdf.xml: {read('two.spdx.rdf.xml')}")
    lost &= type(read("two.spdx.rdf.xml")).__name__ == "OR"
sys.exit(0 if kept and lost else 1)
PYTHON

if venv/bin/python convert.py 2>/dev/null; then
    echo "as described: spdx-tools $VERSION reads another licence from RDF than it wrote"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
