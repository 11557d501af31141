from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.image import make_image
from tests.fakes.registry import FakeRegistry, hang_up
from tests.unit.registry.client.conftest import QUICK, Notes
from tests.unit.registry.client.test_repository import manifest
from tests.unit.registry.client.test_transfer import artifact

from ironhull.errors import InputError, NetworkError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.oci.reference import Reference
from ironhull.registry.client.access import Registries
from ironhull.registry.client.locations import (
    open_source,
    open_target,
    registry_source,
    source_name,
    target_tags,
)
from ironhull.registry.client.naming import Kind, find_location, find_stored, parse_location
from ironhull.registry.client.places import StoredSource
from ironhull.registry.client.transfer import transfer
from ironhull.store.archive_file import ArchiveFile
from ironhull.store.choice import choose_manifest
from ironhull.store.export import write_docker_archive
from ironhull.store.layout import ImageLayout
from ironhull.transport.network import Network


@pytest.mark.parametrize(
    ("text", "kind", "path", "name"),
    [
        ("oci:dir", Kind.LAYOUT, "dir", None),
        ("oci:/a/dir:node:20", Kind.LAYOUT, "/a/dir", "node:20"),
        ("oci-archive:x.bin:host.example/node:20", Kind.ARCHIVE, "x.bin", "host.example/node:20"),
        ("docker-archive:x", Kind.ARCHIVE, "x", None),
        ("bundle.tar", Kind.ARCHIVE, "bundle.tar", None),
        ("dir.d/bundle.tar.gz", Kind.ARCHIVE, "dir.d/bundle.tar.gz", None),
        ("./bundle.tgz", Kind.ARCHIVE, "bundle.tgz", None),
        ("node:20", Kind.STORE, ".", "node:20"),
        ("team/node:20", Kind.STORE, ".", "team/node:20"),
        ("store:host.example/node:20", Kind.STORE, ".", "host.example/node:20"),
    ],
)
def test_a_text_names_one_place(text: str, kind: Kind, path: str, name: str | None) -> None:
    location = parse_location(text)
    assert (location.kind, location.path, location.name) == (kind, Path(path), name)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("localhost/node", "localhost/node:latest"),
        ("localhost:5000/node:1.tar", "localhost:5000/node:1.tar"),
        ("host.example/a/b", "host.example/a/b:latest"),
        ("docker://node", "docker.io/library/node:latest"),
        ("docker.io/node:20", "docker.io/library/node:20"),
    ],
)
def test_a_host_before_the_slash_means_a_registry(text: str, reference: str) -> None:
    location = parse_location(text)
    assert location.kind is Kind.REGISTRY
    assert str(location.reference) == reference


@pytest.mark.parametrize(
    "text", ["oci:", "oci-archive::x", "localhost:5000/UPPER", "docker://a//b"]
)
def test_what_names_no_place_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_location(text)


@pytest.mark.parametrize(
    ("target", "source", "tag"),
    [
        ("h.example/a:2", "node:20", "2"),
        ("h.example/a", "node:20", "20"),
        ("h.example/a", "h.example:5000/node:20", "20"),
        ("h.example/a", "h.example:5000/node", "latest"),
        ("h.example/a", "h/node@sha256:" + "a" * 64, "latest"),
    ],
)
def test_a_target_without_a_tag_gets_the_sources(target: str, source: str, tag: str) -> None:
    assert target_tags(parse_location(target), source) == [tag]


def test_a_target_is_no_digest() -> None:
    with pytest.raises(InputError, match="push to a tag"):
        target_tags(parse_location("h.example/a@sha256:" + "a" * 64), "x:1")


def test_an_image_pulled_by_its_short_name_is_found_by_it(layout: ImageLayout) -> None:
    image = make_image(layout, names=("docker.io/library/node:20", "own:1"))
    for name in ("node:20", "docker.io/node:20", "own:1", image.digest):
        assert find_stored(layout, name).digest == image.digest
    for name in ("node:21", "UPPER"):
        with pytest.raises(NotFoundError, match="no image"):
            find_stored(layout, name)


def test_an_image_crosses_an_air_gap_with_its_referrers(
    layout: ImageLayout, tmp_path: Path
) -> None:
    image = make_image(layout, names=("app:1",), platforms=("linux/amd64", "linux/arm64"))
    sbom = artifact(layout, image)
    bundle = tmp_path / "bundle.tar"
    far = ImageLayout(tmp_path / "far", create=True)
    with Registries(patience=QUICK) as registries:
        for here, there, store in (
            ("app:1", str(bundle), layout),
            (str(bundle), "app:2", far),
        ):
            location = parse_location(here)
            with open_source(location, registries, store) as source:
                name = source_name(location, source)
                with open_target(parse_location(there), registries, store, name) as target:
                    done = transfer(source, target)
            assert done.referrers == 1
    assert far.find("app:2").digest == image.digest
    assert far.blobs.has(sbom.digest)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.tar", "far", "layout"]


