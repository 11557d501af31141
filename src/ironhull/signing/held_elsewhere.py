"""Keys that never leave where they are: hardware (PKCS #11), clouds' key services, Vault.

Each is a signer of securesystemslib, by its URI:

hsm:2?label=TOKEN               a PKCS #11 token; PYKCS11LIB names its library   extra `hsm`
awskms:arn:aws:kms:…            AWS KMS                                          extra `aws`
gcpkms:projects/…               Google Cloud KMS                                 extra `gcp`
azurekms://vault/key/version    Azure Key Vault                                  extra `azure`
hv:NAME/VERSION                 HashiCorp Vault's transit engine                 extra `vault`

Their libraries are loaded when such a key is used; logins are those that the libraries look for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ironhull.errors import EnvironmentProblem, InputError, IronhullError
from ironhull.signing.public_key import PublicKey
from ironhull.values import dataclass

EXTRAS = {"hsm": "hsm", "awskms": "aws", "gcpkms": "gcp", "azurekms": "azure", "hv": "vault"}


@dataclass(frozen=True, slots=True)
class HeldSigner:
    """Signs with a key that stays where it is."""

    public: PublicKey
    uri: str
    _sign: Callable[[bytes], bytes]

    def sign(self, message: bytes) -> bytes:
        """As `Signer.sign`; each signature is another one. It is checked before it is given."""
        signature = self._sign(message)
        if not self.public.holds(message, signature):
            raise EnvironmentProblem(
                f"{self.uri} signs with another key than the ring has of it; "
                "bring it in again (ironhull key use)"
            )
        return signature

    def material(self, message: bytes, signature: bytes) -> Mapping[str, Any]:
        """As `Signer.material`: the hint of the key."""
        del message, signature
        return {"publicKey": {"hint": self.public.hint}}

    def __repr__(self) -> str:
        return f"HeldSigner({self.uri})"


def public_key_of(uri: str, pin: bytes | None) -> PublicKey:
    """The public half of such a key, asked of the device or service.

    `pin` is a token's; EnvironmentProblem where its library, the device or a login is missing.
    """
    library = _library(uri)
    scheme, rest = uri.partition(":")[0], uri.partition(":")[2]
    with _asking(uri):
        kind = library.SIGNER_FOR_URI_SCHEME[scheme]
        if scheme == "hsm":
            parts = urlsplit(uri)
            label = dict(parse_qsl(parts.query)).get("label")
            _, key = kind.import_(int(parts.path or 2), label, lambda secret: _text(pin, uri))
        elif scheme == "azurekms":
            parts = urlsplit(uri)
            _, key = kind.import_(parts.netloc.partition(".")[0], parts.path.split("/")[1])
        else:
            _, key = kind.import_(rest.partition("/")[0] if scheme == "hv" else rest)
        return PublicKey.from_pem(key.keyval["public"].encode(), uri)


def held_signer(uri: str, public: PublicKey, pin: bytes | None) -> HeldSigner:
    """The signer of such a key; EnvironmentProblem as for `public_key_of`."""
    library = _library(uri)
    with _asking(uri):
        known = library.SSlibKey.from_crypto(public.key, public.fingerprint)
        kind = library.SIGNER_FOR_URI_SCHEME[uri.partition(":")[0]]
        made = kind.from_priv_key_uri(uri, known, lambda secret: _text(pin, uri))

    def sign(message: bytes) -> bytes:
        with _asking(uri):
            return bytes.fromhex(made.sign(message).signature)

    return HeldSigner(public, uri, sign)


def _library(uri: str) -> Any:
    extra = EXTRAS.get(uri.partition(":")[0])
    if extra is None:
        raise InputError(f"{uri!r:.80} is no key that is known here: {', '.join(EXTRAS)}")
    try:
        # Takes long to load, and brings what each service needs only where that is installed.
        return import_module("securesystemslib.signer")
    except ImportError:
        raise EnvironmentProblem(
            f"{uri}: its library is not installed (pip install 'ironhull[{extra}]')"
        ) from None


@contextmanager
def _asking(uri: str) -> Iterator[None]:
    """What the libraries raise, as one error: each service has exceptions of its own."""
    try:
        yield
    except IronhullError:
        raise
    except Exception as error:
        extra = EXTRAS[uri.partition(":")[0]]
        text = str(error) or type(error).__name__
        hint = f" (pip install 'ironhull[{extra}]')" if "import" in text else ""
        raise EnvironmentProblem(f"{uri}: {text:.300}{hint}") from None


def _text(pin: bytes | None, uri: str) -> str:
    if pin is None:
        raise InputError(f"{uri} asks for a PIN: give it in IRONHULL_KEY_PASSPHRASE")
    return pin.decode()
