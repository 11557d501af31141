#!/bin/sh
# rfc3161-client 1.0.9 refuses a timestamp that holds two certificates in the order in which openssl
# 3.0 writes them: the signer's first, then those of `certs`. CMS lets that set stand in any order
# (BER); the library takes it only sorted by its bytes (DER), so that whether an authority's reply can
# be read depends on which certificate is longer. The same reply with the signer's alone is read, and
# openssl verifies both.
#
# Run with python3 (venv, pip), openssl 3, and a package index as pip is configured here. Exit code 0:
# it is as described; 1: it has changed.
set -eu

VERSION=1.0.9
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet "rfc3161-client==$VERSION"
openssl version

cat >tsa.cnf <<'CONFIG'
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[one]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
[two]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
certs = ca.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
CONFIG
echo 01 >serial
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config tsa.cnf"
# The signer's certificate is the longer one: its subject is.
# shellcheck disable=SC2086
{
  openssl req -x509 $key -extensions ca -subj "/CN=Root" -days 2 -keyout ca.key -out ca.pem
  openssl req -new $key -subj "/CN=A timestamp authority with a longer name than its root" \
    -keyout tsa.key -out tsa.csr
  openssl x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -days 2 -set_serial 2 \
    -extfile tsa.cnf -extensions leaf -out tsa.pem
} 2>/dev/null

echo "what is stamped" >data
cat >read.py <<'PYTHON'
import sys

from rfc3161_client import decode_timestamp_response

try:
    answer = decode_timestamp_response(open(sys.argv[1], "rb").read())
    print(f"read: status {answer.status}")
except ValueError as error:
    print(f"refused: {str(error)[:100]}")
PYTHON
openssl ts -query -data data -sha256 -cert -out query.tsq 2>/dev/null
for section in one two; do
  openssl ts -reply -config tsa.cnf -section "$section" -queryfile query.tsq -out "$section.tsr" 2>/dev/null
  openssl ts -verify -in "$section.tsr" -data data -CAfile ca.pem >/dev/null 2>&1
  echo "$section certificate(s): openssl verifies it, rfc3161-client: $(venv/bin/python read.py "$section.tsr")" |
    tee "$section.txt"
done

grep -q "rfc3161-client: read: status 0" one.txt &&
  grep -q "rfc3161-client: refused: .*InvalidSetOrdering" two.txt
