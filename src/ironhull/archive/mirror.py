"""Which repositories a distribution's packages come from: no address of any is in the code.

The first of these that says something decides:
1. the setting (an option of the command line, the environment, a file: `cli` knows the order);
2. the machine's own apt sources, from which only Debian's own are taken, whatever release the
   machine itself runs: the address counts, the suites are those of the distribution asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from ironhull.archive.apt_sources import APT_SOURCES, AptSource, apt_sources, parse_line
from ironhull.archive.interface import Repository
from ironhull.archive.trust import debian_keyring
from ironhull.debian import codenames
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.transport.address import parts_of
from ironhull.values import dataclass

MAIN, SECURITY = "debian", "debian-security"

# Releases by the `distribution` of a definition (os-release's id and version-id).
CODENAMES = {
    **{f"debian-{number}": codename for number, codename in codenames.IMAGES.items()},
    "debian-sid": "sid",
}
_SUITES = {*codenames.NUMBERS, "sid", "stable", "oldstable", "oldoldstable", "testing", "unstable"}
_POCKETS = re.compile(
    r"(?P<base>[a-z]+)(?:-(?:updates|backports|proposed-updates|security)|/updates)?"
)
_SCHEMES = ("http", "https", "file")
_HOW = (
    "give the mirror's address with --mirror URL, in the environment as IRONHULL_MIRROR=URL,"
    ' or in ironhull.toml as mirror = "URL"'
)


@dataclass(frozen=True, slots=True)
class _Roots:
    """Addresses of the two repositories; either may be unknown."""

    main: str | None
    security: str | None


def find_repositories(
    distribution: str,
    *,
    mirror: str | None = None,
    origin: str = "the setting `mirror`",
    apt: Sequence[Path] = APT_SOURCES,
    components: Sequence[str] = ("main",),
    keyrings: Sequence[bytes] = (),
) -> list[Repository]:
    """The repositories of a distribution (`debian-13`), with release, updates and security.

    `mirror` is an address, two addresses (the second one for security), or apt lines (`deb URI
    suite component…`, separated by `;` or newlines), whose suites are then the only ones. An
    address is http, https, file: or a path. `origin` is what messages call it. `keyrings` replace
    Debian's own keys.
    InputError for a text that is none of these, EnvironmentProblem if nothing names a mirror.
    """
    codename = _codename(distribution)
    keys = tuple(keyrings) or (debian_keyring(),)
    if mirror is not None and mirror.strip():
        if mirror.strip().startswith(("deb ", "deb\t", "deb-src")):
            return _from_lines(mirror, origin, tuple(keyrings))
        return _repositories(_from_addresses(mirror, origin), codename, tuple(components), keys)
    return _repositories(_from_machine(apt), codename, tuple(components), keys)


def _codename(distribution: str) -> str:
    codename = CODENAMES.get(distribution)
    if codename is None:
        raise InputError(
            f"unknown distribution {distribution!r} (there are: {', '.join(CODENAMES)})"
        )
    return codename


def _repositories(
    roots: _Roots, codename: str, components: tuple[str, ...], keys: tuple[bytes, ...]
) -> list[Repository]:
    main = roots.main or _main_of(roots.security or "")
    security = roots.security or _security_of(main, codename)
    if codename == "sid":
        return [Repository(MAIN, main, (codename,), components, keys)]
    # Old releases called the suite otherwise; from bullseye on it is this.
    return [
        Repository(MAIN, main, (codename, f"{codename}-updates"), components, keys),
        Repository(SECURITY, security, (f"{codename}-security",), components, keys),
    ]


def _security_of(main: str, codename: str) -> str:
    """Beside `…/debian` is `…/debian-security`; any other root is taken to hold all suites."""
    sibling = f"{main}-security" if main.rpartition("/")[2] == MAIN else main
    local = local_path(main)
    if local is not None and (local / "dists" / f"{codename}-security").is_dir():
        return main
    return sibling


def _main_of(security: str) -> str:
    return security.removesuffix("-security")


def _from_addresses(text: str, origin: str) -> _Roots:
    addresses = [_address(word, origin) for word in text.split()]
    if len(addresses) > 2:
        raise InputError(
            f"{origin} has {len(addresses)} addresses: {text!r:.200}"
            " (expected the mirror's, and at most one more, of its security repository)"
        )
    return _Roots(addresses[0], addresses[1] if len(addresses) == 2 else None)


def _address(word: str, origin: str) -> str:
    if word.startswith(("/", "./", "../", "~/")):
        return Path(word).expanduser().absolute().as_uri()
    parts = parts_of(word)
    if parts.scheme not in _SCHEMES or not (parts.netloc or parts.scheme == "file"):
        raise InputError(
            f"{origin} is not the address of a mirror: {word!r:.200}"
            " (expected http://…, https://…, file:/… or a path)"
        )
    return word.rstrip("/")


def local_path(uri: str) -> Path | None:
    """The folder of a `file:` address, None for any other."""
    parts = parts_of(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _from_lines(text: str, origin: str, keyrings: tuple[bytes, ...]) -> list[Repository]:
    repositories: list[Repository] = []
    for number, line in enumerate(re.split(r"[;\n]", text), 1):
        source = parse_line(line.strip(), f"{origin}:{number}") if line.strip() else None
        if source is None:
            continue
        uri = _address(source.uri, origin)
        keys = keyrings or _signed_by(source) or (debian_keyring(),)
        name = SECURITY if _is_security(source) else MAIN
        for index, known in enumerate(repositories):
            if (known.uri, known.components, known.keyrings) == (uri, source.components, keys):
                suites = known.suites + source.suites
                repositories[index] = Repository(known.name, uri, suites, known.components, keys)
                break
        else:
            taken = sum(known.name.startswith(name) for known in repositories)
            unique = f"{name}-{taken + 1}" if any(r.name == name for r in repositories) else name
            repositories.append(Repository(unique, uri, source.suites, source.components, keys))
    if not repositories:
        raise InputError(f"{origin} names no binary packages: {text!r:.200}")
    return repositories


def _signed_by(source: AptSource) -> tuple[bytes, ...]:
    try:
        return tuple(Path(name).read_bytes() for name in source.signed_by.split(",") if name)
    except OSError as error:
        raise InputError(
            f"{source.place}: cannot read {error.filename}: {error.strerror}"
        ) from None


def _from_machine(paths: Sequence[Path]) -> _Roots:
    sources = apt_sources(paths)
    own = sorted((s for s in sources if _rank(s)), key=_rank, reverse=True)
    main = next((_resolved(s) for s in own if not _is_security(s)), None)
    security = next((_resolved(s) for s in own if _is_security(s)), None)
    if main is None and security is None:
        files = " and ".join(str(path) for path in paths) or "no file"
        what = f"{len(sources)} sources, none of them Debian's own" if sources else "no source"
        raise EnvironmentProblem(f"no package mirror is set, and {files} has {what}: {_HOW}")
    return _Roots(main, security)


def _rank(source: AptSource) -> int:
    """0 for a source that is not Debian's own, else how sure that is."""
    scheme = parts_of(source.uri).scheme
    if scheme not in _SCHEMES and not source.uri.startswith("mirror+file:"):
        return 0
    if "main" not in source.components or not all(_is_debian_suite(s) for s in source.suites):
        return 0
    debians = "debian-archive" in source.signed_by
    if source.signed_by and not debians:
        return 0
    last = parts_of(source.uri).path.rstrip("/").rpartition("/")[2]
    named = last in (MAIN, SECURITY) or scheme == "file" or source.uri.startswith("mirror+file:")
    return 1 + 2 * debians + named


def _is_debian_suite(suite: str) -> bool:
    found = _POCKETS.fullmatch(suite)
    return found is not None and found["base"] in _SUITES


def _is_security(source: AptSource) -> bool:
    if all(suite.endswith(("-security", "/updates")) for suite in source.suites):
        return True
    return parts_of(source.uri).path.rstrip("/").endswith("-security")


def _resolved(source: AptSource) -> str:
    """The address; of a `mirror+file:` list the first that it names."""
    if not source.uri.startswith("mirror+file:"):
        return source.uri.rstrip("/")
    path = Path(unquote(parts_of(source.uri.removeprefix("mirror+")).path))
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise EnvironmentProblem(
            f"{source.place} names the mirror list {path}, which cannot be read:"
            f" {error.strerror} ({_HOW})"
        ) from None
    for line in lines:
        word = line.split("#")[0].split()[:1]
        if word and parts_of(word[0]).scheme in _SCHEMES:
            return word[0].rstrip("/")
    raise EnvironmentProblem(f"{path}, named by {source.place}, has no address ({_HOW})")
