#!/bin/sh
# go-vex 0.2.9 (grype and trivy read OpenVEX with it): of two statements about one vulnerability, the
# newer does not replace the older where one names it by an alias. They are put in the order of the
# names before that of their times, so a GHSA's statement comes after a CVE's, however old: asked for
# the effective one, go-vex answers with the statement of January, not with that of June. trivy 0.74.0,
# asked with a database of its own, leaves the vulnerability open for the same document.
#
# Run with go and a module proxy as go is configured here. Exit code 0: it is as described; 1: it has
# changed.
set -eu

VERSION=0.2.9
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

go mod init example.org/effective 2>/dev/null
go get "github.com/openvex/go-vex@v$VERSION" 2>/dev/null
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/openvex/go-vex/pkg/vex"
)

const form = `{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.org/vex/1",
 "version": 2, "author": "somebody", "timestamp": "2026-06-01T00:00:00Z", "statements": [
 {"vulnerability": {"name": %q, "aliases": ["CVE-2026-0001"]}, "timestamp": "2026-01-01T00:00:00Z",
  "products": [{"@id": "pkg:generic/app@1"}], "status": "under_investigation"},
 {"vulnerability": {"name": "CVE-2026-0001"}, "timestamp": "2026-06-01T00:00:00Z",
  "products": [{"@id": "pkg:generic/app@1"}], "status": "fixed"}]}`

func effective(name string) string {
	document, err := vex.Parse([]byte(fmt.Sprintf(form, name)))
	if err != nil {
		panic(err)
	}
	statement := document.EffectiveStatement("pkg:generic/app@1", "CVE-2026-0001")
	return fmt.Sprint(statement.Status, ", of ", statement.Timestamp.Format("January"))
}

func main() {
	byName := effective("CVE-2026-0001")
	byAlias := effective("GHSA-2222-3333-4444")
	fmt.Println("both say CVE-2026-0001:                    ", byName)
	fmt.Println("the older says GHSA-…, alias CVE-2026-0001:", byAlias)
	if byName != "fixed, of June" || byAlias != "under_investigation, of January" {
		os.Exit(1)
	}
}
GO
go mod tidy 2>/dev/null
go build -o effective .
echo "go-vex $VERSION"
if ./effective; then
    echo "as described: names go before times"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
