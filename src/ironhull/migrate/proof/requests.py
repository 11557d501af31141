"""What to ask both images: as a person says it, else what the images say of themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ironhull.errors import InputError
from ironhull.inventory.model import ImageConfig
from ironhull.migrate.proof.model import Request

_REQUEST = re.compile(
    r"(?:(?P<method>[A-Za-z]+)\s+)?(?::(?P<port>[0-9]{1,5}))?(?P<path>/\S*)(?:\s+(?P<body>.+))?",
    re.DOTALL,
)
_URL = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::(\d{1,5}))?(/[^\s'\"`)]*)?")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_REQUESTS = 1000


def parse_request(text: str) -> Request:
    """`[METHOD] [:PORT]/PATH [BODY]`: `/health`, `GET :8080/`, `POST /notes {"text": "x"}`.

    InputError for anything else.
    """
    found = _REQUEST.fullmatch(text.strip())
    method = (found["method"] or "GET").upper() if found else ""
    if found is None or method not in METHODS:
        raise InputError(
            f"--request {text!r:.200}: expected [METHOD] [:PORT]/PATH [BODY], for example "
            f"/health or POST /notes {{}} (methods: {', '.join(METHODS)})"
        )
    port = int(found["port"] or 0)
    if port > 65535:
        raise InputError(f"--request {text!r:.200}: {port} is no port (1 to 65535)")
    return Request(method, found["path"], found["body"] or "", port)


def requests_for(given: Sequence[Request], config: ImageConfig) -> tuple[Request, ...]:
    """What was given; else what the health check asks for, and `/` of every TCP port exposed."""
    if len(given) > MAX_REQUESTS:
        raise InputError(f"{len(given)} requests, at most {MAX_REQUESTS} are sent")
    return tuple(given) or requests_of(tcp_ports(config), config.healthcheck)


def requests_of(ports: Sequence[int], health: Sequence[str]) -> tuple[Request, ...]:
    """`/` of each port, and what the words of a health check ask of one of them."""
    found = [Request("GET", "/", port=port) for port in ports]
    for url in _URL.finditer(" ".join(health)):
        path = url[2] or "/"
        asked = Request("GET", path, port=int(url[1] or 80))
        if path != "/" and asked.port in ports:
            found.append(asked)
    return tuple(dict.fromkeys(found))


def tcp_ports(config: ImageConfig) -> tuple[int, ...]:
    """The TCP ports that the configuration exposes, the lowest first."""
    found = set()
    for text in config.ports:
        number, _, protocol = text.partition("/")
        if number.isdecimal() and protocol in ("", "tcp") and 0 < int(number) < 65536:
            found.add(int(number))
    return tuple(sorted(found))
