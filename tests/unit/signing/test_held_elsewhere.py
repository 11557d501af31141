"""Keys that stay in a device or a service: their signatures are checked, their trouble is told."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fakes.signer import FakeSigner

from ironhull.errors import EnvironmentProblem, InputError
from ironhull.signing import held_elsewhere
from ironhull.signing.held_elsewhere import held_signer, public_key_of
from ironhull.signing.keyring import Keyring

NOW = datetime(2026, 11, 28, tzinfo=UTC)
URI = "awskms:arn:aws:kms:here:1:key/2"


class Service:
    """In the place of a cloud's signer: a key of its own, and what went wrong."""

    def __init__(self, signer: FakeSigner, error: Exception | None = None) -> None:
        self.signer, self.error = signer, error

    def import_(self, name: str) -> tuple[str, Any]:
        if self.error:
            raise self.error
        return name, SimpleNamespace(keyval={"public": self.signer.public.pem.decode()})

    def from_priv_key_uri(self, uri: str, public: object, secrets: object) -> Any:
        del uri, public, secrets

        def sign(message: bytes) -> Any:
            if self.error:
                raise self.error
            return SimpleNamespace(signature=self.signer.sign(message).hex())

        return SimpleNamespace(sign=sign)


def serving(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    library = SimpleNamespace(
        SIGNER_FOR_URI_SCHEME={"awskms": service},
        SSlibKey=SimpleNamespace(from_crypto=lambda key, name: (key, name)),
    )
    monkeypatch.setattr(held_elsewhere, "import_module", lambda name: library)


def test_a_held_key_signs_and_is_named_by_its_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = FakeSigner()
    serving(monkeypatch, Service(inside))
    assert public_key_of(URI, None) == inside.public
    signer = held_signer(URI, inside.public, None)
    assert inside.public.holds(b"m", signer.sign(b"m"))
    assert signer.material(b"m", b"s") == {"publicKey": {"hint": inside.public.hint}}
    assert repr(signer) == f"HeldSigner({URI})"


def test_a_service_that_signs_with_another_key_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, Service(FakeSigner()))
    signer = held_signer(URI, FakeSigner().public, None)
    with pytest.raises(EnvironmentProblem, match="another key"):
        signer.sign(b"m")


def test_what_a_service_raises_is_one_error_with_its_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, Service(FakeSigner(), RuntimeError("no credentials")))
    with pytest.raises(EnvironmentProblem, match=r"awskms:.*no credentials"):
        public_key_of(URI, None)
    with pytest.raises(EnvironmentProblem, match="no credentials"):
        held_signer(URI, FakeSigner().public, None).sign(b"m")


@pytest.mark.parametrize("uri", ["file:/key", "http://a.example", "release.key", ""])
def test_other_names_are_refused(uri: str) -> None:
    with pytest.raises(InputError, match="no key that is known"):
        public_key_of(uri, None)


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "securesystemslib.signer", None)
    with pytest.raises(EnvironmentProblem, match=r"ironhull\[vault\]"):
        public_key_of("hv:release/1", None)


def test_the_ring_signs_with_a_held_key_and_retires_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = FakeSigner()
    serving(monkeypatch, Service(inside))
    ring = Keyring(tmp_path / "keys")
    ring.generate("file", None, NOW)
    ring.use("cloud", URI, inside.public, NOW)
    states = {key.name: (key.state, key.signs) for key in ring.known()}
    assert states == {"cloud": ("active", True), "file": ("retired", True)}
    signer = ring.signer(None)
    assert signer is not None
    assert inside.public.holds(b"m", signer.sign(b"m"))
    with pytest.raises(InputError, match="already"):
        ring.use("cloud", URI, inside.public, NOW)
