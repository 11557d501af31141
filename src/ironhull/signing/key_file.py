"""Private keys in files, encrypted with a passphrase, in the format of cosign's key pairs.

PEM around JSON: scrypt makes a key of the passphrase, NaCl's secretbox encrypts the PKCS #8 with it
(sigstore's `encrypted` package of cosign). What is not encrypted is read too, if it is only its
owner's to read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from ironhull.errors import EnvironmentProblem, InputError, MalformedError, UntrustedError
from ironhull.signing.public_key import MAX_PEM, PublicKey, hash_of
from ironhull.values import dataclass

_LABELS = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
_N, _R, _P = 1 << 16, 8, 1
_MOST_MEMORY = 256 * 1024 * 1024
_LENGTH = 32
_SALT = 32
_MOST_MADE = 8


@dataclass(frozen=True, slots=True)
class KeyFileSigner:
    """Signs with a key that was read from a file. It never shows in texts: `repr` has no key."""

    public: PublicKey
    _sign: Callable[[bytes], bytes]

    def sign(self, message: bytes) -> bytes:
        """As `Signer.sign`; the same message gives the same bytes (RFC 6979)."""
        return self._sign(message)

    def material(self, message: bytes, signature: bytes) -> Mapping[str, Any]:
        """As `Signer.material`: the hint of the key."""
        return {"publicKey": {"hint": self.public.hint}}

    def __repr__(self) -> str:
        return f"KeyFileSigner({self.public.fingerprint[:16]})"


_made: dict[bytes, KeyFileSigner] = {}
"""By the digest of a key file's bytes, and of its passphrase."""


def generate() -> tuple[bytes, PublicKey]:
    """A new key on P-256: PKCS #8 in DER, for `encrypted` alone, and its public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return der, PublicKey.of(key.public_key())


def encrypted(der: bytes, passphrase: bytes) -> bytes:
    """A private key as cosign's file."""
    salt = os.urandom(_SALT)
    box = _box(_derived(passphrase, salt, _N, _R, _P))
    made = box.encrypt(der)
    value = {
        "kdf": {
            "name": "scrypt",
            "params": {"N": _N, "r": _R, "p": _P},
            "salt": base64.b64encode(salt).decode(),
        },
        "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(made.nonce).decode()},
        "ciphertext": base64.b64encode(made.ciphertext).decode(),
    }
    body = base64.b64encode(json.dumps(value).encode())
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    label = _LABELS[0].encode()
    return b"\n".join((b"-----BEGIN %s-----" % label, *lines, b"-----END %s-----" % label, b""))


def unencrypted(der: bytes) -> bytes:
    """A private key as PEM, for machines where nobody types: its file's mode is all that guards."""
    key = serialization.load_der_private_key(der, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def read_key_file(path: Path, passphrase: bytes | None) -> KeyFileSigner:
    """The signer of a key file.

    `passphrase` None: none was given, which is not the empty one. NotFound and unreadable files are
    EnvironmentProblem, a wrong passphrase and a file that others may read UntrustedError.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(MAX_PEM + 1)
    except OSError as error:
        raise EnvironmentProblem(f"cannot read the key {path}: {error.strerror}") from None
    if len(data) > MAX_PEM:
        raise MalformedError(f"{path} is no private key (it is longer than {MAX_PEM} bytes)")
    locked = any(label.encode() in data for label in _LABELS)
    if mode & 0o077:
        raise UntrustedError(
            f"{path} can be read by others (mode {mode:04o}); make it yours alone: chmod 600 {path}"
        )
    if locked and passphrase is None:
        raise InputError(
            f"{path} is encrypted: give its passphrase in IRONHULL_KEY_PASSPHRASE, or in a file "
            "(--passphrase-file)"
        )
    # A watcher signs for image after image: to make a key of its file's bytes takes a millisecond,
    # with a passphrase a tenth of a second. By the bytes, so that no other file gives an old key.
    known = sha256(sha256(data).digest() + (passphrase or b"" if locked else b"")).digest()
    if known not in _made:
        made = _opened(data, passphrase if locked else None, path)
        if len(_made) >= _MOST_MADE:
            _made.clear()
        _made[known] = made
    return _made[known]


def _opened(data: bytes, passphrase: bytes | None, path: Path) -> KeyFileSigner:
    if passphrase is None:
        return _signer(_plain(data, path), path)
    der = _decrypted(data, passphrase, path)
    try:
        return _signer(serialization.load_der_private_key(der, None), path)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise MalformedError(f"{path} holds no private key") from None


def _plain(data: bytes, path: Path) -> object:
    try:
        return serialization.load_pem_private_key(data, None)
    except TypeError:
        raise MalformedError(
            f"{path} is encrypted in a format that is not cosign's: convert it with "
            "`cosign import-key-pair`"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise MalformedError(f"{path} is no private key in PEM") from None


def _decrypted(data: bytes, passphrase: bytes, path: Path) -> bytes:
    try:
        value = json.loads(base64.b64decode(_between(data), validate=True))
        kdf, cipher = value["kdf"], value["cipher"]
        numbers = (kdf["params"]["N"], kdf["params"]["r"], kdf["params"]["p"])
        salt = base64.b64decode(kdf["salt"], validate=True)
        nonce = base64.b64decode(cipher["nonce"], validate=True)
        sealed = base64.b64decode(value["ciphertext"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise MalformedError(f"{path} is no key file of cosign's") from None
    if kdf.get("name") != "scrypt" or cipher.get("name") != "nacl/secretbox":
        raise MalformedError(f"{path}: only scrypt with nacl/secretbox is known")
    if not all(isinstance(each, int) and each > 0 for each in numbers):
        raise MalformedError(f"{path}: the numbers of scrypt are not positive")
    if 128 * numbers[0] * numbers[1] > _MOST_MEMORY or numbers[2] > 16:
        raise MalformedError(f"{path}: scrypt would need more memory or time than is reasonable")
    from nacl.exceptions import CryptoError

    try:
        return bytes(_box(_derived(passphrase, salt, *numbers)).decrypt(sealed, nonce))
    except (CryptoError, ValueError, TypeError):
        raise UntrustedError(f"{path}: the passphrase is not the right one") from None


def _box(key: bytes) -> Any:
    # Who verifies needs no private key: NaCl takes as long to load as a signature to check.
    from nacl.secret import SecretBox

    return SecretBox(key)


def _between(data: bytes) -> bytes:
    """What stands between the two label lines."""
    lines = data.splitlines()
    inside = [line.strip() for line in lines if line.strip() and not line.startswith(b"-----")]
    return b"".join(inside)


def _derived(passphrase: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        passphrase, salt=salt, n=n, r=r, p=p, maxmem=2 * _MOST_MEMORY, dklen=_LENGTH
    )


def _signer(key: object, path: Path) -> KeyFileSigner:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        public = PublicKey.of(key.public_key(), str(path))
        algorithm = ec.ECDSA(hash_of(key.curve), deterministic_signing=True)
        private = key
        return KeyFileSigner(public, lambda message: private.sign(message, algorithm))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return KeyFileSigner(PublicKey.of(key.public_key(), str(path)), key.sign)
    if isinstance(key, rsa.RSAPrivateKey):
        rsa_key = key
        return KeyFileSigner(
            PublicKey.of(key.public_key(), str(path)),
            lambda message: rsa_key.sign(message, padding.PKCS1v15(), hashes.SHA256()),
        )
    raise MalformedError(f"{path}: private keys of this kind are not used (ECDSA is)")
