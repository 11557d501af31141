"""`contents.files` → files and archives to fetch, each with the digest that it is held to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from ironhull.definition.files import Files
from ironhull.definition.model import ARCHIVES, FileRequest
from ironhull.definition.paths import normalised, optional_mode, platforms_of
from ironhull.definition.shape import ReadMap
from ironhull.definition.tree import Problems
from ironhull.oci.digest import Digest
from ironhull.settings import Unpinned
from ironhull.transport.address import parts_of

_GIT = ("git+", "git://")


def files_of(root: ReadMap, files: Files, problems: Problems) -> tuple[FileRequest, ...]:
    """The fetched files; a `file:` address becomes absolute."""
    requests = []
    for item in root.record("contents").items("files"):
        record: ReadMap = item.value
        if any(key not in record.values for key in ("url", "path")):
            continue
        url = _address(record, files, problems)
        if url is None:
            continue
        requests.append(
            FileRequest(
                url=url,
                checksum=_checksum(record, url, files, problems),
                path=_path(record, url, problems),
                place=item.place,
                uid=record.get("uid", 0),
                gid=record.get("gid", 0),
                mode=optional_mode(record, problems),
                includes=record.texts("includes"),
                excludes=record.texts("excludes"),
                platforms=platforms_of(record, problems),
                spdx=_plain(record.record("spdx")),
            )
        )
    return tuple(requests)


def _address(record: ReadMap, files: Files, problems: Problems) -> str | None:
    """The address, of a file beside the definition too; None after an error."""
    url: str = record.get("url")
    if url.startswith(_GIT):
        problems.error(
            record.at("url"),
            "a checkout of a repository (git) is what Ironhull does not do: name an archive of it",
        )
        return None
    if not url.startswith("file:"):
        if not parts_of(url).hostname:
            problems.error(record.at("url"), f"{url!r:.100} is no address: it names no host")
            return None
        return url
    real = files.place_inside(url.removeprefix("file:"), record.at("url"))
    if real is not None and not real.is_file():
        problems.error(record.at("url"), f"no file {url.removeprefix('file:')!r:.100}")
        return None
    return None if real is None else real.as_uri()


def _checksum(record: ReadMap, url: str, files: Files, problems: Problems) -> Digest | None:
    """The digest that the definition or the lock has; None if there is none yet."""
    written: str = record.get("checksum", "")
    if "checksum" in record.node.entries and not written:
        return None
    if written.startswith("sha256:"):
        return Digest(written)
    if written and not written.startswith("https:"):
        problems.error(
            record.at("checksum"),
            "40 digits are of a commit: of a file, write sha256: and 64 hexadecimal digits",
        )
        return None
    if url.startswith("file:"):
        return _digest_of(Path(urlsplit(url).path), record, problems)
    if not url.startswith("https:"):
        problems.error(record.at("url"), "without a digest nothing is taken from an http: address")
        return None
    # An address of a checksum says what the server has, as the file itself does.
    place = record.at("checksum" if written else "url")
    return files.locked_digest(Unpinned.FILES, url, place)


def _digest_of(path: Path, record: ReadMap, problems: Problems) -> Digest | None:
    try:
        with path.open("rb") as file:
            return Digest(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")
    except OSError as error:
        problems.error(record.at("url"), f"cannot be read: {error.strerror} (tried {path})")
        return None


def _path(record: ReadMap, url: str, problems: Problems) -> str:
    """Where it goes; with a slash at the end, an archive is unpacked there.

    So it is meant as well where the address is of an archive and the path is not.
    """
    written: str = record.get("path")
    path = normalised(written, record.at("path"), problems)
    unpacked = urlsplit(url).path.endswith(ARCHIVES) and not path.endswith(ARCHIVES)
    return path.rstrip("/") + "/" if unpacked or written.endswith("/") else path


def _plain(record: ReadMap) -> dict[str, object]:
    """A record as JSON values."""
    return {
        key: [_plain(item.value) for item in value] if isinstance(value, list) else value
        for key, value in record.values.items()
    }
