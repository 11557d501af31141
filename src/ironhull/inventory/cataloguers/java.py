"""Java archives: what they say in pom.properties and manifests, archives inside archives too.

An archive is found from its end, as Java does: before it anything may stand, a shell script or a
program that starts it. A zip of a stranger: the central directory is bounded before it is read,
members are read to a limit, nesting stops at a depth, and all that is unpacked counts against one
budget.
"""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
import zlib
from dataclasses import field
from typing import IO, BinaryIO

from ironhull.inventory.cataloguers.interface import FileCataloguer, Findings
from ironhull.inventory.cataloguers.maven_groups import group_of
from ironhull.inventory.cataloguers.parse import text_of
from ironhull.inventory.model import Package
from ironhull.values import dataclass

EXTENSIONS = frozenset({"jar", "war", "ear", "par", "sar", "nar", "jpi", "hpi", "lpkg", "kar"})
_MAX_DEPTH = 6
_MAX_DIRECTORY = 32 << 20
_MAX_TEXT = 1 << 20
_MAX_NESTED = 1 << 30
_MAX_TEXTS = 20_000
_IN_MEMORY = 8 << 20
_STEP = 256 * 1024
_END = b"PK\x05\x06"
_END_SIZE = 22
_MAX_COMMENT = 65535

_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_ASSIGN = re.compile(r"[=:]")
# What Java reads, too. zipfile unpacks all else without a bound: kilobytes may be gigabytes.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MANIFEST = "META-INF/MANIFEST.MF"
# spring-boot-2.7.0.jar, guava-31.1-jre.jar, foo-1.0-SNAPSHOT.jar, lib_2.13-1.0.jar
_FILE = re.compile(r"(?P<name>.+?)(?:[-_](?P<version>v?\d[0-9A-Za-z._+~-]*))?\.[a-z]+", re.ASCII)
_VERSIONS = ("implementation-version", "bundle-version", "plugin-version", "specification-version")
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    KeyError,
)


@dataclass(slots=True)
class _Budget:
    """What one archive and all inside it may unpack."""

    bytes: int = 4 << 30
    texts: int = _MAX_TEXTS


@dataclass(frozen=True, slots=True)
class _Pom:
    group: str
    artifact: str
    version: str


@dataclass(slots=True)
class _Jar:
    """One archive's own words."""

    poms: list[_Pom] = field(default_factory=list)
    manifest: dict[str, str] = field(default_factory=dict)
    nested: list[zipfile.ZipInfo] = field(default_factory=list)


def read(path: str, file: BinaryIO) -> Findings:
    """The packages of an archive; `path` of a nested one is `/outer.jar:inner.jar`."""
    findings = Findings()
    _archive(path, file, findings, _Budget(), 0)
    return findings


def _archive(path: str, file: IO[bytes], findings: Findings, budget: _Budget, depth: int) -> None:
    try:
        end = _end_record(file)
        if end is None and not _begins_as_zip(file):
            findings.warning(path, "no archive, whatever its name says: it has no zip directory")
            return
        size = _directory_size(file, end)
        if size > _MAX_DIRECTORY:
            findings.unparsed(path, f"a zip directory of {size} bytes (limit {_MAX_DIRECTORY})")
            return
        with zipfile.ZipFile(file) as archive:
            jar = _look(path, archive, findings, budget)
            findings.packages += _packages(path, jar)
            for member in jar.nested:
                inner = f"{path}:{member.filename}"
                if depth + 1 >= _MAX_DEPTH:
                    findings.unparsed(inner, f"an archive more than {_MAX_DEPTH} deep")
                    continue
                _nested(inner, archive, member, findings, budget, depth)
    except _DAMAGE as error:
        findings.unparsed(path, f"a damaged archive: {str(error)[:120]}")


def _nested(
    path: str,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    findings: Findings,
    budget: _Budget,
    depth: int,
) -> None:
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
        try:
            with _opened(archive, member) as source:
                size = 0
                while chunk := source.read(_STEP):
                    size += len(chunk)
                    budget.bytes -= len(chunk)
                    if size > _MAX_NESTED or budget.bytes < 0:
                        findings.unparsed(path, "an archive that unpacks to too many bytes")
                        return
                    copy.write(chunk)
        except _DAMAGE as error:
            findings.unparsed(path, f"a damaged member: {str(error)[:120]}")
            return
        copy.seek(0)
        _archive(path, copy, findings, budget, depth + 1)


def _end_record(file: IO[bytes]) -> int | None:
    """Where the end record begins; what follows it is cut off, as `file` is a copy.

    Java takes the last one whose comment reaches exactly to the end of the file, and so no comment
    can hide an archive behind a record of its own; without one like that, the last one counts.
    """
    size = file.seek(0, os.SEEK_END)
    first = max(0, size - _MAX_COMMENT - _END_SIZE)
    file.seek(first)
    tail = file.read()
    last = start = tail.rfind(_END, 0, max(0, len(tail) - _END_SIZE) + len(_END))
    while start >= 0:
        comment = int.from_bytes(tail[start + 20 : start + _END_SIZE], "little")
        if start + _END_SIZE + comment == len(tail):
            last = start
            break
        start = tail.rfind(_END, 0, start)
    if last < 0:
        return None
    file.seek(first + last + _END_SIZE - 2)
    file.write(b"\0\0")
    file.truncate()
    return first + last


