#!/bin/sh
# granian 2.8.7: a request without a Host header (allowed in HTTP/1.0) reaches the application with
# one, of no bytes, in front of the headers that were sent. "Is there a Host?" is true for every
# request; whoever wants to know must ask whether it is empty, which a client may also send.
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
    body = repr([(name.decode(), value.decode()) for name, value in scope["headers"]]).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
PYTHON
cat >"$folder/client.py" <<'PYTHON'
import ast
import socket
import sys
import time


def headers_of(*lines):
    """The headers that the application sees of a request with these."""
    for _ in range(200):
        try:
            stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10)
            break
        except OSError:
            time.sleep(0.1)
    else:
        raise SystemExit("the server does not start")
    with stream:
        stream.sendall("\r\n".join(["GET / HTTP/1.0", *lines, "", ""]).encode())
        data = b""
        while more := stream.recv(1000):
            data += more
    return ast.literal_eval(data.partition(b"\r\n\r\n")[2].decode())


without, empty = headers_of("Accept: a/b"), headers_of("Host:", "Accept: a/b")
print("sent: Accept            seen:", without)
print("sent: Host:, Accept     seen:", empty)
sys.exit(0 if without == empty == [("host", ""), ("accept", "a/b")] else 1)
PYTHON

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$folder"
venv/bin/granian --version
venv/bin/granian --interface asgi --host 127.0.0.1 --port "$port" --no-log --no-ws --http 1 \
    --workers 1 application:app &
server=$!
if python3 client.py "$port"; then
    echo "as described: a Host header that nobody sent"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
