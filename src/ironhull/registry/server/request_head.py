"""What HTTP asks of a request's head beyond what the web server sees to (RFC 9112).

The web server refuses what it cannot parse, two lengths that differ and encodings that do not end
in chunked. Of a request with a length *and* an encoding it takes away the length, which nobody
behind it can tell, and closes the connection after the answer, as RFC 9112, 6.3 allows; nothing of
it can pass for a second request (decision 7, "HTTP's edges").
"""

from __future__ import annotations

import re

from starlette.types import Scope

from ironhull.registry.server.refusal import Refusal

_SAFE = ("GET", "HEAD")
# RFC 9112, 3.2: uri-host and port; what a name may hold is RFC 3986's reg-name.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~%!$&'()*+;=-]{1,255})(?::\d{0,5})?")


def check_head(scope: Scope) -> None:
    """Refusal for a head that no well-meaning client sends."""
    hosts: list[bytes] = []
    encodings: list[bytes] = []
    from_page = False
    for name, value in scope["headers"]:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            encodings.append(value.strip().lower())
        elif name == b"origin":
            from_page = True
    # Without the header the web server says that it is empty.
    if len(hosts) > 1 or (_needs_host(scope) and not (hosts and _HOST.fullmatch(hosts[0]))):
        raise Refusal("REQUEST_INVALID", "a request has one Host header, and a host in it")
    if encodings not in ([], [b"chunked"]):
        raise Refusal(
            "REQUEST_INVALID", "the only Transfer-Encoding understood is chunked", status=501
        )
    # A registry on loopback has no login, and browsers reach it.
    if scope["method"] not in _SAFE and from_page:
        raise Refusal("DENIED", "requests from web pages may only read")


def _needs_host(scope: Scope) -> bool:
    return scope.get("http_version", "1.1") not in ("1.0", "1", "0.9")
