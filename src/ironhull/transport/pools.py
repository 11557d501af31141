"""Open connections, by server: with time-outs, proxies and verified TLS.

The library is urllib3. What this module adds is a default for each thing that may hang or grow,
and that nothing is read from the process's environment.
"""

from __future__ import annotations

import ssl
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from ironhull.errors import InputError
from ironhull.transport.address import origin
from ironhull.transport.nearness import Sender
from ironhull.transport.network import Network, proxy_for

CONNECTIONS = 8
Opened = urllib3.PoolManager | urllib3.HTTPConnectionPool
TIMEOUT = urllib3.Timeout(connect=15, read=60)


class Pools:
    """The connections of one workspace or command, shared by its threads.

    With a `sender` none leads nearer than that server is itself.
    """

    def __init__(self, network: Network, sender: Sender | None = None) -> None:
        self.network, self._sender = network, sender
        self._pools: dict[tuple[str, str, int], urllib3.PoolManager] = {}
        self._direct: dict[tuple[str, str, int], urllib3.HTTPConnectionPool] = {}
        # A file that somebody named is looked at now, the system's when they are needed.
        self._context = tls_context(network) if network.also else None
        self._guard = threading.Lock()

    def pool(self, url: str) -> urllib3.PoolManager:
        """Connections to the server of an address, through the proxy that is set for it."""
        key = origin(url)
        with self._guard:
            if key not in self._pools:
                self._pools[key] = self._made(key)
            return self._pools[key]

    def at(self, url: str) -> tuple[Opened, str]:
        """The same, and what is asked of them: without a proxy the path, so that the library does
        not take the address apart for each request; an address that it would change goes whole.
        """
        pool, parts = self.pool(url), urlsplit(url)
        if isinstance(pool, urllib3.ProxyManager) or "/." in parts.path:
            return pool, url
        with self._guard:
            key = origin(url)
            if key not in self._direct:
                self._direct[key] = pool.connection_from_url(url)
            direct = self._direct[key]
        return direct, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def close(self) -> None:
        """Close what is open; the next request opens it again."""
        with self._guard:
            self._direct.clear()
            for pool in self._pools.values():
                pool.clear()

    def _made(self, key: tuple[str, str, int]) -> urllib3.PoolManager:
        # Redirects and retries are ours (`redirects`, `patience`), never the library's.
        proxy = proxy_for(self.network, *key)
        secure = key[0] == "https" or (proxy or "").startswith("https:")
        if secure and self._context is None:
            self._context = tls_context(self.network)
        options: dict[str, Any] = {
            "num_pools": 16,
            "maxsize": CONNECTIONS,
            "block": False,
            "timeout": TIMEOUT,
            "retries": False,
            "ssl_context": self._context,
        }
        if proxy:
            return urllib3.ProxyManager(proxy, proxy_ssl_context=self._context, **options)
        made = urllib3.PoolManager(**options)
        if self._sender is not None:
            made.pool_classes_by_scheme = self._sender.pools(key)
        return made


def tls_context(network: Network) -> ssl.SSLContext:
    """Verified TLS with the network's authorities; InputError if a file of them is none."""
    # Not ssl.create_default_context: OpenSSL's own defaults ask the environment.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    system = ssl.get_default_verify_paths()
    file = network.ca_file or Path(system.openssl_cafile)
    folder = network.ca_folder or Path(system.openssl_capath)
    if network.ca_file is not None or file.is_file():
        _trust(context, file)
    if folder.is_dir():
        context.load_verify_locations(capath=folder)
    if network.also is not None:
        _trust(context, network.also)
    return context


def _trust(context: ssl.SSLContext, file: Path) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{file}: no certificate authorities in PEM format: {error}") from None
