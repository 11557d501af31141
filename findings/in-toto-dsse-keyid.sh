#!/bin/sh
# in-toto 3.1.0 (Python, by securesystemslib 1.6.0) reads no DSSE envelope whose signature has no
# keyid: it ends with KeyError. And a signature whose keyid is not what it calls the key itself is
# passed over: "Accepted signatures do not match threshold". DSSE calls keyid an optional hint that
# must not decide anything, and cosign's envelopes have none; so the same signature by the same key
# holds or not by a field that nobody has signed.
#
# Run with python3 (venv, pip) and a package index as pip is configured here. Exit code 0: it is as
# described; 1: it has changed.
set -eu

VERSION=3.1.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet "in-toto==$VERSION" securesystemslib==1.6.0 'cryptography>=42'

cat >try.py <<'PYTHON'
import base64
import sys
from importlib.metadata import version

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from in_toto.models.metadata import Envelope
from securesystemslib.signer import SSlibKey

KIND, SAID = "application/vnd.in-toto+json", b'{"_type": "https://in-toto.io/Statement/v1"}'
private = ec.generate_private_key(ec.SECP256R1())
key = SSlibKey.from_crypto(private.public_key())
message = b"DSSEv1 %d %b %d %b" % (len(KIND), KIND.encode(), len(SAID), SAID)
sig = base64.b64encode(private.sign(message, ec.ECDSA(hashes.SHA256()))).decode()


def said(**hint):
    """What in-toto makes of that signature with this keyid, or with none."""
    value = {"payloadType": KIND, "payload": base64.b64encode(SAID).decode()}
    try:
        Envelope.from_dict({**value, "signatures": [{"sig": sig, **hint}]}).verify([key], 1)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "verified"


print("in-toto", version("in-toto"), "securesystemslib", version("securesystemslib"))
found = [said(), said(keyid=""), said(keyid="release"), said(keyid=key.keyid)]
for name, text in zip(["no keyid", "an empty one", "another name", "its own name"], found):
    print(f"{name:14} {text}")
as_described = (
    found[0].startswith("KeyError")
    and all(text.startswith("VerificationError") for text in found[1:3])
    and found[3] == "verified"
)
sys.exit(0 if as_described else 1)
PYTHON
venv/bin/python try.py
