from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysequoia
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.mirror import TODAY, SigningKey, archive_key

from ironhull.archive.trust import (
    SeenReleases,
    check_dates,
    debian_keyring,
    read_keyring,
    system_clock,
    verify_signature,
)
from ironhull.debian.release import Release, parse_release
from ironhull.errors import InputError, UntrustedError

TEXT = "Origin: Test\n- dashed\n"
MACHINE_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def release(date: datetime = TODAY, valid_until: datetime | None = None) -> Release:
    text = f"Date: {date:%a, %d %b %Y %H:%M:%S} UTC\n"
    if valid_until is not None:
        text += f"Valid-Until: {valid_until:%a, %d %b %Y %H:%M:%S} UTC\n"
    return parse_release((text + "SHA256:\n").encode(), "r")


def test_what_was_signed_comes_out_with_who_signed_it() -> None:
    key = archive_key()
    signed = verify_signature(key.sign(TEXT), [key.certificate], "r")
    assert signed.content.decode().rstrip("\n") == TEXT.rstrip("\n")
    assert signed.signers == (key.fingerprint,)


def test_an_armoured_keyring_and_several_keyrings_do() -> None:
    key, other = archive_key(), SigningKey.generate("other")
    armoured = str(key.secret.extract_certificate()).encode()
    assert verify_signature(key.sign(TEXT), [other.certificate, armoured], "r").signers


def test_a_strangers_signature_names_the_key_that_is_wanted_and_those_that_are_trusted() -> None:
    key, stranger = archive_key(), SigningKey.generate("stranger")
    with pytest.raises(UntrustedError, match="not in the keyring") as caught:
        verify_signature(stranger.sign(TEXT), [key.certificate], "trixie InRelease")
    assert "trixie InRelease" in str(caught.value)
    assert key.fingerprint in str(caught.value)
    signing = [
        packet.fingerprint.upper()
        for packet in pysequoia.packet.PacketPile.from_bytes(stranger.certificate)
        if packet.fingerprint
    ]
    assert any(fingerprint in str(caught.value) for fingerprint in signing)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda data: data.replace(b"Test", b"Tess"), "changed after it was signed"),
        (lambda data: data + b"Evil: yes\n", "text after its signature"),
        (lambda data: b"Evil: yes\n\n" + data, "is not signed"),
        (lambda data: TEXT.encode(), "is not signed"),
        (lambda data: b"", "is not signed"),
        (lambda data: data[:-60], "cut off"),
        (lambda data: data[: data.index(b"-----BEGIN PGP SIGNATURE")], "cut off"),
        (
            lambda data: (
                data[: data.index(b"\n\n", data.index(b"SIGNATURE"))]
                + b"\n\n\n-----END PGP SIGNATURE-----\n"
            ),
            "no signature that can be read",
        ),
    ],
)
def test_a_file_that_is_not_as_it_was_signed_is_refused(change, fault: str) -> None:  # type: ignore[no-untyped-def]
    key = archive_key()
    with pytest.raises(UntrustedError, match=fault):
        verify_signature(change(key.sign(TEXT)), [key.certificate], "r")


def test_one_good_signature_of_several_is_enough_and_is_the_one_named() -> None:
    key = archive_key()
    other = SigningKey.generate("other")
    both = key.sign(TEXT), other.sign(TEXT)
    armour = [_armoured_signature(data) for data in both]
    start = both[0].index(b"-----BEGIN PGP SIGNATURE")
    joined = b"".join(_packets(text) for text in armour)
    data = both[0][:start] + pysequoia.armor(joined, pysequoia.ArmorKind.Signature).encode()
    assert verify_signature(data, [key.certificate], "r").signers == (key.fingerprint,)
    everyone = verify_signature(data, [key.certificate, other.certificate], "r").signers
    assert set(everyone) == {key.fingerprint, other.fingerprint}


def _armoured_signature(signed: bytes) -> bytes:
    return signed[signed.index(b"-----BEGIN PGP SIGNATURE") :]


def _packets(armoured: bytes) -> bytes:
    return bytes(pysequoia.Sig.from_bytes(armoured))


def test_a_key_that_expired_after_it_signed_is_refused() -> None:
    key = SigningKey.generate("short-lived", validity_seconds=30 * 86400)
    signed = key.sign(TEXT)
    assert verify_signature(signed, [key.certificate], "r").signers
    with pytest.raises(UntrustedError, match=f"{key.fingerprint}.* expired on"):
        verify_signature(
            signed, [key.certificate], "r", lambda: system_clock() + timedelta(days=31)
        )


def test_a_key_that_has_expired_by_now_cannot_be_used_at_all() -> None:
    # The library makes keys a minute old; this one has time enough to sign, on a busy machine too.
    key = SigningKey.generate("short-lived", validity_seconds=65)
    made = time.time()
    signed = key.sign(TEXT)
    time.sleep(max(0, made + 6.5 - time.time()))
    with pytest.raises(UntrustedError, match="may not sign any more"):
        verify_signature(signed, [key.certificate], "r")


