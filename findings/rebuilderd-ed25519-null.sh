#!/bin/sh
# cryptography 45.0.7 and openssl 3.0 refuse the public keys that Debian's rebuilders publish
# (rebuilderd, by in-toto's library for Rust): their AlgorithmIdentifier of Ed25519 has parameters
# (NULL), which RFC 8410 says must be absent. The 32 bytes of the key are good: the same key without
# the two bytes of NULL is read by both. So an attestation looks as if it were by no key at all,
# where only what is around its key is another thing.
#
# Run with python3 (venv, pip), openssl 3, and a package index as pip is configured here. Exit code 0:
# it is as described; 1: it has changed.
set -eu

VERSION=45.0.7
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet "cryptography==$VERSION"
openssl version

# What reproduce.debian.net signs with for amd64.
cat >published.pub <<'PEM'
-----BEGIN PUBLIC KEY-----
MCwwBwYDK2VwBQADIQATuimKMfCOSfiKc2AT/T1NKQhn9y39Kz5Suo0w5UUXGA==
-----END PUBLIC KEY-----
PEM

cat >try.py <<'PYTHON'
import base64
import subprocess
import sys
from pathlib import Path

import cryptography
from cryptography.hazmat.primitives.serialization import load_pem_public_key

lines = Path("published.pub").read_text().split()
raw = base64.b64decode(lines[3])[-32:]
plain = base64.encodebytes(bytes.fromhex("302a300506032b6570032100") + raw).decode()
Path("plain.pub").write_text(f"-----BEGIN PUBLIC KEY-----\n{plain}-----END PUBLIC KEY-----\n")


def by_cryptography(name):
    try:
        load_pem_public_key(Path(name).read_bytes())
    except ValueError:
        return "refused"
    return "read"


def by_openssl(name):
    words = ["openssl", "pkey", "-pubin", "-noout", "-in", name]
    done = subprocess.run(words, capture_output=True, check=False)
    return "refused" if done.returncode else "read"


print("cryptography", cryptography.__version__)
found = []
for name in ("published.pub", "plain.pub"):
    found += [by_openssl(name), by_cryptography(name)]
    print(f"{name}: openssl {found[-2]}, cryptography {found[-1]}")
sys.exit(0 if found == ["refused", "refused", "read", "read"] else 1)
PYTHON
venv/bin/python try.py