def test_a_bundle_that_could_not_be_filled_is_not_written(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.tar"
    bundle.write_bytes(b"the old one")
    store = ImageLayout(tmp_path / "store", create=True)
    with FakeRegistry() as registry, Registries(patience=QUICK) as registries:
        registry.put_manifest("app", "1", OCI_MANIFEST, manifest())
        location = parse_location(f"{registry.host}/app:1")
        with (
            pytest.raises(NotFoundError),
            open_source(location, registries, store) as source,
            open_target(parse_location(str(bundle)), registries, store, "app:1") as target,
        ):
            transfer(source, target)
    assert bundle.read_bytes() == b"the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.tar", "store"]


def test_a_layout_of_several_images_wants_a_name(layout: ImageLayout, tmp_path: Path) -> None:
    first = make_image(layout, names=("app:1", "app:latest"))
    with Registries() as registries:
        with open_source(parse_location(f"oci:{layout.root}"), registries, layout) as source:
            assert source.root().digest == first.digest
        artifact(layout, first)
        with open_source(parse_location(f"oci:{layout.root}"), registries, layout) as source:
            assert source.root().digest == first.digest
        make_image(layout, [{"x": "y"}], names=("app:2",))
        with (
            pytest.raises(InputError, match=r"holds 2 images.*app:1, app:2"),
            open_source(parse_location(f"oci:{layout.root}"), registries, layout),
        ):
            pass
        with open_source(parse_location(f"oci:{layout.root}:app:1"), registries, layout) as source:
            assert source.root().digest == first.digest


def test_an_archive_gets_a_name_even_if_its_source_has_none(
    layout: ImageLayout, tmp_path: Path
) -> None:
    image = make_image(layout, names=())
    source = StoredSource(layout, Descriptor(image.media_type, image.digest, image.size), "x")
    assert source_name(parse_location("oci:Some.Dir"), source) == "some:latest"


@pytest.mark.parametrize("name", ["", "UPPER:1", "a b"])
def test_a_name_for_the_store_is_a_reference(layout: ImageLayout, name: str) -> None:
    with (
        Registries() as registries,
        pytest.raises(InputError, match="not a name for the store"),
        open_target(parse_location(f"store:{name}"), registries, layout, "x"),
    ):
        pass


def test_mirrors_are_asked_first_and_passed_over_when_they_fail(notes: Notes) -> None:
    with FakeRegistry() as empty, FakeRegistry() as broken, FakeRegistry() as good:
        good.put_manifest("hub/library/node", "20", OCI_MANIFEST, manifest())
        broken.fail("HEAD", "/", hang_up, times=99)
        mirrors = {"docker.io": [empty.host, broken.host, f"{good.host}/hub"]}
        with Registries(mirrors=mirrors, patience=QUICK, progress=notes) as registries:
            source = registry_source(Reference.parse("node:20"), registries)
            assert source.root().raw == manifest()
            assert source.label == f"{good.host}/hub/library/node:20"
    assert any(f"not from the mirror {empty.host}" in note for note in notes.notes)
    assert any(f"not from the mirror {broken.host}" in note for note in notes.notes)


def test_docker_hub_is_reached_under_its_own_host() -> None:
    with Registries() as registries:
        repository = registries.repository(Reference.parse("node"))
        assert repository.session.base == "https://registry-1.docker.io"
        assert str(repository) == "docker.io/library/node"


def test_a_registry_elsewhere_is_reached_by_tls_alone() -> None:
    with Registries() as registries:
        repository = registries.repository(Reference.parse("registry.example:5000/app"))
        assert repository.session.base == "https://registry.example:5000"


def test_a_file_of_authorities_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(InputError, match=r"ca\.pem"):
        Registries(network=Network(also=tmp_path / "ca.pem"))


def test_a_registry_that_is_gone_is_an_error_of_the_network(layout: ImageLayout) -> None:
    with FakeRegistry() as registry:
        host = registry.host
    with (
        Registries(patience=QUICK) as registries,
        open_source(parse_location(f"{host}/app"), registries, layout) as source,
        pytest.raises(NetworkError, match="no server answers there"),
    ):
        source.root()


def test_a_path_that_is_there_is_meant_and_no_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layout").mkdir()
    (tmp_path / "image.oci").touch()
    assert find_location("./layout").kind is Kind.LAYOUT
    assert find_location("./image.oci").kind is Kind.ARCHIVE
    assert find_location("localhost:5000/node:20").kind is Kind.REGISTRY
    assert find_location("node:20").kind is Kind.STORE


def test_an_archive_that_is_believed_is_not_read_whole_and_the_same(tmp_path, monkeypatch):
    layout = ImageLayout(tmp_path / "layout", create=True)
    index = make_image(layout, [{"a": "a"}], names=["app:1"])
    path = tmp_path / "app.tar"
    with path.open("wb") as file:
        write_docker_archive(layout, choose_manifest(layout, index, None), ["app:1"], file)
    with Registries() as registries:
        with open_source(find_location(str(path)), registries, layout) as source:
            whole = source.root()
        monkeypatch.setattr(ArchiveFile, "_digest", lambda archive, member: 1 / 0)
        opened = open_source(find_location(str(path)), registries, layout, believing=True)
        with opened as source:
            assert source.root() == whole
            assert source.referrers(whole.digest) == []
