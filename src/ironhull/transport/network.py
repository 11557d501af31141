"""How this machine reaches others: proxies, certificate authorities, the name it gives itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from ironhull import __version__
from ironhull.transport.address import is_loopback
from ironhull.values import dataclass

USER_AGENT = f"ironhull/{__version__}"


@dataclass(frozen=True, slots=True)
class Network:
    """What a workspace says of its network; empty: no proxy, the system's authorities.

    `proxies` are addresses by the scheme of what is asked for (`http`, `https`); `no_proxy` names
    hosts that are reached without, separated by commas. `ca_file` and `ca_folder` replace the
    system's authorities, `also` is a file (PEM) of more beside them.
    """

    proxies: Mapping[str, str] = field(default_factory=dict)
    no_proxy: str = ""
    ca_file: Path | None = None
    ca_folder: Path | None = None
    also: Path | None = None
    user_agent: str = USER_AGENT


DIRECT = Network()
"""No proxy, the system's authorities."""


def proxy_for(network: Network, scheme: str, host: str, port: int) -> str | None:
    """The address of the proxy for a server; None where it is reached without.

    This machine itself is never asked for through a proxy, whatever no_proxy says.
    """
    if is_loopback(host) or _is_direct(network.no_proxy, host.lower(), f"{host.lower()}:{port}"):
        return None
    return network.proxies.get(scheme)


def _is_direct(no_proxy: str, host: str, with_port: str) -> bool:
    """Whether a host, or one that it is below, is named; `*` alone names all."""
    if no_proxy.strip() == "*":
        return True
    names = [name.strip().lower().lstrip(".") for name in no_proxy.split(",")]
    return any(
        name and (one == name or one.endswith(f".{name}"))
        for name in names
        for one in (host, with_port)
    )


def network_of(environment: Mapping[str, str]) -> Network:
    """The network that an environment describes, as other programs read it.

    `http_proxy`, `https_proxy`, `no_proxy`, also in capitals, of which small ones win and an empty
    one means none; SSL_CERT_FILE and SSL_CERT_DIR. HTTP_PROXY of a CGI program is a header that a
    stranger sent, and is not read.
    """
    found: dict[str, str] = {}
    for name, value in sorted(environment.items()):  # capitals come first
        if name.lower().endswith("_proxy"):
            found[name[: -len("_proxy")].lower()] = value
    if "REQUEST_METHOD" in environment and "http_proxy" not in environment:
        found.pop("http", None)
    no_proxy = found.pop("no", "")
    file, folder = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    return Network(
        {scheme: address for scheme, address in found.items() if address},
        no_proxy,
        Path(file) if file else None,
        Path(folder) if folder else None,
    )
