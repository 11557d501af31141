"""The inventory of an image: frozen values without I/O.

Paths are absolute in the image (`/usr/bin/env`). `layer` is the digest of the layer that a path
comes from, as the manifest writes it; it is empty where the image has no layers (a directory).
`ironhull.inventory.document` writes these values as JSON and reads them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from ironhull.oci.digest import DiffId, Digest
from ironhull.oci.platform import Platform
from ironhull.values import dataclass

PackageType = Literal[
    "deb",
    "apk",
    "npm",
    "pypi",
    "maven",
    "golang",
    "gem",
    "composer",
    "nuget",
    "cargo",
    "binary",
]
"""The purl types, and `binary` for a runtime that is recognised by its executable."""

PACKAGE_TYPES: tuple[PackageType, ...] = PackageType.__args__  # type: ignore[attr-defined]

DISTRIBUTION_TYPES: frozenset[PackageType] = frozenset({"deb", "apk"})


@dataclass(frozen=True, slots=True)
class ImageIdentity:
    """Which image this is. A directory has neither digest nor platform."""

    name: str
    """As the person wrote it."""
    kind: str
    """store, registry, layout, archive, rootfs or engine."""
    digest: Digest | None = None
    """What the name points at: the index's digest if it has one, else the manifest's."""
    manifest: Digest | None = None
    config: Digest | None = None
    platform: Platform | None = None

    @property
    def key(self) -> str:
        """What one stored inventory is found by: the manifest's digest, or the config's."""
        return self.manifest or self.config or ""


@dataclass(frozen=True, slots=True)
class Distribution:
    """What os-release says. `reason` tells why it is unknown and is empty where it is known."""

    id: str = ""
    version_id: str = ""
    codename: str = ""
    pretty_name: str = ""
    id_like: tuple[str, ...] = ()
    debian_version: str = ""
    """etc/debian_version: `12.15`, `trixie/sid`; empty where there is none."""
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether os-release names the distribution."""
        return bool(self.id)

    @property
    def label(self) -> str:
        """`debian-12`, or the id alone for a rolling release: the purl qualifier `distro`."""
        return f"{self.id}-{self.version_id}" if self.version_id else self.id


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package, at one place."""

    name: str
    """As advisories of its ecosystem write it: `@scope/name`, `group:artifact`, module path."""
    version: str
    """As recorded; empty where the record has none."""
    type: PackageType
    location: str
    """The file that says so; for a nested jar `/outer.jar:inner.jar`."""
    layer: str = ""
    architecture: str = ""
    """The distribution's word: amd64, all, x86_64, noarch."""
    source: str = ""
    """Distribution packages: the source package (apk: origin), never empty. Others: empty."""
    source_version: str = ""
    purl: str = ""
    owned_by: str = ""
    """The distribution package that installed `location`; empty where none did."""
    licenses: tuple[str, ...] = ()
    built_using: tuple[str, ...] = ()
    """Debian's Built-Using and Static-Built-Using: `source (= version)`."""
    removed: str = ""
    """Debian: `12 files`, where the image has none of the files that the package's list names,
    documentation and configuration aside; else empty. The database still calls it installed."""
    origin: str = ""
    """Debian: who made the package, where dpkg's database names another than Debian."""
    status: str = ""
    """dpkg's state where it is not plainly `installed`, for example `half-configured`."""

    @property
    def is_distribution(self) -> bool:
        """Whether the distribution's package manager installed it."""
        return self.type in DISTRIBUTION_TYPES


@dataclass(frozen=True, slots=True)
class PasswdEntry:
    """A line of etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What the image's configuration says (image-spec config.md). Empty for a directory."""

    user: str = ""
    env: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = ""
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    healthcheck: tuple[str, ...] = ()
    created: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Exposure:
    """A path of the image that matters, and why."""

    path: str
    detail: str = ""
    """What it is: the tool's name, `4755 root`, `cap_net_raw=ep`, `RSA private key`."""
    layer: str = ""
    owned_by: str = ""


@dataclass(frozen=True, slots=True)
class Surface:
    """What an attacker inside the container would find useful."""

    shells: tuple[Exposure, ...] = ()
    package_managers: tuple[Exposure, ...] = ()
    compilers: tuple[Exposure, ...] = ()
    network_tools: tuple[Exposure, ...] = ()
    interpreters: tuple[Exposure, ...] = ()
    setuid: tuple[Exposure, ...] = ()
    setgid: tuple[Exposure, ...] = ()
    capabilities: tuple[Exposure, ...] = ()
    world_writable: tuple[Exposure, ...] = ()
    """Files anyone may write, and directories anyone may write without the sticky bit."""
    user_writable: tuple[Exposure, ...] = ()
    """The highest paths that the image's default user may write; not filled in for root."""
    secrets: tuple[Exposure, ...] = ()
    """Files and variables (`env:NAME`) that look like keys. Never the secret itself."""
    executables: int = 0
    libraries: int = 0
    files: int = 0
    directories: int = 0
    size: int = 0
    """Bytes of all regular files that a container sees; hard links count once."""


SURFACE_LISTS = (
    "shells",
    "package_managers",
    "compilers",
    "network_tools",
    "interpreters",
    "setuid",
    "setgid",
    "capabilities",
    "world_writable",
    "user_writable",
    "secrets",
)
SURFACE_COUNTS = ("executables", "libraries", "files", "directories", "size")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, lowest first."""

    digest: str
    diff_id: DiffId | None
    media_type: str
    size: int
    """Bytes as stored or sent."""
    uncompressed: int
    """Bytes of the tar."""
    files: int
    """Members that are no directories and no whiteouts."""
    created_by: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A path whose bytes are in several layers; all but the last are waste."""

    path: str
    layers: tuple[str, ...]
    wasted: int
    """Bytes of the copies that no container sees."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that the inventory could not read or that a person should know."""

    kind: Literal["unparsed", "warning", "accepted"]
    """`unparsed`: a package may be missing because of it; `accepted`: so, and a person knows."""
    location: str
    message: str
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything that was found. Tuples are sorted, so equal images give equal inventories."""

    image: ImageIdentity
    distribution: Distribution
    packages: tuple[Package, ...] = ()
    users: tuple[PasswdEntry, ...] = ()
    config: ImageConfig = ImageConfig()
    surface: Surface = Surface()
    layers: tuple[Layer, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    """The costliest first, at most a thousand."""
    wasted: int = 0
    """Bytes of all files in lower layers that upper ones replace or remove."""
    remarks: tuple[Remark, ...] = ()

    @property
    def unparsed(self) -> tuple[Remark, ...]:
        """What may hide packages; a scan must say so."""
        return tuple(remark for remark in self.remarks if remark.kind == "unparsed")

    @property
    def accepted(self) -> tuple[Remark, ...]:
        """What may hide packages, and a person has accepted that."""
        return tuple(remark for remark in self.remarks if remark.kind == "accepted")
