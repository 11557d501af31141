"""Who else has rebuilt Debian's packages to the same bytes: rebuilderd's attestations.

Each is an in-toto link, signed over its canonical JSON (OLPC's: keys sorted, only quotes and
backslashes escaped), and names what came out of the rebuild by its digests. Files are somebody's
download: read strictly, and a link counts for nobody but the keys whose signatures hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ironhull.errors import InputError, MalformedError
from ironhull.signing.public_key import PublicKey
from ironhull.verify.refusal import RefusedError
from ironhull.verify.strict import strict_object

MAX_FILES = 100_000
MAX_SIZE = 1 << 20
MAX_SIGNATURES = 16
_DIGITS = frozenset("0123456789abcdef")


def read_rebuilds(places: Iterable[Path], keys: Iterable[PublicKey]) -> dict[str, frozenset[str]]:
    """sha256 of a rebuilt file → fingerprints of the keys that say so.

    `places` are files of links, or folders of them (`*.link`, `*.json`). InputError for a place
    that cannot be read, MalformedError for a file that is no link: nobody should think it counted.
    """
    known = tuple(keys)
    found: dict[str, set[str]] = {}
    for path in _files(places):
        for digest, fingerprint in _rebuilt(path, known):
            found.setdefault(digest, set()).add(fingerprint)
    return {digest: frozenset(signers) for digest, signers in found.items()}


def _files(places: Iterable[Path]) -> Iterator[Path]:
    count = 0
    for place in places:
        inside = sorted((*place.rglob("*.link"), *place.rglob("*.json"))) if place.is_dir() else ()
        if place.is_dir() and not inside:
            raise InputError(f"{place}: a folder without attestations (*.link, *.json)")
        for path in inside or (place,):
            count += 1
            if count > MAX_FILES:
                raise InputError(f"more than {MAX_FILES} attestations of rebuilders")
            yield path


def _rebuilt(path: Path, keys: tuple[PublicKey, ...]) -> Iterator[tuple[str, str]]:
    """Digest and fingerprint of each product and each key that holds."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > MAX_SIZE:
        raise MalformedError(f"{path}: larger than {MAX_SIZE} bytes")
    try:
        value = strict_object(data, str(path))
        signed, signatures = value.get("signed"), value.get("signatures")
        if not isinstance(signed, dict) or not isinstance(signatures, list):
            raise MalformedError(f"{path}: no in-toto link (it has no `signed` and `signatures`)")
        message = canonical_json(signed).encode()
    except (RefusedError, RecursionError) as error:
        raise MalformedError(f"{path}: {error}") from None
    if signed.get("_type") != "link" or not str(signed.get("name", "")).startswith("rebuild "):
        raise MalformedError(f"{path}: a link of something that is no rebuild")
    given = [sig for each in signatures[:MAX_SIGNATURES] if (sig := _signature(each))]
    products = list(_products(signed.get("products")))
    for key in keys:
        if any(key.holds(message, sig) for sig in given):
            yield from ((digest, key.fingerprint) for digest in products)


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
