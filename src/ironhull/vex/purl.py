"""Package URLs in all the forms that people write, compared with what is installed.

The parts are compared, never the texts: `%2B` and `+`, an epoch in the version or as a qualifier,
`distro=debian-12`, `debian-12.5` and `bookworm`, the source by `arch=source` or `upstream=`.
Qualifiers that say where a package is (`distro`, `os_name`, `os_version`, `os_distro`, `arch`)
restrict a purl to there; what is not known to be there is not meant.
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
from ironhull.oci.reference import names_registry

MAX_LENGTH = 2048
IMAGES = frozenset({"oci", "docker"})
RELEASES = ("distro", "os_version", "os_distro")
"""Qualifiers that name a release of a distribution, by number or by codename."""
# Debian's words and the kernel's for what OCI calls otherwise.
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "i686": "386",
    "armhf": "arm",
    "armel": "arm",
    "armv7l": "arm",
    "ppc64el": "ppc64le",
}


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
        """Whether it names an image, not a package."""
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
    def type(self) -> str:
        """As in purls."""
        ...

    @property
    def package(self) -> str:
        """The name in its ecosystem; a binary package's where there are two."""
        ...

    @property
    def version(self) -> str:
        """The binary package's version."""
        ...

    @property
    def source(self) -> str:
        """The source package's name, where there is one."""
        ...

    @property
    def source_version(self) -> str:
        """The source package's version."""
        ...

    @property
    def purl(self) -> str:
        """The package's own purl; empty where it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The image that a package is in, as far as purls speak of it."""

    distribution: str
    """`debian-12`, `alpine-3.20`."""
    architecture: str = ""
    """OCI's word; empty if it is not known."""


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


def purl_or_problem(text: str) -> Purl | str | None:
    """The purl, what is wrong with it, or None where it does not mean to be one."""
    if not text.startswith("pkg:"):
        return None
    try:
        return parse_purl(text)
    except MalformedError as error:
        return str(error)


def matches_package(purl: Purl, installed: Installed, place: Surroundings) -> bool:
    """Whether a purl names the package in an image."""
    if purl.type != installed.type or not _is_there(purl, installed, place):
        return False
    if purl.type not in ("deb", "apk"):
        return _language(purl, installed)
    if purl.namespace and purl.namespace.lower() != place.distribution.partition("-")[0]:
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


def _is_there(purl: Purl, installed: Installed, place: Surroundings) -> bool:
    """Whether the qualifiers that restrict a purl allow this image."""
    said = purl.qualifiers
    family, _, release = place.distribution.partition("-")
    if said.get("os_name", family).lower() != family:
        return False
    if not all(_same_release(said[name], family, release) for name in RELEASES if said.get(name)):
        return False
    wanted = said.get("arch", "")
    if wanted in ("", "source"):
        return True
    return _architecture(wanted) in (place.architecture, _architecture(_own(installed.purl)))


def _own(text: str) -> str:
    """The architecture that a package's own purl names: `all` where it is for every one."""
    try:
        return parse_purl(text).qualifiers.get("arch", "") if text else ""
    except MalformedError:
        return ""


def _architecture(word: str) -> str:
    lowered = word.lower()
    return _ARCHITECTURES.get(lowered, lowered) or "unknown"


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


def matches_image(
    identifier: str, image: str, digests: frozenset[str], place: Surroundings
) -> bool:
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
    if not purl.is_image or not _is_image_of(purl, place):
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


def _is_image_of(purl: Purl, place: Surroundings) -> bool:
    said = purl.qualifiers
    family, _, release = place.distribution.partition("-")
    return (
        said.get("os_name", family).lower() in (family, "linux")
        and all(_same_release(said[name], family, release) for name in RELEASES if said.get(name))
        and _architecture(said.get("arch") or place.architecture)
        == _architecture(place.architecture)
    )


def part_purls(purl: str) -> tuple[str, ...]:
    """A package's purl as part of an image, in the forms that scanners compare letter by letter.

    Without the qualifiers that they write differently (`distro=debian-13` or `debian-13.8`,
    `upstream`), which the image's digest makes needless; an epoch in the version and as qualifier.
    """
    parsed = PackageURL.from_string(purl)
    if parsed.type not in ("deb", "apk", "rpm"):
        return (purl,)
    given = parsed.qualifiers if isinstance(parsed.qualifiers, dict) else {}
    kept = {key: given[key] for key in ("arch",) if key in given}
    epoch, colon, rest = (parsed.version or "").partition(":")
    forms = [(parsed.version, kept)]
    if colon and epoch.isdigit():
        forms.append((rest, {**kept, "epoch": epoch}))
    return tuple(
        PackageURL(parsed.type, parsed.namespace, parsed.name, version, qualifiers).to_string()
        for version, qualifiers in forms
    )


def image_purl(image: str, digest: str) -> str:
    """`pkg:oci/node@sha256:…?repository_url=…`, by digest; empty for a folder, which has none.

    An image of the store is in no registry yet: then without, for that restricts it to one.
    """
    repository = image_name(image)
    name = repository.rpartition("/")[2].lower() or "image"
    if not digest:
        return ""
    purl = f"pkg:oci/{quote(name, safe='.-_~')}@{quote(digest, safe='')}"
    placed = names_registry(repository) and not repository.endswith("/")
    return f"{purl}?repository_url={quote(repository, safe='/')}" if placed else purl


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
