"""An image definition as the rest of Ironhull sees it: variables replaced, checked, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path

from ironhull.definition.place import Place as Place
from ironhull.oci.digest import Digest
from ironhull.oci.platform import Platform
from ironhull.values import dataclass

MAX_LEVEL = {"zstd": 19, "zstd:chunked": 19, "gzip": 9}
"""The highest level of each way to compress layers; the lowest is 1."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a package: patterns of its paths, without a leading slash; one of both is empty."""

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """`name`, `name=version` (a pin) or `!name` (kept out)."""

    name: str
    place: Place
    version: str | None = None
    excluded: bool = False
    recommends: bool = False
    """Install what this package recommends too."""
    part: Slice | None = None
    """Which of its files are wanted; None: all."""


@dataclass(frozen=True, slots=True)
class RepositoryRequest:
    """A repository that the definition adds: one apt line, `deb [options] URI suite component…`."""

    name: str
    uri: str
    suite: str
    components: tuple[str, ...]
    keyrings: tuple[bytes, ...]
    """Key files of the definition; with no `key_urls` either, Debian's own archive keys."""
    place: Place
    key_urls: tuple[str, ...] = ()
    """Keys to fetch first, `https://…#sha256=<64 hex digits>`: never trusted without the digest,
    which only one that is `addressed` may lack until it is locked."""


ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tar.bz2", ".zip")
"""Endings of the archives that can be unpacked."""


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A fetched file or archive (`contents.files`), checked by its digest."""

    url: str
    checksum: Digest | None
    """None where the definition has none and the lock has not yet: it can be locked, not built."""
    path: str
    place: Place
    uid: int = 0
    gid: int = 0
    mode: int | None = None
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()
    """Empty: every platform."""
    spdx: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArtifactRequest:
    """Files out of another image (`contents.artifacts`), or all of one under a stage (`uses`)."""

    reference: str
    """Where it is, without the digest: `registry.example/tools:1`."""
    digest: Digest
    """Of its manifest or index."""
    place: Place
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    uid: int | None = None
    """None: as in the image."""
    gid: int | None = None
    platforms: tuple[Platform, ...] = ()
    """Empty: every platform."""


@dataclass(frozen=True, slots=True)
class User:
    """An account of etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    mode: int = 0o700
    """Of the home directory."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of etc/group."""

    name: str
    gid: int
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounts:
    """The users and groups that the image has, and whom it runs as."""

    run_as: str
    """Name of the user that the image runs as; `root` only if `root` is true."""
    root: bool
    """Whether root is meant to be used: the account exists always."""
    users: tuple[User, ...]
    groups: tuple[Group, ...]


class PathKind(StrEnum):
    """What an edit of the tree makes of a path."""

    DIRECTORY = "directory"
    SYMLINK = "symlink"
    FILE = "file"
    EMPTY_FILE = "emptyfile"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class PathEdit:
    """One edit of the tree (`paths`), made in order after the packages."""

    kind: PathKind
    path: str
    """Absolute, normalised."""
    place: Place
    source: str | None = None
    """A symlink's target."""
    content: bytes | None = None
    """A file's bytes: `content`, or read from `source` beside the definition."""
    uid: int = 0
    gid: int = 0
    mode: int | None = None
    recursive: bool = False
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildStep:
    """One step of a build stage."""

    name: str
    place: Place
    runs: str
    """The commands, given to the shell as they are."""
    work_dir: str
    shell: tuple[str, ...]
    """Program and options; empty: the stage's bash, or else its sh."""
    environment: Mapping[str, str]
    user: str = "root"


@dataclass(frozen=True, slots=True)
class StageOutput:
    """What of a stage reaches the image."""

    source: str
    target: str
    place: Place
    uid: int = 0
    gid: int = 0
    mode: int | None = None
    """Of its files; None: as the steps left them."""
    diff: bool = False
    """Only what the steps made or changed."""


@dataclass(frozen=True, slots=True)
class BuildStage:
    """A stage of `contents.builds`: a root file system, steps in a sandbox, and outputs."""

    name: str
    place: Place
    uses: ArtifactRequest | None
    packages: tuple[PackageRequest, ...]
    repositories: tuple[RepositoryRequest, ...]
    files: tuple[FileRequest, ...]
    artifacts: tuple[ArtifactRequest, ...]
    accounts: Accounts | None
    paths: tuple[PathEdit, ...]
    steps: tuple[BuildStep, ...]
    outputs: tuple[StageOutput, ...]
    caches: tuple[str, ...] = ()
    """Folders that are empty at first and no output."""
    platforms: tuple[Platform, ...] = ()
    """Empty: every platform."""
    complete: bool = False
    """Whether it has all of dpkg's database: packages are built with it (`ironhull.patched`)."""


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """A request from outside the container: for images that have no client of their own."""

    port: int
    """The container's; the runner chooses the one outside."""
    path: str = "/"
    status: int = 200
    body: str | None = None
    """A regular expression that is found in the answer's body."""


