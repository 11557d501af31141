#!/bin/sh
# docker-registry 2.8.2 (Debian 12): where REGISTRY_AUTH_FILE is set, which tells podman, skopeo and
# buildah where their logins are, a registry with a password file does not start. Its own settings
# can be given in the environment with the prefix REGISTRY_, so it reads the path as auth.file.
#
# Run on Debian 12 for amd64 with python3; the package comes from where apt is configured to get
# it, and is unpacked, not installed. Exit code 0: it is as described; 1: it has changed.
set -eu

folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

apt-get download --quiet=2 -o APT::Sandbox::User=root docker-registry=2.8.2+ds1-1
dpkg-deb -x docker-registry_*.deb root
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
mkdir data
: >htpasswd
cat >config.json <<CONFIG
{"version": "0.1", "log": {"level": "error"}, "http": {"addr": "127.0.0.1:$port"},
 "storage": {"filesystem": {"rootdirectory": "$folder/data"}},
 "auth": {"htpasswd": {"realm": "x", "path": "$folder/htpasswd"}}}
CONFIG
cat >ask.py <<'PYTHON'
"""The status of /v2/, or `none` when nobody listens after a minute."""

import sys
import time
import urllib.error
import urllib.request

for _ in range(600):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/v2/")
    except urllib.error.HTTPError as error:
        sys.exit(print(error.code))
    except urllib.error.URLError:
        time.sleep(0.1)
print("none")
PYTHON
root/usr/bin/docker-registry --version
unset REGISTRY_AUTH_FILE
root/usr/bin/docker-registry serve config.json >log 2>&1 &
server=$!
without=$(python3 ask.py "$port")
kill "$server"
wait "$server" || true
server=
with=0
REGISTRY_AUTH_FILE="$folder/auth.json" timeout 20 root/usr/bin/docker-registry serve config.json \
    >log 2>&1 || with=$?
echo "without the variable /v2/ answers $without; with it the program ends with $with:"
head -n 2 log
if test "$without" = 401 && test "$with" = 1 && grep -q "cannot unmarshal" log; then
    echo "as described: podman's variable is taken for a setting"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
