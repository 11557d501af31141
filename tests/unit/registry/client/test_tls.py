from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.certificate import make_certificate
from tests.fakes.registry import FakeRegistry, says
from tests.unit.registry.client.conftest import QUICK
from tests.unit.registry.client.test_repository import manifest

from ironhull.errors import NetworkError
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.oci.reference import Reference
from ironhull.registry.client.access import Registries
from ironhull.transport.network import Network


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that signs itself, with its key, in one file."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def guarded(certificate: Path) -> Iterator[FakeRegistry]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with FakeRegistry(tls=context) as registry:
        registry.put_manifest("app", "1", OCI_MANIFEST, manifest())
        yield registry


def test_a_certificate_nobody_vouches_for_is_refused_even_on_loopback(
    guarded: FakeRegistry,
) -> None:
    for plain_http in (False, True):
        with Registries(patience=QUICK, plain_http=plain_http) as registries:
            repository = registries.repository(Reference(guarded.host, "app"))
            assert repository.session.base.startswith("https://")
            with pytest.raises(NetworkError, match=r"not trusted.*--ca FILE"):
                repository.fetch_manifest("1")
    assert guarded.seen == []


def test_an_authority_that_is_named_is_trusted(guarded: FakeRegistry, certificate: Path) -> None:
    with Registries(patience=QUICK, network=Network(also=certificate)) as registries:
        repository = registries.repository(Reference(guarded.host, "app"))
        assert repository.fetch_manifest("1").raw == manifest()


def test_a_certificate_of_another_host_is_refused(guarded: FakeRegistry, certificate: Path) -> None:
    with Registries(patience=QUICK, network=Network(also=certificate)) as registries:
        repository = registries.repository(Reference(f"127.0.0.1:{guarded.port}", "app"))
        with pytest.raises(NetworkError, match="not trusted"):
            repository.fetch_manifest("1")
    assert guarded.seen == []


def test_a_redirect_from_tls_to_plain_http_is_not_followed(
    guarded: FakeRegistry, certificate: Path
) -> None:
    network = Network(also=certificate)
    with FakeRegistry() as plain, Registries(patience=QUICK, network=network) as registries:
        guarded.fail("GET", "/manifests/", says(307, location=f"{plain.url}/v2/app/manifests/1"))
        repository = registries.repository(Reference(guarded.host, "app"))
        with pytest.raises(NetworkError, match="from https to plain http"):
            repository.fetch_manifest("1")
        assert plain.seen == []
