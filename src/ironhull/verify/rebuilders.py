"""Who else has rebuilt Debian's packages to the same bytes: rebuilderd's attestations.

Each is an in-toto link, signed over its canonical JSON (OLPC's: keys sorted, only quotes and
backslashes escaped), and names what came out of the rebuild by its digests. Files are somebody's
download: read strictly, and a link counts for nobody but the keys whose signatures hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironhull.errors import InputError, MalformedError
from ironhull.signing.public_key import PublicKey
from ironhull.verify.refusal import RefusedError
from ironhull.verify.strict import strict_object

MAX_FILES = 100_000
MAX_SIZE = 1 << 20
MAX_LINES = 256 << 20
ENDINGS = (".json", ".jsonl", ".link")
MAX_SIGNATURES = 16
_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Link:
    """One attestation of a rebuild, as it was read; nobody has vouched for it yet."""

    value: Mapping[str, Any] = field(repr=False)
    message: bytes = field(repr=False)
    """What is signed."""
    signatures: tuple[bytes, ...]
    products: tuple[str, ...]
    """sha256 of what came out of the rebuild."""

    def signers(self, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
        """Which of the keys have signed it."""
        return tuple(
            key for key in keys if any(key.holds(self.message, sig) for sig in self.signatures)
        )


def rebuilds(links: Iterable[Link], keys: Iterable[PublicKey]) -> dict[str, frozenset[str]]:
    """sha256 of a rebuilt file → fingerprints of the keys that say so."""
    known = tuple(keys)
    found: dict[str, set[str]] = {}
    for link in links:
        for key in link.signers(known):
            for digest in link.products:
                found.setdefault(digest, set()).add(key.fingerprint)
    return {digest: frozenset(signers) for digest, signers in found.items()}


def read_links(places: Iterable[Path]) -> Iterator[Link]:
    """The links in files, or in folders of them (`*.link`, `*.json`, and `*.jsonl`, one a line).

    InputError for a place that cannot be read, MalformedError for a file that is no link: nobody
    should think it counted.
    """
    for path in _files(places):
        try:
            with path.open("rb") as file:
                data = file.read(MAX_LINES + 1)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from None
        yield from links_in(data, str(path), lines=path.suffix == ".jsonl")


def links_in(data: bytes, name: str, *, lines: bool) -> Iterator[Link]:
    """The link of a file, or one of each of its `lines`; MalformedError."""
    if not lines:
        yield _parsed(data, name)
        return
    if len(data) > MAX_LINES:
        raise MalformedError(f"{name}: larger than {MAX_LINES} bytes")
    for number, line in enumerate(data.splitlines(), 1):
        if number > MAX_FILES:
            raise InputError(f"{name}: more than {MAX_FILES} attestations of rebuilders")
        if line.strip():
            yield _parsed(line, f"{name}:{number}")


def link_of(value: Mapping[str, Any], name: str) -> Link:
    """The link that a JSON object is, read strictly before; MalformedError."""
    signed, signatures = value.get("signed"), value.get("signatures")
    if not isinstance(signed, dict) or not isinstance(signatures, list):
        raise MalformedError(f"{name}: no in-toto link (it has no `signed` and `signatures`)")
    try:
        message = canonical_json(signed).encode()
    except RecursionError:
        raise MalformedError(f"{name}: nested too deep") from None
    except MalformedError as error:
        raise MalformedError(f"{name}: {error}") from None
    if signed.get("_type") != "link" or not str(signed.get("name", "")).startswith("rebuild "):
        raise MalformedError(f"{name}: a link of something that is no rebuild")
    given = (_signature(each) for each in signatures[:MAX_SIGNATURES])
    found = tuple(dict.fromkeys(_products(signed.get("products"))))
    return Link(value, message, tuple(filter(None, given)), found)


def _parsed(data: bytes, name: str) -> Link:
    if len(data) > MAX_SIZE:
        raise MalformedError(f"{name}: larger than {MAX_SIZE} bytes")
    try:
        return link_of(strict_object(data, name), name)
    except RefusedError as error:
        raise MalformedError(f"{name}: {error}") from None


def _files(places: Iterable[Path]) -> Iterator[Path]:
    count = 0
    for place in places:
        inside = sorted(path for ending in ENDINGS for path in place.rglob(f"*{ending}"))
        if place.is_dir() and not inside:
            raise InputError(f"{place}: a folder without attestations ({', '.join(ENDINGS)})")
        for path in inside or (place,):
            count += 1
            if count > MAX_FILES:
                raise InputError(f"more than {MAX_FILES} attestations of rebuilders")
            yield path


def _signature(value: object) -> bytes:
    text = value.get("sig") if isinstance(value, Mapping) else None
    if not isinstance(text, str) or len(text) % 2 or set(text) - _DIGITS:
        return b""
    return bytes.fromhex(text)


def _products(value: object) -> Iterator[str]:
    for digests in value.values() if isinstance(value, Mapping) else ():
        found = digests.get("sha256") if isinstance(digests, Mapping) else None
        if isinstance(found, str) and len(found) == 64 and not set(found) - _DIGITS:
            yield found


def canonical_json(value: Any) -> str:
    """OLPC's canonical JSON, over which in-toto's links are signed; MalformedError for a float."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case list():
            return f"[{','.join(map(canonical_json, value))}]"
        case dict():
            pairs = (f"{canonical_json(key)}:{canonical_json(value[key])}" for key in sorted(value))
            return f"{{{','.join(pairs)}}}"
    raise MalformedError(f"{type(value).__name__} has no canonical JSON")