def test_a_subkey_that_expired_before_its_certificate_is_refused() -> None:
    key = SigningKey.generate("short-lived subkey", validity_seconds=30 * 86400)
    certificate = key.secret.extract_certificate()
    prolonged = certificate.set_expiration(
        system_clock() + timedelta(days=900), key.secret.certifier()
    )
    signed = key.sign(TEXT)
    assert verify_signature(signed, [bytes(prolonged)], "r").signers == (key.fingerprint,)
    with pytest.raises(UntrustedError, match=f"{key.fingerprint}.* has subkey .* expired on"):
        verify_signature(
            signed, [bytes(prolonged)], "r", lambda: system_clock() + timedelta(days=31)
        )


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=3))
def test_no_changed_byte_gets_other_text_believed(changes: list[tuple[int, int]]) -> None:
    key = archive_key()
    data = bytearray(key.sign(TEXT))
    for place, byte in changes:
        data[place % len(data)] = byte
    try:
        signed = verify_signature(bytes(data), [key.certificate], "r")
    except UntrustedError:
        return
    # Blanks at the ends of lines are no part of a cleartext signature (RFC 9580, 7.2).
    assert [line.rstrip() for line in signed.content.decode().split("\n") if line.rstrip()] == [
        line for line in TEXT.split("\n") if line
    ]


def test_a_revoked_key_is_refused() -> None:
    key = SigningKey.generate("revoked")
    certificate = key.secret.extract_certificate()
    revoked = pysequoia.Cert.from_packets(
        [
            *pysequoia.packet.PacketPile.from_bytes(bytes(certificate)),
            *pysequoia.packet.PacketPile.from_bytes(
                bytes(certificate.revoke(key.secret.certifier()))
            ),
        ]
    )
    assert revoked.is_revoked
    with pytest.raises(UntrustedError):
        verify_signature(key.sign(TEXT), [bytes(revoked)], "r")


@pytest.mark.parametrize("data", [b"junk", b"", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"])
def test_a_keyring_without_keys_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="keyring"):
        read_keyring(data, "k")


def test_without_a_keyring_nothing_is_believed() -> None:
    with pytest.raises(InputError, match="--keyring"):
        verify_signature(archive_key().sign(TEXT), [], "r")


def test_an_expired_release_is_refused_unless_it_may_be_old() -> None:
    old = release(TODAY - timedelta(days=9), TODAY - timedelta(seconds=1))
    with pytest.raises(UntrustedError, match="expired on 2026-11-23 11:59:59 UTC"):
        check_dates(old, "r", lambda: TODAY)
    check_dates(old, "r", lambda: TODAY, allow_expired=True)
    check_dates(release(TODAY, TODAY), "r", lambda: TODAY)
    check_dates(release(TODAY - timedelta(days=900)), "r", lambda: TODAY)


def test_a_release_from_the_future_is_refused() -> None:
    check_dates(release(TODAY + timedelta(minutes=59)), "r", lambda: TODAY)
    with pytest.raises(UntrustedError, match="clock is wrong"):
        check_dates(release(TODAY + timedelta(minutes=61)), "r", lambda: TODAY, allow_expired=True)


def test_an_older_release_than_the_one_before_is_refused(tmp_path: Path) -> None:
    seen = SeenReleases(tmp_path)
    for days in (0, 0, 1):
        seen.check_and_record("debian", "a/b", release(TODAY + timedelta(days=days)), ["K"], "r")
    with pytest.raises(UntrustedError, match="older than the 2026-11-24 12:00:00 UTC") as caught:
        seen.check_and_record("debian", "a/b", release(TODAY), ["K"], "r")
    (state,) = tmp_path.glob("*.json")
    assert str(state) in str(caught.value)
    # Other suites, repositories and signers have a past of their own.
    seen.check_and_record("debian", "other", release(TODAY), ["K"], "r")
    seen.check_and_record("other", "a/b", release(TODAY), ["K"], "r")
    seen.check_and_record("debian", "a/b", release(TODAY), ["L"], "r")
    with pytest.raises(UntrustedError):
        seen.check_and_record("debian", "a/b", release(TODAY), ["L", "K"], "r")


@pytest.mark.parametrize("text", ["", "[]", '{"K": 1}', '{"K": "x"}', "{"])
def test_a_damaged_memory_is_not_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "debian,trixie.json").write_text(text)
    with pytest.raises(InputError, match="cannot be read"):
        SeenReleases(tmp_path).check_and_record("debian", "trixie", release(), ["K"], "r")


def test_debians_keys_are_those_whose_origin_is_recorded() -> None:
    readme = Path(__file__).parents[3] / "src/ironhull/archive/keys/README.md"
    text = readme.read_text()
    assert hashlib.sha256(debian_keyring()).hexdigest() in text
    certificates = read_keyring(debian_keyring(), "k")
    assert len(certificates) == 9
    for certificate in certificates:
        assert f"`{certificate.fingerprint.upper()}`" in text
        assert certificate.expiration is not None
        assert f"{certificate.expiration:%Y-%m-%d}" in text


@pytest.mark.skipif(not MACHINE_KEYRING.exists(), reason="needs debian-archive-keyring")
def test_debians_keys_are_those_that_debian_gives_its_machines() -> None:
    machine = {c.fingerprint for c in read_keyring(MACHINE_KEYRING.read_bytes(), "machine")}
    assert {c.fingerprint for c in read_keyring(debian_keyring(), "k")} == machine
    assert datetime.now(UTC).year < 2029
