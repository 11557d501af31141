"""Logins out of docker's config.json, podman's auth.json and their credential helpers.

Which files there are is the caller's to say: `credential_files` turns an environment into paths.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from ironhull.errors import InputError
from ironhull.oci.reference import DOCKER_HUB
from ironhull.values import dataclass

_MAX_FILE = 1 << 20
_HELPER_SECONDS = 30
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# The key under which docker keeps the login of Docker Hub.
_HUB_KEY = "https://index.docker.io/v1/"
_HUB_HOSTS = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True)
class Login:
    """How to convince one registry; `source` names the file or helper, for messages."""

    username: str
    password: str = field(repr=False)
    source: str
    identity_token: str = field(default="", repr=False)


def credential_files(environment: Mapping[str, str], uid: int) -> tuple[Path, ...]:
    """The files that podman and docker would read, the first to be asked first.

    REGISTRY_AUTH_FILE replaces all others (containers-auth.json(5)).
    """
    named = environment.get("REGISTRY_AUTH_FILE")
    if named:
        return (Path(named),)
    home = Path(environment.get("HOME") or "/")
    runtime = environment.get("XDG_RUNTIME_DIR")
    config = environment.get("XDG_CONFIG_HOME")
    docker = environment.get("DOCKER_CONFIG")
    return (
        (Path(runtime) if runtime else Path(f"/run/containers/{uid}")) / _podman(runtime),
        (Path(config) if config else home / ".config") / "containers/auth.json",
        (Path(docker) if docker else home / ".docker") / "config.json",
    )


def _podman(runtime: str | None) -> str:
    # /run/containers/<uid>/auth.json stands in where there is no runtime folder.
    return "containers/auth.json" if runtime else "auth.json"


def run_helper(name: str, server: str) -> Login | None:
    """What `docker-credential-<name> get` says about a server; None if it has nothing.

    InputError if the helper is missing, too slow, or answers something else.
    """
    program = f"docker-credential-{name}"
    if not _HELPER_NAME.fullmatch(name):
        raise InputError(f"{name!r:.100} is not the name of a credential helper")
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{program} did not answer within {_HELPER_SECONDS} s") from None
    except OSError as error:
        raise InputError(f"cannot run {program}: {error.strerror}") from None
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[:500].decode("utf-8", "replace").strip()
        if "not found" in said.lower():
            return None
        raise InputError(f"{program} failed for {server}: {said or 'no message'}")
    try:
        value = json.loads(done.stdout[:_MAX_FILE])
        username, secret = value["Username"], value["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{program} did not answer with a login") from None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise InputError(f"{program} did not answer with a login")
    if username == "<token>":
        return Login("", "", program, secret)
    return Login(username, secret, program)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Logins by registry and repository; empty: everything is anonymous."""

    files: Sequence[Path] = ()
    helper: Callable[[str, str], Login | None] = run_helper

    def find(self, registry: str, repository: str, note: Callable[[str], None]) -> Login | None:
        """The login for a repository, the longest matching path first; None: none is known.

        A helper that fails is noted and passed over: public images must not need it.
        InputError for a file that is there and is not readable JSON.
        """
        keys = list(_keys(registry, repository))
        for path in self.files:
            config = _read(path)
            login = self._from(config, path, keys, note) if config else None
            if login is not None:
                return login
        return None

    def _from(
        self, config: Mapping[str, Any], path: Path, keys: list[str], note: Callable[[str], None]
    ) -> Login | None:
        auths, helpers = (_by_location(config.get(key)) for key in ("auths", "credHelpers"))
        for key in keys:
            if isinstance(helpers.get(key), str):
                return self._ask(helpers[key], key, note)
            if isinstance(auths.get(key), dict):
                login = _login(auths[key], path, key)
                if login is not None:
                    return login
        store = config.get("credsStore")
        return self._ask(store, keys[-1], note) if isinstance(store, str) and store else None

    def _ask(self, name: str, key: str, note: Callable[[str], None]) -> Login | None:
        try:
            return self.helper(name, _HUB_KEY if key == DOCKER_HUB else key)
        except InputError as error:
            note(f"going on without a login for {key}: {error}")
            return None


def _keys(registry: str, repository: str) -> Iterator[str]:
    """`host/a/b`, `host/a`, `host`."""
    host = DOCKER_HUB if registry.lower() in _HUB_HOSTS else registry.lower()
    parts = repository.split("/") if repository else []
    for count in range(len(parts), -1, -1):
        yield "/".join([host, *parts[:count]])


def _by_location(value: object) -> dict[str, Any]:
    """The entries with their keys brought to `host[/path]`; docker writes URLs too."""
    found: dict[str, Any] = {}
    for key, item in value.items() if isinstance(value, dict) else ():
        scheme, separator, rest = str(key).partition("://")
        location = (rest if separator else scheme).rstrip("/")
        host, slash, path = location.partition("/")
        if separator or (host.lower() in _HUB_HOSTS and path in ("v1", "v2")):
            slash = path = ""
        host = DOCKER_HUB if host.lower() in _HUB_HOSTS else host.lower()
        found.setdefault(host + slash + path, item)
    return found


def _login(entry: Mapping[str, Any], path: Path, key: str) -> Login | None:
    token, auth = entry.get("identitytoken"), entry.get("auth")
    identity = token if isinstance(token, str) else ""
    username, password = entry.get("username"), entry.get("password")
    if isinstance(auth, str) and auth:
        try:
            text = base64.b64decode(auth, validate=True).decode("utf-8").rstrip("\0")
        except (binascii.Error, UnicodeDecodeError):
            raise InputError(f"{path}: auths.{key}.auth is not base64") from None
        username, colon, password = text.partition(":")
        if not colon:
            raise InputError(f"{path}: auths.{key}.auth is not base64 of user:password")
    if isinstance(username, str) and isinstance(password, str) and (username or identity):
        return Login(username, password, str(path), identity)
    return Login("", "", str(path), identity) if identity else None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if not raw.strip():
        return None
    try:
        value = json.loads(raw) if len(raw) <= _MAX_FILE else None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: not a credential file (a JSON object of at most 1 MiB)")
    return value
