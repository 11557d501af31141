#!/bin/sh
# packageurl-python 0.17.6, packageurl-go 0.1.7 and packageurl-js 2.0.1 each read what the others write,
# and write it in another way, all of them as the canonical form: a slash in a qualifier (the
# repository_url of a package) is escaped or not, so is a colon there, and so is a plus in a version,
# which Debian's rebuilds have (+b1). Two bills or a VEX of different makers that name one thing have
# different texts for it; who looks up a purl as text finds nothing.
#
# Run with python3 (venv, pip), go, node and npm, and registries as they are configured here. Exit code
# 0: it is as described; 1: it has changed.
set -eu

VERSION=0.17.6
GO=0.1.7
JS=2.0.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet "packageurl-python==$VERSION"
npm install --silent --no-audit --no-fund --prefix node "packageurl-js@$JS" >/dev/null
mkdir go
cat >go/main.go <<'GO'
package main

import (
	"fmt"
	"os"

	packageurl "github.com/package-url/packageurl-go"
)

func main() {
	purl, err := packageurl.FromString(os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println(purl.ToString())
}
GO
(
    cd go
    go mod init example.org/purl
    go get "github.com/package-url/packageurl-go@v$GO"
    go build -o ../by-go .
) 2>/dev/null
cat >read.py <<'PYTHON'
import sys

from packageurl import PackageURL

print(PackageURL.from_string(sys.argv[1]).to_string())
PYTHON
cat >node/read.mjs <<'JS'
import { PackageURL } from "packageurl-js";

console.log(PackageURL.fromString(process.argv[2]).toString());
JS
python() { venv/bin/python read.py "$1"; }
go() { ./by-go "$1"; }
js() { node node/read.mjs "$1"; }

given='pkg:deb/debian/app@1%2Bb1?repository_url=localhost%3A5000%2Fapp'
for one in python go js; do
    $one "$given" >$one.txt
    echo "$one writes: $(cat $one.txt)"
done
if test "$(sort -u python.txt go.txt js.txt | wc -l)" -ne 3; then
    echo "changed: see the top of $0" >&2
    exit 1
fi
for reader in python go js; do
    for writer in python go js; do
        if test "$($reader "$(cat $writer.txt)")" != "$(cat $reader.txt)"; then
            echo "changed: $reader reads something else from $writer" >&2
            exit 1
        fi
    done
done
echo "as described: three canonical forms of one purl, which all three read as one"
