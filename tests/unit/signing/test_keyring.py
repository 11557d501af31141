"""The ring of keys: made, rotated, revoked, and never overwritten."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ironhull.errors import InputError, MalformedError, NotFoundError
from ironhull.signing import keyring
from ironhull.signing.key_file import generate
from ironhull.signing.keyring import Keyring

NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyring:
    # The passphrase's work is measured elsewhere; here it would be most of the time.
    monkeypatch.setattr("ironhull.signing.key_file._N", 2)
    return Keyring(tmp_path / "keys")


def test_a_new_key_is_its_owners_alone_and_active(ring: Keyring) -> None:
    made = ring.generate("release", b"pw", NOW)
    assert ring.active() == made
    assert made.created == "2026-11-28T12:00:00Z"
    assert stat.S_IMODE(ring.private_path("release").stat().st_mode) == 0o600
    assert stat.S_IMODE(ring.folder.stat().st_mode) == 0o700
    signer = ring.signer(b"pw")
    assert signer is not None
    assert signer.public == made.public


def test_a_key_is_never_overwritten(ring: Keyring) -> None:
    ring.generate("release", b"pw", NOW)
    before = ring.private_path("release").read_bytes()
    with pytest.raises(InputError, match="already"):
        ring.generate("release", b"pw", NOW)
    assert ring.private_path("release").read_bytes() == before


def test_a_private_key_nobody_listed_is_never_overwritten(ring: Keyring) -> None:
    ring.folder.mkdir()
    ring.private_path("release").write_text("precious")
    with pytest.raises(InputError, match="move it away"):
        ring.generate("release", b"pw", NOW)
    assert ring.private_path("release").read_text() == "precious"
    assert ring.known() == ()


def test_after_a_rotation_the_old_key_is_believed_and_signs_no_more(ring: Keyring) -> None:
    first = ring.generate("release", b"pw", NOW)
    before, after = ring.rotate(b"pw", NOW)
    assert (before.name, before.state, after.name) == ("release", "retired", "release-2")
    assert ring.rotate(b"pw", NOW)[1].name == "release-3"
    states = {key.name: (key.state, key.believed) for key in ring.known()}
    assert states == {
        "release": ("retired", True),
        "release-2": ("retired", True),
        "release-3": ("active", True),
    }
    assert before.public == first.public


def test_a_revoked_key_is_not_believed(ring: Keyring) -> None:
    ring.generate("release", b"pw", NOW)
    revoked = ring.revoke("release", "the laptop was stolen", NOW)
    assert not revoked.believed
    assert revoked.reason == "the laptop was stolen"
    assert ring.active() is None
    assert ring.signer(b"pw") is None


def test_revoking_what_is_not_there_names_what_is(ring: Keyring) -> None:
    ring.generate("release", b"pw", NOW)
    with pytest.raises(NotFoundError, match="release"):
        ring.revoke("realease", "", NOW)


def test_a_strangers_key_is_believed_and_signs_nothing(ring: Keyring) -> None:
    public = generate()[1]
    ring.trust("vendor", public.pem, NOW)
    (key,) = ring.known()
    assert key.public == public
    assert key.believed
    assert ring.active() is None


def test_rotating_nothing_says_how_to_begin(ring: Keyring) -> None:
    with pytest.raises(NotFoundError, match="key generate"):
        ring.rotate(b"pw", NOW)


@pytest.mark.parametrize("name", ["", "../up", "A", ".hidden", "x" * 65, "a/b"])
def test_names_that_leave_the_folder_are_refused(ring: Keyring, name: str) -> None:
    with pytest.raises(InputError, match="name of a key"):
        ring.generate(name, b"pw", NOW)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys":[]}', '{"keys":{"a":{"state":"new","pem":""}}}', "[" * 5000]
)
def test_a_damaged_list_is_an_error_and_not_a_ring_without_revocations(
    ring: Keyring, text: str
) -> None:
    ring.folder.mkdir()
    (ring.folder / "keys.json").write_text(text)
    with pytest.raises(MalformedError, match="restore it"):
        ring.known()


def test_names_are_checked_in_one_place() -> None:
    assert keyring.checked_name("release-2") == "release-2"