def _begins_as_zip(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(2) == _END[:2]


def _directory_size(file: IO[bytes], end: int | None) -> int:
    """Bytes of the central directory, as the end record says; 0 if there is none."""
    if end is None:
        return 0
    file.seek(end + 12)
    said = int.from_bytes(file.read(4), "little")
    # zip64 says so with all ones; its directory is bounded by where it ends at the latest.
    return end if said == 0xFFFFFFFF else said


def _look(path: str, archive: zipfile.ZipFile, findings: Findings, budget: _Budget) -> _Jar:
    jar = _Jar()
    for member in archive.infolist():
        name = member.filename
        if name.endswith("/pom.properties") and _POM.fullmatch(name):
            fields = _properties(_text(path, archive, member, findings, budget))
            pom = _Pom(*(text_of(fields.get(key)) for key in ("groupId", "artifactId", "version")))
            if pom.artifact and pom.version:
                jar.poms.append(pom)
            elif fields:
                findings.unparsed(f"{path}:{name}", "pom.properties without artifactId or version")
        elif name.upper() == _MANIFEST and not jar.manifest:
            jar.manifest = _manifest(_text(path, archive, member, findings, budget))
        elif name.rpartition(".")[2].lower() in EXTENSIONS and not member.is_dir():
            jar.nested.append(member)
    return jar


def _text(
    path: str,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    findings: Findings,
    budget: _Budget,
) -> str:
    budget.texts -= 1
    if budget.texts < 0:
        findings.unparsed(path, f"an archive with more than {_MAX_TEXTS} descriptions")
        return ""
    with _opened(archive, member) as source:
        data = source.read(_MAX_TEXT + 1)
    if len(data) > _MAX_TEXT:
        findings.unparsed(f"{path}:{member.filename}", f"more than {_MAX_TEXT} bytes")
        return ""
    return data.decode("utf-8", "replace")


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    if member.compress_type not in _BOUNDED:
        raise NotImplementedError(f"{member.filename:.100} is neither stored nor deflated")
    return archive.open(member)


def _properties(text: str) -> dict[str, str]:
    """Lines `key=value` or `key: value` (java.util.Properties, without escapes)."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        line = line.strip()
        if line and line[0] not in "#!":
            key, *rest = _ASSIGN.split(line, maxsplit=1)
            value = rest[0] if rest else ""
            fields.setdefault(key.rstrip(), value.strip())
    return fields


def _manifest(text: str) -> dict[str, str]:
    """The main section (JAR File Specification): a line that begins with a space goes on."""
    fields: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if not line.strip():
            if fields:
                break
            continue
        if line[0] == " ":
            if key:
                fields[key] += line[1:]
            continue
        key, _, value = line.partition(":")
        key = key.strip().lower()
        fields[key] = value.strip()
    return fields


def _packages(path: str, jar: _Jar) -> list[Package]:
    """The archive's own package first, then what was merged into it."""
    base = re.split(r"[/:]", path)[-1]
    said = _FILE.fullmatch(base)
    name, version = (said["name"], said["version"] or "") if said else (base, "")
    own = _own(jar.poms, name, version)
    packages = []
    if own is None:
        packages.append(_from_manifest(path, jar.manifest, name, version))
    packages += [
        _maven(path, pom.group, pom.artifact, pom.version)
        for pom in dict.fromkeys(([own] if own else []) + jar.poms)
        # Maven's own placeholders are left in by builds that went wrong: they name nothing.
        if "${" not in f"{pom.group}{pom.artifact}{pom.version}"
    ]
    return packages


def _own(poms: list[_Pom], name: str, version: str) -> _Pom | None:
    """The pom that the archive itself was built from."""
    full = f"{name}-{version}" if version else name
    for pom in poms:
        if pom.artifact == name or f"{pom.artifact}-{pom.version}" == full:
            return pom
    close = [pom for pom in poms if name.startswith(pom.artifact) or pom.artifact.startswith(name)]
    if len(close) == 1:
        return close[0]
    return poms[0] if len(poms) == 1 else None


def _from_manifest(path: str, manifest: dict[str, str], name: str, version: str) -> Package:
    version = version or next(
        (text for key in _VERSIONS if (text := text_of(manifest.get(key)))), ""
    )
    return _maven(path, group_of(name, manifest), name, version)


def _maven(path: str, group: str, artifact: str, version: str) -> Package:
    return Package(
        name=f"{group}:{artifact}" if group else artifact,
        version=version,
        type="maven",
        location=path,
    )


CATALOGUER = FileCataloguer("java", read, extensions=EXTENSIONS)
