"""What a container needs to reach the network as the host does, and must not keep.

Certificates, proxies, and where apt, npm, pip, uv and Go fetch from: as files in one folder that is
mounted, and variables that point into it. Tokens and passwords of registries are not passed on.
"""

from __future__ import annotations

import configparser
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path

from ironhull.debian.java_store import certificates_in, java_store
from ironhull.engine.interface import Mount
from ironhull.engine.process import call
from ironhull.errors import EngineError
from ironhull.transport.address import parts_of
from ironhull.values import dataclass

TARGET = "/run/ironhull-host"
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_APT = (
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
)
_MAX_BUNDLE = 16 * 1024 * 1024
_DEBIAN_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True, slots=True)
class AptRepository:
    """Where apt in the container is to fetch from."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostSettings:
    """Mounts and variables for a container, or for the RUN steps of a build."""

    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def host_settings(
    environment: Mapping[str, str], home: Path, repositories: Sequence[AptRepository] = ()
) -> Iterator[HostSettings]:
    """The host's settings in a folder that is there while the block runs.

    `environment` and `home` are the host's; `repositories` replace the image's own apt sources.
    """
    with tempfile.TemporaryDirectory(prefix="ironhull-host-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        variables = _proxies(environment)
        bundle = _bundle(environment)
        if bundle:
            (folder / "ca.crt").write_bytes(bundle)
            ca = f"{TARGET}/ca.crt"
            variables |= dict.fromkeys(
                ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
                ca,
            )
            found = {f"host:{number}": one for number, one in enumerate(certificates_in(bundle))}
            (folder / "cacerts").write_bytes(java_store(found))
        variables |= _java(environment, bool(bundle))
        variables |= _go(environment, home)
        (folder / "npmrc").write_text(_npmrc(environment, home, bool(bundle)))
        (folder / "pip.conf").write_text(_pip_conf(environment, home, bool(bundle)))
        variables["npm_config_globalconfig"] = f"{TARGET}/npmrc"
        variables["PIP_CONFIG_FILE"] = f"{TARGET}/pip.conf"
        index = re.search("^index-url = (.+)$", (folder / "pip.conf").read_text(), re.MULTILINE)
        variables |= {"UV_DEFAULT_INDEX": index[1]} if index else {}
        if repositories:
            (folder / "apt.sources").write_text(_sources(repositories))
            (folder / "apt.conf").write_text(_apt_conf())
            variables["APT_CONFIG"] = f"{TARGET}/apt.conf"
        for path in folder.iterdir():
            path.chmod(0o644)
        yield HostSettings((Mount(folder, TARGET),), variables)


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    names = [*_PROXIES, *(name.upper() for name in _PROXIES)]
    return {name: environment[name] for name in names if environment.get(name)}


def _java(environment: Mapping[str, str], has_bundle: bool) -> dict[str, str]:
    """What every Java takes from a variable; it reads neither PEM files nor proxies' variables."""
    words = [f"-Djavax.net.ssl.trustStore={TARGET}/cacerts"] if has_bundle else []
    for scheme in ("http", "https"):
        name = f"{scheme}_proxy"
        proxy = parts_of(environment.get(name) or environment.get(name.upper()) or "")
        # A name and password would be seen in the list of processes.
        if proxy.hostname and proxy.username is None:
            words.append(f"-D{scheme}.proxyHost={proxy.hostname}")
            words.append(f"-D{scheme}.proxyPort={proxy.port or 80}")
    return {"JAVA_TOOL_OPTIONS": " ".join(words)} if words else {}


def _go(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Where Go fetches modules and who vouches for them, if the host says so."""
    lines = (line.partition("=") for line in _lines(home / ".config/go/env"))
    said = {key: value.strip() for key, _, value in lines}
    found = {}
    for name in ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY"):
        value = environment.get(name) or said.get(name, "")
        if value and "@" not in value:
            found[name] = value
    return found


def _bundle(environment: Mapping[str, str]) -> bytes:
    """The host's certificate authorities, empty if there are none to be found."""
    for name in (environment.get("SSL_CERT_FILE", ""), *_BUNDLES):
        path = Path(name)
        if name and path.is_file() and path.stat().st_size <= _MAX_BUNDLE:
            return path.read_bytes()
    return b""


def _npmrc(environment: Mapping[str, str], home: Path, has_bundle: bool) -> str:
    lines = {"cafile": f"{TARGET}/ca.crt"} if has_bundle else {}
    for path in (Path("/etc/npmrc"), home / ".npmrc"):
        for line in _lines(path):
            key, equals, value = (part.strip() for part in line.partition("="))
            registry = key == "registry" or (key.startswith("@") and key.endswith(":registry"))
            if equals and registry and _is_address(value):
                lines[key] = value
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if _is_address(environment.get(name, "")):
            lines["registry"] = environment[name]
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def _pip_conf(environment: Mapping[str, str], home: Path, has_bundle: bool) -> str:
    values = {"cert": f"{TARGET}/ca.crt"} if has_bundle else {}
    places = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    if environment.get("PIP_CONFIG_FILE"):
        places.append(Path(environment["PIP_CONFIG_FILE"]))
    for path in places:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string("\n".join(_lines(path)))
        except configparser.Error:
            continue
        for key in ("index-url", "extra-index-url"):
            value = parser.get("global", key, fallback="").strip()
            if _is_address(value):
                values[key] = value
    for key in ("index-url", "extra-index-url"):
        value = environment.get(f"PIP_{key.upper().replace('-', '_')}", "").strip()
        if _is_address(value):
            values[key] = value
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())


def _is_address(text: str) -> bool:
    """One http address without a password in it."""
    parts = parts_of(text.strip("\"'"))
    return parts.scheme in ("http", "https") and bool(parts.netloc) and "@" not in parts.netloc


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _sources(repositories: Sequence[AptRepository]) -> str:
    return "\n".join(
        f"Types: deb\nURIs: {one.uri}\nSuites: {' '.join(one.suites)}\n"
        f"Components: {' '.join(one.components)}\nSigned-By: {_DEBIAN_KEYS}\n"
        for one in repositories
    )


def _apt_conf() -> str:
    """The settings of the host's apt that decide how it fetches, and our sources."""
    lines = []
    try:
        dumped = call(["apt-config", "dump"], timeout=10).stdout.splitlines()
    except EngineError:
        dumped = []
    for line in dumped:
        key, _, value = line.partition(" ")
        if key in _APT and value not in ('"";', ""):
            lines.append(line)
    lines.append('Dir::Etc::SourceList "/dev/null";')
    lines.append(f'Dir::Etc::SourceParts "{TARGET}";')
    return "\n".join(lines) + "\n"
