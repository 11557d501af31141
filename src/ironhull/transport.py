"""HTTP as every room of Ironhull speaks it: pooled, with time-outs, proxies and verified TLS.

The library is urllib3. What this module adds is a default for each thing that may hang or grow.
"""

from __future__ import annotations

import re
import ssl
from functools import cache
from ipaddress import ip_address
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

from ironhull import __version__

USER_AGENT = f"ironhull/{__version__}"
TIMEOUT = urllib3.Timeout(connect=15, read=60)
CONNECTIONS = 8


@cache
def tls() -> ssl.SSLContext:
    """The system's certificate authorities, or those that SSL_CERT_FILE and SSL_CERT_DIR name."""
    return ssl.create_default_context()


def is_loopback(host: str) -> bool:
    """Whether a host (no port) is this machine by its name alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def reason(error: BaseException) -> str:
    """Why a request got no answer, in words for people: without object names and error numbers."""
    if isinstance(error, MaxRetryError) and error.reason is not None:
        return reason(error.reason)
    said = re.sub(r"\[Errno -?[0-9]+\] ", "", " ".join(str(error).split()))
    if isinstance(error, NameResolutionError):
        return f"there is no such host, or no network ({said.rpartition('(')[2].rstrip(')')})"
    if isinstance(error, NewConnectionError):
        said = said.rpartition("Failed to establish a new connection: ")[2]
        return f"no server answers there ({said})"
    return said[:300] or type(error).__name__


def pool_for(url: str, *, context: ssl.SSLContext | None = None) -> urllib3.PoolManager:
    """A pool for the host of `url`, through the proxy that the environment names for it.

    This machine itself is never asked for through a proxy, whatever no_proxy says.
    Redirects and retries are the caller's: each protocol has its own rule for them.
    """
    parts = urllib3.util.parse_url(url)
    scheme, host = parts.scheme or "https", parts.host or ""
    direct = is_loopback(host) or proxy_bypass(host)
    proxy = None if direct else getproxies().get(scheme)
    options = {
        "num_pools": 16,
        "maxsize": CONNECTIONS,
        "block": False,
        "timeout": TIMEOUT,
        "retries": False,
        "headers": {"user-agent": USER_AGENT},
        "ssl_context": context or tls(),
    }
    if proxy:
        return urllib3.ProxyManager(proxy, **options)  # type: ignore[arg-type]
    return urllib3.PoolManager(**options)  # type: ignore[arg-type]
