"""Inputs of `ironhull verify`: bundles as they come, statements signed as they are changed.

Whoever signs may be wrong too, or be made to sign; so what stands behind a good signature is fuzzed
as well, down to what rules read.
"""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.signing.dsse import signed_bundle
from ironhull.statements import kinds
from ironhull.verify.evidence import Verified
from ironhull.verify.opening import open_bundle
from ironhull.verify.policy.reader import read_policy
from ironhull.verify.rules.packages import listed_in
from ironhull.verify.rules.provenance_packages import package_digests
from ironhull.verify.strict import strict_object
from ironhull.verify.trust import NamedKey, Trust
from ironhull.vex.openvex import parse as parse_openvex
from tests.fakes.published_image import provenance, sbom, spdx, vex
from tests.fakes.signed_image import SIGNATURE, said_about
from tests.fakes.signer import FakeSigner

ABOUT = Descriptor(OCI_MANIFEST, digest_of(b"image"), 5)
SAID: dict[str, Any] = {
    SIGNATURE: {},
    kinds.CYCLONEDX: sbom(),
    kinds.SPDX: spdx(),
    kinds.PROVENANCE: provenance(),
    kinds.VEX: vex(),
}


@cache
def signer() -> FakeSigner:
    return FakeSigner()


@cache
def trust() -> Trust:
    return Trust((NamedKey("key", signer().public),))


def statement_seeds() -> list[bytes]:
    return [json.dumps(said_about(ABOUT, kind, said)).encode() for kind, said in SAID.items()]


def bundle_seeds() -> list[bytes]:
    return [signed_bundle(each, signer()) for each in statement_seeds()]


def open_changed_bundle(data: bytes) -> None:
    """A bundle that still holds has to say what was signed, and nothing else."""
    opened = open_bundle(data, ABOUT.digest, frozenset(), trust())
    assert json.loads(opened.predicate) == SAID[opened.type]


def open_changed_statement(data: bytes) -> None:
    """As `open_bundle`, of whatever was signed; then what rules read of it."""
    bundle = signed_bundle(data, signer())
    opened = open_bundle(bundle, ABOUT.digest, frozenset(), trust())
    statement = Verified(opened.type, opened.predicate, opened.signers, ABOUT.digest)
    value = strict_object(opened.predicate, "it")
    if opened.type in (kinds.CYCLONEDX, kinds.SPDX):
        listed_in(statement)
    elif opened.type == kinds.PROVENANCE:
        package_digests(value)
    elif opened.type == kinds.VEX:
        parse_openvex(value, "it")


def policy_seeds() -> list[bytes]:
    text = (Path(__file__).parents[2] / "docs/verify.md").read_text()
    return [text.partition("```yaml\n")[2].partition("```")[0].encode()]


def read_changed_policy(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("release", "ci"):
            Path(folder, f"{name}.pub").write_bytes(_other(name))
        path = Path(folder, "policy.yaml")
        path.write_bytes(data)
        read_policy(path)


@cache
def _other(name: str) -> bytes:
    """A key for each name."""
    return FakeSigner().public.pem
