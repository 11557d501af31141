#!/bin/sh
# policy-controller 0.13.1 knows `signatureFormat: bundle` in a ClusterImagePolicy, and `key` as the
# authority, but not both: such a policy is taken, and then lets no image in, because "the authority must
# be keyless". cosign signs bundles with a key by default. With `signatureFormat: legacy` it looks for
# the older signatures of the same key.
#
# Run with go 1.26, openssl and a module proxy as go is configured here: it builds the module's own tester
# (ten minutes the first time); no registry is asked. Exit code 0: it is as described; 1: it has changed.
set -eu

VERSION=0.13.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# The module replaces others, which `go install` refuses: it is built in a copy of it.
go mod download -json "github.com/sigstore/policy-controller@v$VERSION" >module.json
cp -r "$(sed -n 's/.*"Dir": "\(.*\)".*/\1/p' module.json)" source
chmod -R u+w source
GOFLAGS=-mod=mod go build -C source -o "$folder/policy-tester" ./cmd/tester

openssl ecparam -name prime256v1 -genkey -noout -out key.pem
openssl ec -in key.pem -pubout -out key.pub 2>/dev/null
policy() {
    cat <<POLICY
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: release}
spec:
  images: [{glob: "**"}]
  authorities:
  - name: release
    signatureFormat: $1
    key:
      hashAlgorithm: sha256
      data: |
$(sed 's/^/        /' key.pub)
POLICY
}
# Nobody listens there: who gets as far as to ask for a signature says so.
image=127.0.0.1:1/app@sha256:0000000000000000000000000000000000000000000000000000000000000000
for format in bundle legacy; do
    policy $format >$format.yaml
    ./policy-tester --policy $format.yaml --image "$image" >$format.txt 2>/dev/null || true
    echo "$format: $(cut -c1-160 $format.txt)"
done
if grep -q 'when using the new bundle format, the authority must be keyless' bundle.txt &&
    grep -q 'connection refused' legacy.txt; then
    echo "as described: policy-controller $VERSION takes no bundle that a key signed"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
