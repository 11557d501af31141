#!/bin/sh
# granian 2.8.7: an application that is asked in HTTP/1.0 is told so as version "1", where the ASGI
# specification has the words "1.0", "1.1" and "2": code that compares with "1.0" takes it for a
# later one.
#
# Run with python3 (venv, pip) and a package index as pip is configured here. Exit code 0: it is
# as described; 1: it has changed.
set -eu

VERSION=2.8.7
folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server"; rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps "granian==$VERSION" click==8.1.8
cat >"$folder/application.py" <<'PYTHON'
async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = scope["http_version"].encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
PYTHON
cat >"$folder/client.py" <<'PYTHON'
import socket
import sys
import time


def told(version):
    """What the application was told of a request in this version."""
    for _ in range(200):
        try:
            stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10)
            break
        except OSError:
            time.sleep(0.1)
    else:
        raise SystemExit("the server does not start")
    with stream:
        stream.sendall(f"GET / HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while more := stream.recv(1000):
            data += more
    return data.partition(b"\r\n\r\n")[2].decode()


seen = {version: told(version) for version in ("1.0", "1.1")}
print("request in HTTP/… is told as:", seen)
sys.exit(0 if seen == {"1.0": "1", "1.1": "1.1"} else 1)
PYTHON

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$folder"
venv/bin/granian --version
venv/bin/granian --interface asgi --host 127.0.0.1 --port "$port" --no-log --no-ws --http 1 \
    --workers 1 application:app &
server=$!
if python3 client.py "$port"; then
    echo 'as described: HTTP/1.0 is version "1" in the scope'
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
