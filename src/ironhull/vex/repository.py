"""A VEX repository (specification v0.1): OpenVEX documents by product, an index, a manifest.

Of an image all documents are merged into one, for readers look a product up without version and
qualifiers. Statements keep the time of the document that they come from.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ironhull.errors import MalformedError
from ironhull.json_fields import decode, objects, text
from ironhull.oci.document import canonical
from ironhull.oci.tar import BLOCK, FILE
from ironhull.oci.tar_writer import END, TarHeader, header_bytes
from ironhull.vex.writing import AUTHOR, CONTEXT

VERSION, SPECIFICATION = "v0", "v0.1"
ARCHIVE = "vex-data.tar.gz"
MAX_STATEMENTS = 1_000_000


def repository(documents: Iterable[bytes], url: str, updated: str) -> dict[str, bytes]:
    """The files of a repository by path, of OpenVEX documents about images.

    `url` is where the folder will be served (https, without a slash at the end), `updated` when the
    newest of the documents was written (RFC 3339). The same documents give the same bytes.
    MalformedError for a document that is no OpenVEX.
    """
    merged = _merged(documents)
    files = {
        f"pkg/{identifier.removeprefix('pkg:')}/vex.json": canonical(
            _document(identifier, statements, updated)
        )
        for identifier, statements in sorted(merged.items())
    }
    index = {
        "updated_at": updated,
        "packages": [
            {
                "id": identifier,
                "location": f"pkg/{identifier.removeprefix('pkg:')}/vex.json",
                "format": "openvex",
            }
            for identifier in sorted(merged)
        ],
    }
    files["index.json"] = json.dumps(index, indent=1).encode()
    inside = {f"{VERSION}/{path}": data for path, data in files.items()}
    return {
        **inside,
        f"{VERSION}/{ARCHIVE}": _archive(files),
        ".well-known/vex-repository.json": json.dumps(_manifest(url), indent=1).encode(),
    }


def statements_in(files: Mapping[str, bytes]) -> int:
    """How many statements a repository's documents make."""
    return sum(
        len(json.loads(data)["statements"])
        for path, data in files.items()
        if path.endswith("/vex.json")
    )


def _merged(documents: Iterable[bytes]) -> dict[str, list[dict[str, Any]]]:
    """Statements by the product's purl without version and qualifiers, each once, sorted."""
    found: dict[str, dict[bytes, dict[str, Any]]] = {}
    count = 0
    for number, data in enumerate(documents):
        name = f"VEX document {number + 1}"
        value = decode(data, name)
        stamp = text(value, "timestamp", name)
        for statement in objects(value, "statements", name):
            count += 1
            if count > MAX_STATEMENTS:
                raise MalformedError(f"more than {MAX_STATEMENTS} statements in one set")
            said = {"timestamp": stamp, **statement}
            for product in objects(statement, "products", name):
                identifier = bare_purl(text(product, "@id", name), name)
                alone = {**said, "products": [product]}
                found.setdefault(identifier, {})[canonical(alone)] = alone
    return {
        identifier: [statements[key] for key in sorted(statements)]
        for identifier, statements in found.items()
    }


def bare_purl(purl: str, name: str) -> str:
    """A purl without version, qualifiers and subpath."""
    bare = purl.partition("#")[0].partition("?")[0]
    bare = bare.rpartition("@")[0] if "@" in bare.rpartition("/")[2] else bare
    parts = bare.removeprefix("pkg:").split("/")
    if not bare.startswith("pkg:") or len(parts) < 2 or not all(parts) or ".." in parts:
        raise MalformedError(f"{name}: {purl!r:.100} is no purl that a file can be named by")
    return bare


def _document(identifier: str, statements: list[dict[str, Any]], updated: str) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "@id": f"urn:ironhull:vex-set:{identifier}:{updated}",
        "author": AUTHOR,
        "timestamp": updated,
        "version": 1,
        "statements": statements,
    }


def _manifest(url: str) -> dict[str, Any]:
    return {
        "name": "Ironhull",
        "description": "VEX of the images that this catalog publishes",
        "versions": {
            VERSION: {
                "spec_version": SPECIFICATION,
                "locations": [{"url": f"{url}/{VERSION}/{ARCHIVE}"}],
                "update_interval": "24h",
            }
        },
        "latest_version": VERSION,
    }


def _archive(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    # Without a name and a time in its header.
    with gzip.GzipFile(fileobj=target, mode="wb", filename="", mtime=0) as packed:
        for path, data in sorted(files.items()):
            packed.write(header_bytes(TarHeader(path, FILE, 0o644, size=len(data))))
            packed.write(data + b"\0" * (-len(data) % BLOCK))
        packed.write(END)
    return target.getvalue()


def updated_of(documents: Iterable[bytes]) -> str:
    """The newest time that any of the documents has; the epoch where none has one."""
    found = [text(decode(data, "VEX"), "timestamp", "VEX") for data in documents]
    return max(filter(None, found), default="1970-01-01T00:00:00Z")
