"""Images straight from a registry, honest or not."""

from collections.abc import Callable, Iterator

import pytest
from tests.fakes.image import make_image
from tests.fakes.registry import FakeRegistry
from tests.unit.inventory.test_take import BASE, TOP, packages

from ironhull.errors import IronhullError, NetworkError, NotFoundError, UntrustedError
from ironhull.inventory.take import Taker
from ironhull.store.home import Home

MakeTaker = Callable[..., Taker]


@pytest.fixture
def registry(home: Home) -> Iterator[FakeRegistry]:
    """A registry that has the image app:1."""
    image = make_image(home.store, [BASE, TOP])
    with FakeRegistry() as registry:
        fill(registry, home, image.digest)
        yield registry


def fill(registry: FakeRegistry, home: Home, digest: str) -> None:
    document = home.store.document(digest)  # type: ignore[arg-type]
    for manifest in document.manifests:
        inner = home.store.document(manifest.digest)
        for blob in (inner.config, *inner.layers):
            registry.put_blob("team/app", home.store.blobs.read(blob.digest))
        registry.put_manifest("team/app", manifest.digest, inner.media_type, inner.raw)
    registry.put_manifest("team/app", "1", document.media_type, document.raw)


def test_an_image_of_a_registry_is_the_same_as_that_of_the_store(
    registry: FakeRegistry, taker: MakeTaker
) -> None:
    remote = taker().take(f"{registry.host}/team/app:1")
    local = taker().take("app:1")
    assert remote.image.kind == "registry"
    assert (remote.image.digest, remote.packages) == (local.image.digest, local.packages)
    for layer in remote.layers:
        assert len(registry.requests("GET", layer.digest)) == 1


def test_known_layers_are_not_fetched_again(registry: FakeRegistry, taker: MakeTaker) -> None:
    takes = taker(kept=True)
    stored = takes.take("app:1")
    takes.stored.remove(stored.image.key)
    found = takes.take(f"{registry.host}/team/app:1")
    assert "bash" in packages(found)
    assert not any(registry.requests("GET", layer.digest) for layer in found.layers)


def test_a_layer_that_the_registry_changed_is_refused(
    registry: FakeRegistry, taker: MakeTaker
) -> None:
    digest = taker().take("app:1").layers[0].digest
    data = registry.blobs["team/app", digest]
    registry.blobs["team/app", digest] = data[:-1] + bytes([data[-1] ^ 1])
    with pytest.raises(UntrustedError, match=digest):
        taker().take(f"{registry.host}/team/app:1")


def test_a_layer_that_is_not_there_is_said(registry: FakeRegistry, taker: MakeTaker) -> None:
    digest = taker().take("app:1").layers[0].digest
    del registry.blobs["team/app", digest]
    with pytest.raises(NotFoundError, match=digest):
        taker().take(f"{registry.host}/team/app:1")


def test_a_private_image_without_credentials_says_so(home: Home, taker: MakeTaker) -> None:
    with FakeRegistry(login=("me", "secret"), auth="basic") as registry:
        with pytest.raises(IronhullError) as raised:
            taker().take(f"{registry.host}/team/app:1")
        assert isinstance(raised.value, NetworkError)
        assert registry.host in str(raised.value)
