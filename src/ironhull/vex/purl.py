"""Package URLs in all the forms that people write, compared with what is installed.

The parts are compared, never the texts: `%2B` and `+`, an epoch in the version or as a qualifier,
`distro=debian-12`, `debian-12.5` and `bookworm`, the source by `arch=source` or `upstream=`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote

from packageurl import PackageURL

from ironhull.debian.codenames import NUMBERS
from ironhull.errors import MalformedError

MAX_LENGTH = 2048
IMAGES = frozenset({"oci", "docker"})


@dataclass(frozen=True, slots=True)
class Purl:
    """The parts of a purl, decoded and normalised."""

    type: str
    namespace: str
    name: str
    version: str
    qualifiers: Mapping[str, str]

    @property
    def is_image(self) -> bool:
        return self.type in IMAGES

    @property
    def full_name(self) -> str:
        """The name as the ecosystem writes it: `@scope/name`, `group:artifact`, a module path."""
        if not self.namespace or self.type in ("deb", "apk"):
            return self.name
        return f"{self.namespace}{':' if self.type == 'maven' else '/'}{self.name}"


class Installed(Protocol):
    """What a purl is compared with: an installed package under its ecosystem's own words."""

    @property
    def type(self) -> str: ...
    @property
    def package(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def source_version(self) -> str: ...


@lru_cache(maxsize=1 << 14)
def parse_purl(text: str) -> Purl:
    """The parts; MalformedError for what is no purl."""
    if len(text) > MAX_LENGTH:
        raise MalformedError(f"a purl of {len(text)} characters (limit {MAX_LENGTH})")
    try:
        parsed = PackageURL.from_string(text)
    except ValueError as error:
        raise MalformedError(f"not a purl: {text!r:.120} ({error})") from None
    given = parsed.qualifiers
    qualifiers = {str(key): str(value) for key, value in given.items()} if given else {}
    version = parsed.version or ""
    if qualifiers.get("epoch", "0") != "0" and ":" not in version:
        version = f"{qualifiers['epoch']}:{version}"
    return Purl(
        type=parsed.type,
        namespace=parsed.namespace or "",
        name=parsed.name,
        version=version,
        qualifiers=qualifiers,
    )


def matches_package(purl: Purl, installed: Installed, distribution: str) -> bool:
    """Whether a purl names the package; `distribution` is `debian-12`, `alpine-3.20`."""
    if purl.type != installed.type:
        return False
    if purl.type not in ("deb", "apk"):
        return _language(purl, installed)
    family, _, release = distribution.partition("-")
    if purl.namespace and purl.namespace.lower() != family:
        return False
    distro = purl.qualifiers.get("distro", "")
    if distro and not _same_release(distro, family, release):
        return False
    if purl.qualifiers.get("arch") == "source":
        return purl.name == installed.source and _version(purl.version, installed.source_version)
    upstream, _, _ = purl.qualifiers.get("upstream", "").partition("@")
    if upstream and upstream != installed.source:
        return False
    if purl.name == installed.package:
        return _version(purl.version, installed.version)
    # A source under its own name, as Debian's tracker writes it: only with its exact version.
    return (
        purl.name == installed.source
        and bool(purl.version)
        and _version(purl.version, installed.source_version)
    )


def _language(purl: Purl, installed: Installed) -> bool:
    mine, theirs = purl.full_name, installed.package
    if purl.type in ("pypi", "nuget", "composer"):
        mine, theirs = _folded(mine), _folded(theirs)
    if purl.type == "golang":
        mine, theirs = mine.lower(), theirs.lower()
        return mine == theirs and _version(purl.version.lstrip("v"), installed.version.lstrip("v"))
    return mine == theirs and _version(purl.version, installed.version)


def _folded(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(said: str, installed: str) -> bool:
    """An absent version means every version; an epoch of 0 is no epoch."""
    return not said or said.removeprefix("0:") == installed.removeprefix("0:")


def _same_release(distro: str, family: str, release: str) -> bool:
    text = distro.lower()
    if text.startswith(f"{family}-"):
        text = text[len(family) + 1 :]
    text = NUMBERS.get(text, text)
    parts = 2 if family == "alpine" else 1
    return text.split(".")[:parts] == release.split(".")[:parts]


def matches_image(identifier: str, image: str, digests: frozenset[str]) -> bool:
    """Whether an identifier names the image: by digest, or by name where it gives no digest."""
    if identifier in digests or identifier == image:
        return True
    if not identifier.startswith("pkg:"):
        name, at, digest = identifier.partition("@")
        return digest in digests if at else image_name(name) == image_name(image)
    try:
        purl = parse_purl(identifier)
    except MalformedError:
        return False
    if not purl.is_image:
        return False
    if purl.version.startswith("sha256:"):
        return purl.version in digests
    tag = purl.version or purl.qualifiers.get("tag", "")
    if tag and tag != _tag(image):
        return False
    repository = purl.qualifiers.get("repository_url", "")
    if repository:
        return image_name(repository) == image_name(image)
    return purl.name == image_name(image).rpartition("/")[2]


def image_purl(image: str, digest: str) -> str:
    """`pkg:oci/node@sha256:…?repository_url=…`, by digest; empty for a folder, which has none."""
    repository = image_name(image)
    name = repository.rpartition("/")[2].lower() or "image"
    if not digest:
        return ""
    return (
        f"pkg:oci/{quote(name, safe='.-_~')}@{quote(digest, safe='')}"
        f"?repository_url={quote(repository, safe='/')}"
    )


def image_name(image: str) -> str:
    """An image's name without scheme, tag and digest; `docker.io/library/` is left out."""
    name = image.partition("@")[0]
    for scheme in ("docker://", "oci://", "https://", "store:"):
        name = name.removeprefix(scheme)
    head, slash, last = name.rpartition("/")
    name = f"{head}{slash}{last.partition(':')[0]}"
    for prefix in ("index.docker.io/", "docker.io/", "library/"):
        name = name.removeprefix(prefix)
    return name


def _tag(image: str) -> str:
    last = image.partition("@")[0].rpartition("/")[2]
    return last.partition(":")[2]
