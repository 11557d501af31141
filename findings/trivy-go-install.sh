#!/bin/sh
# trivy 0.74.0: `go install` of its module ends with "build constraints exclude all Go files in
# encoding/json/v2": it imports a package that Go 1.26 has only as an experiment, and a go.mod can
# ask for a version of Go, not for that. With GOEXPERIMENT=jsonv2 it is found.
#
# Run with go 1.26 and a module proxy as go is configured here; what is built is not kept. Exit code 0:
# it is as described; 1: it has changed.
set -eu

VERSION=0.74.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

module="github.com/aquasecurity/trivy/cmd/trivy@v$VERSION"
go version
# -n: all is looked up, nothing is compiled.
if GOBIN="$folder" GOEXPERIMENT='' go install -n "$module" >plain.txt 2>&1; then
    plain=found
else
    plain=$(grep -o 'encoding/json/v2: build constraints.*' plain.txt | head -n 1 | cut -c1-80)
fi
if GOBIN="$folder" GOEXPERIMENT=jsonv2 go install -n "$module" >experiment.txt 2>&1; then
    experiment=found
else
    experiment="not found: $(tail -n 1 experiment.txt | cut -c1-80)"
fi
echo "go install trivy $VERSION:        $plain"
echo "with GOEXPERIMENT=jsonv2:      $experiment"
case "$plain, $experiment" in
"encoding/json/v2"*", found") echo "as described: the module needs an experiment that it cannot name" ;;
*)
    echo "changed: see the top of $0" >&2
    exit 1
    ;;
esac