@dataclass(frozen=True, slots=True)
class ImageTest:
    """A test of the definition: commands in one container of the built image, run by an engine.

    The container has the image's user, no network, no capabilities, a read-only root and a tmpfs on
    /tmp, unless a field says otherwise. The commands run one after the other; each must end with
    `exit_code` within `timeout`.
    """

    name: str
    place: Place
    commands: tuple[tuple[str, ...], ...]
    """Each an argument vector; in an image with a shell, a plain string is `/bin/sh -c` of it."""
    directory: str | None = None
    exit_code: int = 0
    timeout: int = 60
    """Seconds, for each command and for the probe."""
    output: str | None = None
    """A regular expression found in the standard output and error of the last command."""
    background: bool = False
    """The first command is the container's main process and keeps running while the others run."""
    user: str | None = None
    network: bool = False
    """The host's network with its proxy, certificate and registry settings (apt, npm, pip)."""
    writable: bool = False
    """The root can be written and the engine's usual capabilities stay: apt-get needs both."""
    http: HttpProbe | None = None
    """Asked until it answers; without commands the main process is the image's own."""
    platforms: tuple[Platform, ...] = ()
    """Empty: every platform."""
    reader: bool = False
    """A static program is mounted at READER, for images that have none of their own."""


READER = "/dev/ironhull-read"
"""`/dev/ironhull-read FILE` prints a file, as any static program would read it."""


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """How an engine asks a container whether it works; times in seconds."""

    command: tuple[str, ...]
    interval: int = 30
    timeout: int = 30
    start_period: int = 0
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Track:
    """How a variable follows the archive at lock time (`track: debian_package`)."""

    package: str
    match: str
    variable: str
    place: Place


@dataclass(frozen=True, slots=True)
class ImageTrack:
    """How a variable follows the digest that an image's tag is at (`track: oci_artifact`)."""

    reference: str
    """`python:3.13` of the own catalog, or `oci://registry.example/base/python:3.13`."""
    variable: str
    place: Place


@dataclass(frozen=True, slots=True)
class ImageDefinition:
    """One image. `digest` is of everything that decides the result, includes and files read too."""

    file: Path
    digest: Digest
    """Of the canonical form after variables and includes; formatting and comments do not count."""
    name: str
    image: str
    """Repository without registry host, for example `node`."""
    variant: str
    """runtime, dev, …"""
    flavor: str
    tags: tuple[str, ...]
    platforms: tuple[Platform, ...]
    distribution: str
    """`debian-13`: from os-release's id and version-id."""
    codename: str
    packages: tuple[PackageRequest, ...]
    repositories: tuple[RepositoryRequest, ...]
    files: tuple[FileRequest, ...]
    mappings: Mapping[str, str]
    accounts: Accounts
    os_release: Mapping[str, str]
    """Keys as in os-release(5), for example VERSION_ID."""
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    work_dir: str
    ports: tuple[str, ...]
    volumes: tuple[str, ...]
    stop_signal: str | None
    healthcheck: Healthcheck | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    paths: tuple[PathEdit, ...]
    compression: str
    """zstd, zstd:chunked or gzip, with an optional `:level`."""
    squashed: bool
    dates: Mapping[str, str]
    tracks: tuple[Track, ...]
    tests: tuple[ImageTest, ...]
    keep: Keep = field(default_factory=lambda: Keep())
    version: str = ""
    """Of what the image is made for, for example 20.19.2: the tracked variable of its tags. Empty
    where no tag follows one, or the tags begin with several."""
    pending: tuple[str, ...] = ()
    """Tracked variables that have no value yet: what uses them still says `${NAME}`, and tags that
    use them are left out. Such a definition can be locked, not built."""
    addressed: tuple[str, ...] = ()
    """Keys and files that are named by address alone, sorted: the lock has their digests."""
    artifacts: tuple[ArtifactRequest, ...] = ()
    builds: tuple[BuildStage, ...] = ()
    followed: tuple[ImageTrack, ...] = ()
    """Images that variables follow: what is taken out of them waits for their digests."""
    texts: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """The bytes of every file read, by its path in the definition's tree; the definition first."""


@dataclass(frozen=True, slots=True)
class Keep:
    """What hardening would remove or refuse and this image is to have: `hardening` in the file."""

    documentation: bool = False
    """usr/share/{doc,man,info,lintian,…} and locales; licence texts are always kept."""
    shell: bool = False
    package_manager: bool = False
    compiler: bool = False
    setuid: tuple[str, ...] = ()
    """Paths that keep their setuid or setgid bit."""
    package_database: str = "status.d"
    """`status.d` (one file a package) or `dpkg` (complete, apt and dpkg work)."""
    idle: tuple[str, ...] = ()
    """Patterns of programs, scripts and libraries that nothing runs or loads in this image: the
    interpreter or the libraries that they need may be missing."""
    overlaps: tuple[str, ...] = ()
    """Paths that several packages may bring; the last in the lock's order wins."""
