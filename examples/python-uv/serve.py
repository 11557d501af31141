"""GET /de/Ada greets Ada in German."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from greetings import greet


class Handler(BaseHTTPRequestHandler):
    """Answers with one line of text."""

    def do_GET(self) -> None:
        language, _, name = unquote(self.path).strip("/").partition("/")
        try:
            status, text = 200, greet(language, name or "world")
        except KeyError:
            status, text = 404, f"no greeting in {language!r}"
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ.get("PORT", "8080"))
    ThreadingHTTPServer(("", port), Handler).serve_forever()
