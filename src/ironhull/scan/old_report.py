"""Reading a JSON report back, for a comparison with a newer one."""

from __future__ import annotations

from codecs import BOM_UTF8

import msgspec

from ironhull.errors import MalformedError
from ironhull.scan.document import SCHEMA

MAX_SIZE = 512 << 20


class OldFinding(msgspec.Struct):
    """What a comparison needs of a finding in an older report."""

    id: str
    package: str
    version: str
    type: str
    location: str
    fix_state: str = ""
    fixed_version: str = ""
    severity: str = "unknown"
    suppressed: bool = False
    bug: int = 0


class OldReport(msgspec.Struct):
    """An older report."""

    schema: str
    image: str
    findings: list[OldFinding]
    scanned: str = ""


_REPORT = msgspec.json.Decoder(OldReport)


def read_report(data: bytes, name: str) -> OldReport:
    """A report that `render` wrote; MalformedError for anything else."""
    if len(data) > MAX_SIZE:
        raise MalformedError(f"{name}: larger than {MAX_SIZE} bytes")
    try:
        found = _REPORT.decode(data.removeprefix(BOM_UTF8))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedError(f"{name}: not a scan report (`scan --json`): {error}") from None
    if found.schema != SCHEMA:
        raise MalformedError(f"{name}: expected schema {SCHEMA}, got {found.schema!r:.60}")
    return found
