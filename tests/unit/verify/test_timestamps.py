"""When something was signed, by who is trusted to say so; and what a revoked key signed before."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.signed_image import SIGNATURE, SignedImage

from ironhull.attest.envelope import Envelope, Signature
from ironhull.errors import InputError, MalformedError
from ironhull.signing.keyring import Keyring
from ironhull.signing.public_key import PublicKey
from ironhull.verify.evidence import Evidence, collect
from ironhull.verify.timestamps import read_authorities
from ironhull.verify.trust import NamedKey, Trust

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
LOST = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    """An authority: a stamp of its is `time|signature`, one of another's is anything else."""

    def stamp(self, time: datetime, signature: bytes) -> bytes:
        return time.isoformat().encode() + b"|" + signature

    def time_of(self, stamp: bytes, signature: bytes) -> datetime | None:
        time, _, about = stamp.partition(b"|")
        return datetime.fromisoformat(time.decode()) if about == signature else None


def stamped(*times: datetime, about: bytes | None = None) -> Any:
    """A change of a bundle: these stamps of its signature."""

    def change(bundle: dict[str, Any]) -> dict[str, Any]:
        sig = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
        stamps = [Clock().stamp(time, sig if about is None else about) for time in times]
        listed = [{"signedTimestamp": base64.b64encode(each).decode()} for each in stamps]
        material = bundle["verificationMaterial"]
        material["timestampVerificationData"] = {"rfc3161Timestamps": listed}
        return bundle

    return change


def evidence(folder: Path, trust: Any, change: Any = None) -> Evidence:
    image = SignedImage(folder, signed=False, platforms=("linux/amd64",), index=False)
    more = {} if change is None else {"bundle": change}
    image.attach(image.descriptor(image.root.digest), SIGNATURE, {}, **more)
    image.list_waiting()
    place = image.place()
    return collect(place, place.root(), trust(image.signer.public))


def believing(key: PublicKey) -> Trust:
    return Trust((NamedKey("release", key),), authorities=Clock())


def test_the_earliest_moment_that_is_shown_counts(tmp_path: Path) -> None:
    found = evidence(tmp_path, believing, stamped(LATE, EARLY))
    ((signer,),) = (each.signers for each in found.root.statements)
    assert signer.time == "2026-01-01T00:00:00Z"
    assert str(signer).endswith(" at 2026-01-01T00:00:00Z")


def test_a_stamp_of_another_signature_shows_nothing(tmp_path: Path) -> None:
    found = evidence(tmp_path, believing, stamped(EARLY, about=b"another"))
    ((signer,),) = (each.signers for each in found.root.statements)
    assert signer.time == ""


def test_where_nobody_is_trusted_no_stamp_is_looked_at(tmp_path: Path) -> None:
    def trust(key: PublicKey) -> Trust:
        return replace(believing(key), authorities=None)

    found = evidence(tmp_path, trust, stamped(EARLY))
    ((signer,),) = (each.signers for each in found.root.statements)
    assert signer.time == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (stamped(EARLY), None),
        (None, "no-trusted-timestamp"),
        (stamped(EARLY, about=b"another"), "no-trusted-timestamp"),
        (stamped(), "no-trusted-timestamp"),
    ],
)
def test_where_stamps_are_required_a_signature_without_one_counts_for_nothing(
    tmp_path: Path, change: Any, reason: str | None
) -> None:
    def trust(key: PublicKey) -> Trust:
        return replace(believing(key), stamped=True)

    found = evidence(tmp_path, trust, change).root
    assert [each.reason for each in found.refused] == ([reason] if reason else [])
    assert len(found.statements) == (0 if reason else 1)


# -- revoked --------------------------------------------------------------------------------------


def ring_of(folder: Path, key: PublicKey, since: datetime | None) -> Keyring:
    ring = Keyring(folder / "keys")
    ring.trust("release", key.pem, EARLY)
    ring.revoke("release", "stolen", LATE, since)
    return ring


@pytest.mark.parametrize(
    ("since", "change", "counts"),
    [
        (LOST, stamped(EARLY), True),
        (LOST, stamped(LATE), False),
        (LOST, stamped(LOST), False),
        (LOST, None, False),
        (LOST, stamped(EARLY, about=b"another"), False),
        (None, stamped(EARLY), False),
    ],
    ids=["before", "after", "at that moment", "unstamped", "of another", "never said since when"],
)
def test_of_a_revoked_key_counts_what_was_stamped_before_it_was_lost(
    tmp_path: Path, since: datetime | None, change: Any, counts: bool
) -> None:
    def trust(key: PublicKey) -> Trust:
        ring = ring_of(tmp_path, key, since).known()
        return replace(Trust.of([], ring, whole=True), authorities=Clock())

    found = evidence(tmp_path, trust, change).root
    assert len(found.statements) == (1 if counts else 0)
    assert [each.reason for each in found.refused] == ([] if counts else ["signed-by-revoked-key"])


def test_without_a_trusted_authority_a_revoked_key_never_counts(tmp_path: Path) -> None:
    def trust(key: PublicKey) -> Trust:
        return Trust.of([], ring_of(tmp_path, key, LOST).known(), whole=True)

    assert evidence(tmp_path, trust, stamped(EARLY)).root.statements == ()


def test_a_revoked_key_that_nobody_named_does_not_come_back_by_a_stamp(tmp_path: Path) -> None:
    def trust(key: PublicKey) -> Trust:
        ring = ring_of(tmp_path, key, LOST).known()
        return replace(Trust.of([], ring, whole=False), authorities=Clock())

    assert evidence(tmp_path, trust, stamped(EARLY)).root.statements == ()


def test_two_signatures_are_stamped_each_for_itself(tmp_path: Path) -> None:
    image = SignedImage(tmp_path, signed=False)
    message = Envelope("application/vnd.in-toto+json", b"{}", (Signature("", b"a"),))
    trust = believing(image.signer.public)
    assert trust.signers(message, [Clock().stamp(EARLY, b"a")]) == ()


def test_a_revocation_is_never_made_milder(tmp_path: Path) -> None:
    image = SignedImage(tmp_path, signed=False)
    ring = ring_of(tmp_path, image.signer.public, LOST)
    assert ring.find("release").since == "2026-03-01T00:00:00Z"
    with pytest.raises(InputError, match="earlier moment"):
        ring.revoke("release", "later after all", LATE, LATE)
    assert ring.revoke("release", "it was earlier", LATE, EARLY).since == "2026-01-01T00:00:00Z"
    assert ring.revoke("release", "nobody knows", LATE).since == ""
    with pytest.raises(InputError, match="earlier moment"):
        ring.revoke("release", "known again", LATE, EARLY)


def test_a_file_that_is_no_chain_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tsa.pem"
    path.write_text("nothing")
    with pytest.raises(MalformedError, match="no certificates in PEM"):
        read_authorities([path])
