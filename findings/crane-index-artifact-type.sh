#!/bin/sh
# crane 0.22.1 (go-containerregistry): `crane index append` of an ordinary image writes into the index an
# artifactType, that of an image's configuration, although the manifest has none and is no artifact
# (image-spec 1.1: the descriptor's artifactType is the artifact's type). A client that takes
# entries with an artifactType for artifacts passes over the platforms of such an index.
#
# Run with go, a module proxy as go is configured here, and python3. Exit code 0: it is as described;
# 1: it has changed.
set -eu

VERSION=0.22.1
folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

GOBIN="$folder" go install "github.com/google/go-containerregistry/cmd/crane@v$VERSION"
./crane version
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
mkdir data
./crane registry serve --address "127.0.0.1:$port" --disk data >log 2>&1 &
server=$!
mkdir layer
echo hello >layer/hello
tar -cf layer.tar -C layer hello
until ./crane append --oci-empty-base -f layer.tar -t "localhost:$port/app:image" >output.txt 2>&1; do
    kill -0 "$server"
    sleep 0.2
done
./crane index append -m "localhost:$port/app:image" -t "localhost:$port/app:index" >output.txt 2>&1
cat >types.py <<'PYTHON'
import json
import sys

value = json.load(sys.stdin)
print([each.get("artifactType") for each in value.get("manifests", [value])])
PYTHON
image=$(./crane manifest "localhost:$port/app:image" | python3 types.py)
index=$(./crane manifest "localhost:$port/app:index" | python3 types.py)
echo "artifactType of the image:     $image"
echo "artifactType in the index:     $index"
if test "$image" = "[None]" &&
    test "$index" = "['application/vnd.oci.image.config.v1+json']"; then
    echo "as described: crane $VERSION lists an image in an index as if it were an artifact"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
