"""Tells the time that it was asked for: GET /12 is noon."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers with one line of text."""

    def do_GET(self) -> None:
        hour = self.path.strip("/")
        known = hour.isdecimal() and int(hour) < 24
        text = f"it is {int(hour):02}:00" if known else "an hour, 0 to 23"
        self.send_response(200 if known else 400)
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    HTTPServer(("", int(os.environ.get("PORT", "8000"))), Handler).serve_forever()
