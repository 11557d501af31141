"""Records of publications, really signed, with whatever is to be wrong about them.

lines = chain(3, signer)                       # three good records of the repository `app`
lines = chain(3, signer, {2: {"number": 5}})   # the second says that it is the fifth
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ironhull.attest.statement import Subject, render_statement
from ironhull.oci.digest import digest_of, hex_of
from ironhull.oci.media_types import OCI_INDEX
from ironhull.signing.dsse import signed_bundle
from ironhull.statements.kinds import PUBLICATION
from tests.fakes.signer import FakeSigner

FIRST = datetime(2026, 11, 1, 12, tzinfo=UTC)


def image(number: int) -> str:
    """The digest of the image that record `number` is about."""
    return digest_of(b"image %d" % number)


def predicate(number: int, previous: str | None, /, **fields: Any) -> dict[str, Any]:
    return {
        "number": number,
        "previous": previous,
        "repository": "app",
        "tags": ["1"],
        "image": {"digest": image(number), "mediaType": OCI_INDEX, "size": 500},
        "platforms": [{"platform": "linux/amd64", "digest": digest_of(b"amd64")}],
        "statements": [],
        "vexSet": None,
        "published": (FIRST + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    } | fields


def bundle(
    signer: FakeSigner, said: Mapping[str, Any], *, about: Any = None, kind: str = PUBLICATION
) -> bytes:
    subject = Subject("app", {"sha256": hex_of(about or said["image"]["digest"])})
    return signed_bundle(render_statement([subject], kind, json.dumps(said).encode()), signer)


def chain(
    count: int,
    signer: FakeSigner,
    changes: Mapping[int, Mapping[str, Any]] | None = None,
    *,
    before: tuple[bytes, ...] = (),
) -> tuple[bytes, ...]:
    """`count` records on top of those `before`; `changes` are fields by the record's number."""
    lines = list(before)
    for number in range(len(before) + 1, len(before) + count + 1):
        previous = digest_of(lines[-1]) if lines else None
        said = predicate(number, previous, **(changes or {}).get(number, {}))
        lines.append(bundle(signer, said))
    return tuple(lines)
