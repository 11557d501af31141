#!/bin/sh
# granian 2.8.7: `--backpressure` is described as the "maximum number of requests to process
# concurrently", and bounds connections. A kept-alive connection whose only request was answered
# long ago, and on which nothing happens, holds its place: with as many of them as the number says,
# the next client's request is not even read until one of them goes.
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
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
PYTHON
cat >"$folder/client.py" <<'PYTHON'
import socket
import sys
import time

PORT, PLACES = int(sys.argv[1]), int(sys.argv[2])


def ask(stream, patience):
    """Whether a request on this connection is answered in time."""
    stream.settimeout(patience)
    stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try:
        return stream.recv(1000).startswith(b"HTTP/1.1 200 ")
    except TimeoutError:
        return False


def connect():
    return socket.create_connection(("127.0.0.1", PORT), timeout=10)


def wait_for_server():
    for _ in range(200):
        try:
            return connect().close()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server does not start")


wait_for_server()
# Each is answered and stays open: no request is under way from here on.
idle = [connect() for _ in range(PLACES)]
assert all(ask(stream, 10) for stream in idle)
late = connect()
while_idle = ask(late, 5)
# Nothing was lost meanwhile: a connection that is held can ask again.
assert ask(idle[0], 10)
idle.pop().close()
late.settimeout(10)
after = late.recv(1000).startswith(b"HTTP/1.1 200 ")
print(f"{PLACES} idle connections: a new request is answered within 5 s: {while_idle}")
print(f"one of them closed: the same request is answered: {after}")
sys.exit(0 if (while_idle, after) == (False, True) else 1)
PYTHON

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$folder"
venv/bin/granian --version
venv/bin/granian --interface asgi --host 127.0.0.1 --port "$port" --no-log --no-ws --http 1 \
    --workers 1 --backpressure 4 application:app &
server=$!
if python3 client.py "$port" 4; then
    echo "as described: backpressure 4 is the room for connections, idle ones too"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
