"""How near a server is, and that one of far away sends us to none that only we can reach.

Who asks on behalf of others would carry out what stands behind a firewall: a registry of another
registry, the machine's own services, the metadata service of a cloud.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv6Address, ip_address
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ironhull.errors import NetworkError

Origin = tuple[str, str, int]


class Nearness(IntEnum):
    """From where a server can be asked."""

    ANYWHERE = 0
    NETWORK = 1
    MACHINE = 2
    """By this machine alone, or by its link, where clouds have what only it may know."""


def nearness(address: str) -> Nearness:
    """How near an IP address is."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback or found.is_link_local or found.is_unspecified:
        return Nearness.MACHINE
    return Nearness.ANYWHERE if found.is_global else Nearness.NETWORK


class Sender:
    """The server at `own`, and how near it was when it was reached last.

    Reached through a proxy it counts as far away. Where a server is reached through a proxy, what
    may be asked is the proxy's to say.
    """

    def __init__(self, own: Origin) -> None:
        self._own, self._nearness = own, Nearness.ANYWHERE

    def reached(self, origin: Origin, address: str) -> None:
        """A connection stands; NetworkError, before anything is asked, if it leads too near."""
        near = nearness(address)
        if origin == self._own:
            self._nearness = near
        elif near > self._nearness:
            raise NetworkError(
                f"{self._own[1]}: sends us to {origin[1]}, which is nearer to us than it is "
                "itself; not followed"
            )

    def pools(self, origin: Origin) -> dict[str, Any]:
        """Classes for `PoolManager.pool_classes_by_scheme` that look at each connection."""
        reached = self.reached

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                reached(origin, self.sock.getpeername()[0])

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                reached(origin, self.sock.getpeername()[0])

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}
