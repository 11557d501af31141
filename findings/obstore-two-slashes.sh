#!/bin/sh
# obstore 0.12.1 lists nothing of an S3 prefix in which one key has two slashes in a row, as a careless
# join of paths makes it: `list` raises for all of it, though the other keys are good. It cannot read or
# delete that object either, so what put it there has to take it away. To S3 each key is good, and s3fs
# lists and reads them all.
#
# Run with python3 (venv, pip) and a package index as pip is configured here; S3 is moto, on this
# machine. Exit code 0: it is as described; 1: it has changed.
set -eu

VERSION=0.12.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet "obstore==$VERSION" s3fs==2026.9.0 'moto[s3,server]==5.2.5'
cat >both.py <<'PYTHON'
import logging
import sys

import boto3
import obstore
import s3fs
from moto.server import ThreadedMotoServer
from obstore.exceptions import BaseError
from obstore.store import S3Store

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
url = "http://{}:{}".format(*server.get_host_and_port())
region = "us-east-1"
client = boto3.client(
    "s3", endpoint_url=url, region_name=region, aws_access_key_id="x", aws_secret_access_key="x"
)
client.create_bucket(Bucket="bucket")
store = S3Store(
    "bucket",
    endpoint=url,
    region=region,
    access_key_id="x",
    secret_access_key="x",
    client_options={"allow_http": True},
)
other = s3fs.S3FileSystem(
    key="x", secret="x", client_kwargs={"endpoint_url": url, "region_name": region}
)


def with_obstore(ask):
    try:
        return ask()
    except (BaseError, ValueError) as error:
        return str(error).splitlines()[0]


def listed():
    return sorted(each["path"] for page in obstore.list(store, "layers/") for each in page)


client.put_object(Bucket="bucket", Key="layers/one", Body=b"1")
before = with_obstore(listed)
client.put_object(Bucket="bucket", Key="layers//two", Body=b"2")
after = with_obstore(listed)
read = with_obstore(lambda: bytes(obstore.get(store, "layers//two").bytes()))
by_s3fs = sorted(other.find("bucket/layers")), other.cat_file("bucket/layers//two")
print("obstore before:", before)
print("obstore after: ", after)
print("obstore reads: ", read)
print("s3fs:          ", *by_s3fs)
server.stop()
good = before == ["layers/one"] and by_s3fs == (["bucket/layers//two", "bucket/layers/one"], b"2")
sys.exit(0 if good and "empty path segment" in after and "empty path segment" in read else 1)
PYTHON

if venv/bin/python both.py 2>errors.txt; then
    echo "as described: one key with two slashes keeps obstore $VERSION from listing any"
else
    tail -n 20 errors.txt >&2
    echo "changed: see the top of $0" >&2
    exit 1
fi
