#!/bin/sh
# regctl 0.11.7: of an image in an OCI layout it finds nothing that refers to it, if another tool wrote
# the layout. oras and those that follow it list such a manifest in index.json, by its digest, and find
# it by its subject; regctl looks for a tag sha256-… as in a registry without the referrers API, which
# a layout of theirs does not have. `image copy --referrers` then copies the image alone and ends well.
# Its own layouts are read by both.
#
# Run with go, a module proxy as go is configured here, and python3. Exit code 0: it is as described;
# 1: it has changed.
set -eu

VERSION=0.11.7
ORAS=1.3.6
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

export REGCTL_CONFIG="$folder/regctl.json"
GOBIN="$folder" go install "github.com/regclient/regclient/cmd/regctl@v$VERSION"
GOBIN="$folder" go install "oras.land/oras/cmd/oras@v$ORAS"
echo "regctl $VERSION, oras $(./oras version | sed -n 's/^Version: *//p')"
mkdir empty
echo hello >note
(
    cd empty
    echo hello >hello
    ../oras push --oci-layout ../theirs:1 --artifact-type application/vnd.example.app hello
) >output.txt
./oras attach --oci-layout --artifact-type application/vnd.example.note theirs:1 note >output.txt
./oras cp --from-oci-layout theirs:1 --to-oci-layout own:1 >output.txt
./regctl artifact put --artifact-type application/vnd.example.note --subject ocidir://own:1 <note

cat >count.py <<'PYTHON'
import json
import sys

value = json.load(sys.stdin)
print(len(value.get("referrers", value.get("descriptors")) or []))
PYTHON
by_oras() { ./oras discover --format json --oci-layout "$1" | python3 count.py; }
by_regctl() { ./regctl artifact list --format '{{json .}}' "ocidir://$1" | python3 count.py; }
theirs="$(by_oras theirs:1) $(by_regctl theirs:1)"
own="$(by_oras own:1) $(by_regctl own:1)"
./regctl image copy --referrers ocidir://theirs:1 ocidir://copy:1 >output.txt && copied=$?
kept=$(by_oras copy:1)
echo "a layout of oras, one referrer:    oras finds and regctl finds $theirs"
echo "a layout of regctl, one referrer:  oras finds and regctl finds $own"
echo "copy --referrers of the first:     ended with $copied, has $kept"
if test "$theirs, $own, $copied, $kept" = "1 0, 1 1, 0, 0"; then
    echo "as described: regctl $VERSION sees no referrers in a layout of others"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
