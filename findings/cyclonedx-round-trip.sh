#!/bin/sh
# cyclonedx-python-lib 11.12.0: a valid CycloneDX 1.6 document that is read and written again has
# lost its compositions, annotations, formulation and declarations, and what its dependencies
# provide, without a word. A bill that said "incomplete" about itself says nothing afterwards.
#
# Run with python3 (venv, pip) and a package index as pip is configured here. Exit code 0: it is
# as described; 1: it has changed.
set -eu

VERSION=11.12.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "cyclonedx-python-lib[validation]==$VERSION"
cat >"$folder/read.py" <<'PYTHON'
import json
import sys

from cyclonedx.model.bom import Bom
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

bill = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "version": 1,
    "metadata": {"component": {"type": "container", "name": "a", "bom-ref": "a"}},
    "components": [{"type": "library", "name": "b", "bom-ref": "b"}],
    "dependencies": [{"ref": "a", "dependsOn": ["b"], "provides": ["b"]}],
    "compositions": [{"aggregate": "incomplete", "assemblies": ["a"]}],
    "annotations": [
        {
            "subjects": ["b"],
            "annotator": {"individual": {"name": "somebody"}},
            "timestamp": "2026-01-01T00:00:00Z",
            "text": "built from sources",
        }
    ],
    "formulation": [{"bom-ref": "f"}],
    "declarations": {"assessors": [{"bom-ref": "s", "thirdParty": True}]},
}
text = json.dumps(bill)
print("valid:", JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None)
outputter = make_outputter(Bom.from_json(bill), OutputFormat.JSON, SchemaVersion.V1_6)
again = json.loads(outputter.output_as_string())
lost = sorted(set(bill) - set(again))
provides = any("provides" in each for each in again["dependencies"])
print("lost:", ", ".join(lost), "and provides" if not provides else "")
expected = ["annotations", "compositions", "declarations", "formulation"]
sys.exit(0 if lost == expected and not provides else 1)
PYTHON

if "$folder/venv/bin/python" "$folder/read.py"; then
    echo "as described: cyclonedx-python-lib $VERSION writes less than it read, and does not say so"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
