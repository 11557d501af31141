#!/bin/sh
# grype 0.121.3: of several statements of an OpenVEX document about one vulnerability and product it
# takes the oldest. The OpenVEX specification lets a newer statement replace an older one, which is
# how an author says first "under investigation" and later "fixed"; go-vex, with which grype reads the
# document, answers with the newest when it is asked for the effective one. grype asks for all, which
# come in the order of their times, and takes the first. So what has been settled stays open.
#
# grype is ten minutes of compiling. What is built here is its function that chooses, as it stands in
# the module (grype itself, asked with a database of its own, did the same).
#
# Run with go 1.26 and a module proxy as go is configured here. Exit code 0: it is as described; 1: it
# has changed.
set -eu

VERSION=0.121.3
GO_VEX=0.2.9
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

go mod init example.org/choose 2>/dev/null
go get "github.com/openvex/go-vex@v$GO_VEX" 2>/dev/null
go mod download -json "github.com/anchore/grype@v$VERSION" >module.json
source=$(sed -n 's/.*"Dir": "\(.*\)".*/\1/p' module.json)
echo "grype $VERSION reads with $(sed -n 's/^\t\(github.com\/openvex\/go-vex .*\)/\1/p' "$source/go.mod")"
{
    printf 'package main\n\nimport openvex "github.com/openvex/go-vex/pkg/vex"\n\n'
    sed -n '/^func findMatchingStatement(/,/^}/p' "$source/grype/vex/openvex/implementation.go"
} >grype.go
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	openvex "github.com/openvex/go-vex/pkg/vex"
)

const product = "pkg:deb/debian/bash@5.2-1?arch=amd64"

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	document, err := openvex.Parse(data)
	if err != nil {
		panic(err)
	}
	taken, _, _ := findMatchingStatement(document, "CVE-2026-0001", nil, []string{product})
	effective := document.EffectiveStatement(product, "CVE-2026-0001")
	fmt.Printf("grype: %s, go-vex: %s\n", taken.Status, effective.Status)
}
GO
statement() {
    cat <<STATEMENT
{"vulnerability": {"name": "CVE-2026-0001"}, "timestamp": "$1", "status": "$2",
 "products": [{"@id": "pkg:deb/debian/bash@5.2-1?arch=amd64"}]}
STATEMENT
}
first=$(statement 2026-01-01T00:00:00Z under_investigation)
then=$(statement 2026-06-01T00:00:00Z fixed)
document() {
    cat <<VEX
{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.org/vex/1", "version": 2,
 "author": "somebody", "timestamp": "2026-06-01T00:00:00Z", "statements": [$1, $2]}
VEX
}
document "$first" "$then" >old-first.json
document "$then" "$first" >new-first.json
go mod tidy 2>/dev/null
go build -o choose .
one=$(./choose old-first.json)
other=$(./choose new-first.json)
echo "investigated in January, fixed in June:   $one"
echo "the same, the newer written first:        $other"
if test "$one" = "grype: under_investigation, go-vex: fixed" && test "$one" = "$other"; then
    echo "as described: grype $VERSION takes the oldest statement"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
