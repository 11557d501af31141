"""An apt archive of our own in a folder: what a static web server, or `file:`, gives to apt.

<folder>/pool/<codename>/<source>/NAME_VERSION_ARCH.deb
<folder>/dists/<codename>/InRelease, Release
<folder>/dists/<codename>/main/binary-<arch>/Packages, Packages.gz, by-hash/SHA256/…
<folder>/archive-key.asc       the certificate for `Signed-By`

1. packages are put into the pool; one that is there under this name with other bytes is an error
2. indexes are made of all that the pool has, and put beside the old ones (by-hash)
3. InRelease comes last: a reader sees the old archive or the new one
4. what only releases before the old one named is removed from by-hash
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

from ironhull.debian.deb import DebFile
from ironhull.errors import InputError, MalformedError
from ironhull.oci.digest import Digest, digest_of
from ironhull.patched.key import ArchiveKey
from ironhull.store.files import locked, replace_file
from ironhull.store.home import OWN_CERTIFICATE

COMPONENT = "main"
# Debian Policy 5.6.1, 5.6.8, 5.6.12: it becomes a path, and a line of an index.
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*_[A-Za-z0-9.+~-]+_[a-z0-9][a-z0-9-]*\.deb")
_OURS = frozenset({"filename", "size", "md5sum", "sha1", "sha256", "sha512"})
"""Fields that an index has beside those of the package, in small letters."""


@dataclass(frozen=True, slots=True)
class BuiltDeb:
    """A binary package that was built."""

    name: str
    version: str
    architecture: str
    """`amd64`, …, or `all`."""
    data: bytes
    fields: Mapping[str, str]
    """Of its control file."""

    @property
    def file_name(self) -> str:
        """As dpkg names it: without the epoch."""
        version = self.version.partition(":")[2] or self.version
        return f"{self.name}_{version}_{self.architecture}.deb"

    @property
    def digest(self) -> Digest:
        """Of the file."""
        return digest_of(self.data)


def read_deb(data: bytes, where: str) -> BuiltDeb:
    """The package in these bytes; MalformedError for what is none."""
    fields = DebFile(io.BytesIO(data), where).control.fields
    name, version, architecture = (fields[key] for key in ("Package", "Version", "Architecture"))
    found = BuiltDeb(name, version, architecture, data, fields)
    if not _FILE_NAME.fullmatch(found.file_name):
        raise MalformedError(f"{where}: {found.file_name!r:.120} is no name of a package")
    return found


def publish(
    folder: Path,
    codename: str,
    source: str,
    debs: Iterable[BuiltDeb],
    architectures: Iterable[str],
    key: ArchiveKey,
    now: datetime,
) -> Path:
    """Put packages into the archive of a release, and sign its new indexes; gives InRelease.

    InputError, and nothing is changed, where a package is there already with other bytes.
    """
    debs, pool = list(debs), folder / "pool" / codename
    with locked(folder / ".lock"):
        for deb in debs:
            _check_new(pool / source / deb.file_name, deb)
        for deb in debs:
            path = pool / source / deb.file_name
            if not path.exists():
                replace_file(path, deb.data)
        replace_file(folder / OWN_CERTIFICATE, key.certificate)
        return _write_indexes(folder, codename, frozenset(architectures), key, now)


def _check_new(path: Path, deb: BuiltDeb) -> None:
    if path.exists() and path.read_bytes() != deb.data:
        raise InputError(
            f"{path} is there already with other bytes: whoever has {deb.version} would not get "
            "the new one; raise 'revision' in the definition"
        )


def _write_indexes(
    folder: Path, codename: str, architectures: frozenset[str], key: ArchiveKey, now: datetime
) -> Path:
    stanzas: dict[str, list[str]] = {}
    for path in sorted((folder / "pool" / codename).glob("*/*.deb")):
        deb = read_deb(path.read_bytes(), str(path))
        text = _stanza(deb, str(path.relative_to(folder)))
        stanzas.setdefault(deb.architecture, []).append(text)
    dists = folder / "dists" / codename
    known = sorted((architectures | stanzas.keys()) - {"all"})
    listed: dict[str, bytes] = {}
    for architecture in known:
        texts = [*stanzas.get(architecture, ()), *stanzas.get("all", ())]
        plain = "\n".join(texts).encode()
        index = f"{COMPONENT}/binary-{architecture}/Packages"
        listed[index] = plain
        listed[f"{index}.gz"] = gzip.compress(plain, mtime=0)
    for name, data in listed.items():
        digest = hashlib.sha256(data).hexdigest()
        replace_file((dists / name).parent / "by-hash/SHA256" / digest, data)
    for name, data in listed.items():
        replace_file(dists / name, data)
    release = _release(codename, known, listed, now)
    before = _sums(dists / "Release")
    replace_file(dists / "Release", release)
    replace_file(dists / "InRelease", key.sign(release))
    _forget(dists, before | _sums(dists / "Release"))
    return dists / "InRelease"


def _sums(release: Path) -> frozenset[str]:
    """The digests that a Release names; none where there is no such file."""
    text = release.read_text() if release.exists() else ""
    return frozenset(line.split()[0] for line in text.splitlines() if line.startswith(" "))


def _forget(dists: Path, wanted: frozenset[str]) -> None:
    """Remove the indexes of earlier releases; of the last one a reader may still want them."""
    for path in dists.glob(f"{COMPONENT}/binary-*/by-hash/SHA256/*"):
        if path.name not in wanted:
            path.unlink()


def _stanza(deb: BuiltDeb, path: str) -> str:
    # Whoever wrote the source may have given its package such fields too.
    fields = {name: value for name, value in deb.fields.items() if name.lower() not in _OURS}
    lines = [f"{name}: {value}" for name, value in fields.items()]
    digest = hashlib.sha256(deb.data).hexdigest()
    return "\n".join(
        [*lines, f"Filename: {path}", f"Size: {len(deb.data)}", f"SHA256: {digest}", ""]
    )


def _release(
    codename: str, architectures: Iterable[str], listed: Mapping[str, bytes], now: datetime
) -> bytes:
    sums = [
        f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}"
        for name, data in sorted(listed.items())
    ]
    lines = [
        "Origin: Ironhull",
        "Label: Ironhull",
        f"Suite: {codename}",
        f"Codename: {codename}",
        f"Date: {format_datetime(now, usegmt=True)}",
        f"Architectures: {' '.join(architectures)}",
        f"Components: {COMPONENT}",
        "Acquire-By-Hash: yes",
        "Description: Source packages of Debian with patches",
        "SHA256:",
        *sums,
    ]
    return ("\n".join(lines) + "\n").encode()
