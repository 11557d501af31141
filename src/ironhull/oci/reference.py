"""References to images in registries, in the grammar of the distribution project."""

from __future__ import annotations

import re

from ironhull.errors import InputError
from ironhull.oci.digest import Digest, parse_digest
from ironhull.values import dataclass

# distribution-spec: <name> and <reference as a tag>.
NAME = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?"
)
MAX_NAME = 255

DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """`registry/repository`, then a tag, a digest, or both."""

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    def __str__(self) -> str:
        text = f"{self.registry}/{self.repository}"
        if self.tag is not None:
            text += f":{self.tag}"
        if self.digest is not None:
            text += f"@{self.digest}"
        return text

    @classmethod
    def parse(cls, text: str) -> Reference:
        """A reference as people type it: `node` is `docker.io/library/node:latest`."""
        if not text.strip():
            raise InputError("an empty name names no image (expected for example node:20)")
        rest, _, digest = text.partition("@")
        if names_registry(rest):
            registry, _, rest = rest.partition("/")
        else:
            registry = DOCKER_HUB
        repository, colon, tag = rest.partition(":")
        if registry in (DOCKER_HUB, "index.docker.io", "registry-1.docker.io"):
            registry = DOCKER_HUB
            repository = repository if "/" in repository else f"library/{repository}"
        if not _HOST.fullmatch(registry):
            raise InputError(f"{text!r}: {registry!r} is not a registry's host")
        if not NAME.fullmatch(repository) or len(f"{registry}/{repository}") > MAX_NAME:
            raise InputError(
                f"{text!r}: {repository!r:.300} is not a repository's name "
                "(lower-case letters, digits and . _ - in parts divided by /)"
            )
        if colon and not TAG.fullmatch(tag):
            raise InputError(f"{text!r}: {tag!r:.200} is not a tag")
        return cls(
            registry,
            repository,
            tag if colon else (None if digest else "latest"),
            parse_digest(digest) if digest else None,
        )


def names_registry(text: str) -> bool:
    """Whether a text begins with a registry's host, HOST/…, and not with a part of a name.

    As docker has it: a host has a dot or a port, or is localhost.
    """
    host, slash, _ = text.partition("/")
    return bool(slash) and (host == "localhost" or "." in host or ":" in host)
