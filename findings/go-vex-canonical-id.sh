#!/bin/sh
# go-vex 0.2.9 (vexctl, grype and trivy read with it): the canonical identifier of an OpenVEX document
# is not the same twice where a product has two hashes or two identifiers, as an image has that is
# named by purl and by CPE: the maps are hashed in Go's order, which is another each time. And two
# documents that advise the reader to do two different things have one identifier: action and impact
# are no part of it.
#
# Run with go and a module proxy as go is configured here. Exit code 0: it is as described; 1: it has
# changed.
set -eu

VERSION=0.2.9
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

go mod init example.org/identify 2>/dev/null
go get "github.com/openvex/go-vex@v$VERSION" 2>/dev/null
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/openvex/go-vex/pkg/vex"
)

const form = `{"@context": "https://openvex.dev/ns/v0.2.0", "version": 1, "author": "somebody",
 "timestamp": "2026-01-01T00:00:00Z", "statements": [{"vulnerability": {"name": "CVE-2026-0001"},
  "status": "affected", "action_statement": %q, "products": [{"@id": "https://example.org/app"%s}]}]}`

const two = `, "identifiers": {"purl": "pkg:generic/app@1", "cpe23": "cpe:2.3:a:o:app:1:*:*:*:*:*:*:*"}`

func identifier(action, more string) string {
	document, err := vex.Parse([]byte(fmt.Sprintf(form, action, more)))
	if err != nil {
		panic(err)
	}
	made, err := document.GenerateCanonicalID()
	if err != nil {
		panic(err)
	}
	return made
}

func main() {
	plain, named := map[string]int{}, map[string]int{}
	for range 200 {
		plain[identifier("update", "")]++
		named[identifier("update", two)]++
	}
	same := identifier("update", "") == identifier("do not update", "")
	fmt.Println("identifiers of a document, read 200 times:        ", len(plain))
	fmt.Println("of one whose product has two identifiers:         ", len(named))
	fmt.Println("another action, the same identifier:              ", same)
	if len(plain) != 1 || len(named) != 2 || !same {
		os.Exit(1)
	}
}
GO
go mod tidy 2>/dev/null
go build -o identify .
echo "go-vex $VERSION"
if ./identify; then
    echo "as described: the canonical identifier is not canonical"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
