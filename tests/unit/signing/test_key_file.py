"""Key files: written for cosign and read from it, and never readable by others."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from ironhull.errors import EnvironmentProblem, InputError, MalformedError, UntrustedError
from ironhull.signing.key_file import encrypted, generate, read_key_file
from ironhull.signing.public_key import PublicKey

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
OPEN = serialization.NoEncryption()


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, PublicKey]:
    der, public = generate()
    return encrypted(der, b"open sesame"), public


def written(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_key_signs_with_its_passphrase_and_the_same_bytes_each_time(
    tmp_path: Path, pair: tuple[bytes, PublicKey]
) -> None:
    signer = read_key_file(written(tmp_path / "a.key", pair[0]), b"open sesame")
    signature = signer.sign(b"said")
    assert signer.public == pair[1]
    assert signature == signer.sign(b"said")
    assert pair[1].holds(b"said", signature)
    assert not pair[1].holds(b"sand", signature)


def test_a_file_in_the_place_of_another_is_another_key_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    found = [
        read_key_file(written(path, key.private_bytes(PEM, PKCS8, OPEN)), None).public
        for key in (keys[0], keys[0], keys[1], keys[0])
    ]
    first, second = (PublicKey.of(key.public_key()) for key in keys)
    assert found == [first, first, second, first]


def test_what_was_read_before_is_refused_without_its_passphrase_or_once_others_may_read_it(
    tmp_path: Path, pair: tuple[bytes, PublicKey]
) -> None:
    path = written(tmp_path / "a.key", pair[0])
    read_key_file(path, b"open sesame")
    with pytest.raises(UntrustedError, match="passphrase"):
        read_key_file(path, b"open sesam")
    with pytest.raises(InputError, match="IRONHULL_KEY_PASSPHRASE"):
        read_key_file(path, None)
    path.chmod(0o644)
    with pytest.raises(UntrustedError, match="chmod 600"):
        read_key_file(path, b"open sesame")


@pytest.mark.parametrize("passphrase", [b"open sesam", b""])
def test_another_passphrase_is_refused(
    tmp_path: Path, pair: tuple[bytes, PublicKey], passphrase: bytes
) -> None:
    with pytest.raises(UntrustedError, match="passphrase"):
        read_key_file(written(tmp_path / "a.key", pair[0]), passphrase)


def test_no_passphrase_says_where_to_give_it(tmp_path: Path, pair: tuple[bytes, PublicKey]) -> None:
    with pytest.raises(InputError, match="IRONHULL_KEY_PASSPHRASE"):
        read_key_file(written(tmp_path / "a.key", pair[0]), None)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_may_read_is_refused(
    tmp_path: Path, pair: tuple[bytes, PublicKey], mode: int
) -> None:
    with pytest.raises(UntrustedError, match="chmod 600"):
        read_key_file(written(tmp_path / "a.key", pair[0], mode), b"open sesame")


def test_a_key_does_not_show_in_texts(tmp_path: Path, pair: tuple[bytes, PublicKey]) -> None:
    signer = read_key_file(written(tmp_path / "a.key", pair[0]), b"open sesame")
    assert repr(signer) == f"KeyFileSigner({pair[1].fingerprint[:16]})"


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-256", "P-384", "P-521", "Ed25519", "RSA"],
)
def test_keys_of_the_usual_kinds_sign_unencrypted(tmp_path: Path, key: object) -> None:
    pem = key.private_bytes(PEM, PKCS8, OPEN)  # type: ignore[attr-defined]
    signer = read_key_file(written(tmp_path / "a.key", pem), None)
    read = PublicKey.from_pem(signer.public.pem, "a.pub")
    assert read.holds(b"m", signer.sign(b"m"))
    assert not read.holds(b"m", signer.sign(b"n"))


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256K1())],
    ids=["RSA 1024", "secp256k1"],
)
def test_weak_and_unusual_keys_are_refused(tmp_path: Path, key: object) -> None:
    pem = key.private_bytes(PEM, PKCS8, OPEN)  # type: ignore[attr-defined]
    with pytest.raises(UntrustedError):
        read_key_file(written(tmp_path / "a.key", pem), None)


def test_keys_of_another_kind_are_said_to_be(tmp_path: Path) -> None:
    pem = dsa.generate_private_key(2048).private_bytes(PEM, PKCS8, OPEN)
    with pytest.raises(MalformedError, match="this kind"):
        read_key_file(written(tmp_path / "a.key", pem), None)


@pytest.mark.parametrize(
    ("before", "after"),
    [(b'"N": 65536', b'"N": 67108864'), (b'"p": 1', b'"p": 1000'), (b"scrypt", b"argon2")],
)
def test_a_file_that_asks_for_too_much_is_refused(
    tmp_path: Path, pair: tuple[bytes, PublicKey], before: bytes, after: bytes
) -> None:
    import base64

    lines = pair[0].splitlines()
    value = base64.b64decode(b"".join(lines[1:-1]))
    assert before in value
    body = base64.b64encode(value.replace(before, after))
    with pytest.raises(MalformedError, match="scrypt"):
        read_key_file(
            written(tmp_path / "a.key", b"\n".join((lines[0], body, lines[-1]))), b"open sesame"
        )


@pytest.mark.parametrize("cut", [20, 60, 200, 300])
def test_a_damaged_file_is_refused_without_its_content(
    tmp_path: Path, pair: tuple[bytes, PublicKey], cut: int
) -> None:
    path = written(tmp_path / "a.key", pair[0][:cut])
    with pytest.raises((MalformedError, UntrustedError)) as caught:
        read_key_file(path, b"open sesame")
    assert pair[0][40:60].decode() not in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"none\.key"):
        read_key_file(tmp_path / "none.key", None)


def test_a_private_key_given_as_a_public_one_is_not_repeated(
    tmp_path: Path, pair: tuple[bytes, PublicKey]
) -> None:
    with pytest.raises(MalformedError, match="private key") as caught:
        PublicKey.from_pem(pair[0], "a.key")
    assert "BEGIN" not in str(caught.value)
