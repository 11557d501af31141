"""Settings that make an engine ask an Ironhull registry for images of other names.

podman and buildah can map any name (containers-registries.conf(5)). docker can only be given a
mirror of Docker Hub and be told which registries speak plain http (daemon.json).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from ironhull.errors import InputError
from ironhull.oci.reference import Reference

DEFAULT_MAPPINGS: Mapping[str, str] = {"dhi.io": "", "docker.io/library/node": "node"}
"""Prefix of names → repository of the Ironhull registry; the rest of a name is kept."""


def podman_config(registry: str, mappings: Mapping[str, str], *, insecure: bool) -> str:
    """A file for /etc/containers/registries.conf.d; tags stay what they are."""
    _check(registry)
    blocks = []
    for prefix, repository in mappings.items():
        location = f"{registry}/{repository}" if repository else registry
        for text in (prefix, location):
            if not text or any(character in text for character in '"\\\n\r\t '):
                raise InputError(f"{text!r} is not the prefix of an image's name")
        block = f'[[registry]]\nprefix = "{prefix}"\nlocation = "{location}"\n'
        blocks.append(block + ("insecure = true\n" if insecure else ""))
    own = f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n'
    return "\n".join([*blocks, own] if insecure else blocks)


def docker_config(registry: str, *, insecure: bool) -> str:
    """Keys for /etc/docker/daemon.json: Docker Hub's names are asked of the registry first."""
    _check(registry)
    scheme = "http" if insecure else "https"
    value: dict[str, list[str]] = {"registry-mirrors": [f"{scheme}://{registry}"]}
    if insecure:
        value["insecure-registries"] = [registry]
    return json.dumps(value, indent=2) + "\n"


def _check(registry: str) -> None:
    if Reference.parse(f"{registry}/x").registry != registry:
        raise InputError(f"{registry!r} is not a registry (write HOST or HOST:PORT)")
