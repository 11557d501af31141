"""The registries that one command talks to: where they are, and how they are to be trusted."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType

from ironhull.oci.reference import DOCKER_HUB, Reference
from ironhull.progress import Progress, Silent
from ironhull.registry.client.auth import Authorizer
from ironhull.registry.client.credentials import Credentials
from ironhull.registry.client.repository import Repository
from ironhull.registry.client.session import Session
from ironhull.transport.address import is_loopback, origin
from ironhull.transport.exchange import Exchange
from ironhull.transport.nearness import Sender
from ironhull.transport.network import DIRECT, Network
from ironhull.transport.patience import Patience
from ironhull.transport.stop import Stop

# Docker Hub's name is not the name of its host.
_HOSTS = {DOCKER_HUB: "registry-1.docker.io"}
_PROBE_SECONDS = 3.0


class Registries:
    """Sessions by registry, shared by all threads of a command; use it in a `with`.

    `plain_http` lets registries other than loopback be reached without TLS where they have none;
    `mirrors` maps a registry to locations (`host[:port][/prefix]`) that are asked before it when
    something is pulled. `for_others`: what is brought is handed on, so no registry leads us to a
    server nearer to us than itself. InputError if the network's file of authorities is none.
    """

    def __init__(
        self,
        *,
        credentials: Credentials | None = None,
        plain_http: bool = False,
        mirrors: Mapping[str, Sequence[str]] | None = None,
        patience: Patience | None = None,
        network: Network = DIRECT,
        progress: Progress | None = None,
        for_others: bool = False,
    ) -> None:
        self.progress = progress or Silent()
        self._credentials = credentials or Credentials()
        self._plain_http = plain_http
        self._mirrors = mirrors or {}
        self._network, self._patience = network, patience or Patience()
        self._exchange = Exchange(network, self._patience, progress=self.progress)
        self._for_others = for_others
        self._apart: list[Exchange] = []
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Registries:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let all connections go."""
        for exchange in (self._exchange, *self._apart):
            exchange.close()

    @property
    def stop(self) -> Stop:
        """Set it to end everything that these registries are doing."""
        return self._exchange.stop

    def repository(self, reference: Reference, *, write: bool = False) -> Repository:
        """The repository of a reference at its own registry."""
        return Repository(self._session(reference.registry), reference.repository, write=write)

    def mirrors_of(self, reference: Reference) -> list[Repository]:
        """The same repository at the registry's mirrors, in the order to ask them."""
        found = []
        for location in self._mirrors.get(reference.registry, ()):
            host, _, prefix = location.partition("/")
            name = f"{prefix.strip('/')}/{reference.repository}".lstrip("/")
            found.append(Repository(self._session(host), name))
        return found

    def _session(self, registry: str) -> Session:
        with self._lock:
            if registry not in self._sessions:
                base = self._base(registry)
                exchange = self._exchange_with(base)
                authorizer = Authorizer(registry, base, exchange, self._credentials)
                self._sessions[registry] = Session(registry, base, exchange, authorizer)
            return self._sessions[registry]

    def _exchange_with(self, base: str) -> Exchange:
        if not self._for_others:
            return self._exchange
        sender = Sender(origin(base))
        made = Exchange(self._network, self._patience, progress=self.progress, sender=sender)
        made.stop = self._exchange.stop
        self._apart.append(made)
        return made

    def _base(self, registry: str) -> str:
        host = _HOSTS.get(registry, registry)
        _, name, port = origin(f"https://{host}")
        explicit = host.rpartition("]")[2].rpartition(":")[2].isdigit()
        if (self._plain_http or is_loopback(name)) and not _speaks_tls(
            name, port if explicit else (443 if not is_loopback(name) else 80)
        ):
            return f"http://{host}"
        return f"https://{host}"


def _speaks_tls(host: str, port: int) -> bool:
    """Whether a server answers a TLS greeting; its certificate is for the real connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), _PROBE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except ssl.SSLEOFError:
        return False
    except ssl.SSLError as error:
        # It spoke TLS and did not like ours, or it answered in plain text.
        return error.reason not in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
    except (OSError, ValueError):
        return False
