"""Whether a .dsc says of its source package what the archive's signed index says."""

from __future__ import annotations

import re

from ironhull.archive.sources import SourceStanza
from ironhull.debian.stanza import parse_stanza
from ironhull.errors import MalformedError, UntrustedError
from ironhull.oci.digest import hex_of

MAX_DSC = 1 << 20
_SIGNED = re.compile(
    rb"\A-----BEGIN PGP SIGNED MESSAGE-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)\r?\n"
    rb"-----BEGIN PGP SIGNATURE-----",
    re.DOTALL,
)


def check_dsc(data: bytes, source: SourceStanza, where: str) -> None:
    """UntrustedError where they differ in name, version or files; MalformedError for no .dsc.

    Its maintainer's signature is not looked at: that the archive took it from somebody who may
    upload is what the index, which names its digest, says with the archive's own.
    """
    found = _SIGNED.match(data)
    fields = parse_stanza(found[1] if found else data, where)
    said = (fields.get("source", ""), fields.get("version", ""))
    if said != (source.name, source.version):
        raise UntrustedError(
            f"{where} is of {said[0]:.80} {said[1]:.80}, the archive's index says "
            f"{source.name} {source.version}"
        )
    table = {tuple(line.split()) for line in fields.get("checksums-sha256", "").split("\n")}
    listed = {line for line in table if line}
    wanted = {
        (hex_of(file.sha256), str(file.size), file.file_name)
        for file in source.files
        if file is not source.dsc
    }
    if any(len(line) != 3 for line in listed):
        raise MalformedError(f"{where}: Checksums-Sha256 is no table of digests, sizes and names")
    if listed != wanted:
        names = sorted({str(line[2]) for line in listed ^ wanted})
        raise UntrustedError(
            f"{where} and the archive's index name other files: {', '.join(names):.200}"
        )
