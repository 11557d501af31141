"""How a machine reaches servers."""

from __future__ import annotations

from dataclasses import replace

from ironhull.transport.network import Network, network_of
from ironhull.workspace.machine import Machine


def network(machine: Machine) -> Network:
    """The proxies and authorities of the settings' environment, and the settings' own."""
    return replace(network_of(machine.settings.environment), also=machine.settings.ca)
