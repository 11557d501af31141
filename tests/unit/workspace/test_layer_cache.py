from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.registry import FakeRegistry

from ironhull.build.record import MadeLayer, read_record
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId
from ironhull.oci.media_types import OCI_LAYER_ZSTD
from ironhull.settings import Settings
from ironhull.signing.keyring import Keyring
from ironhull.workspace.layer_cache import signed_layers
from ironhull.workspace.machine import Machine

KEY = "ab" * 32


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


def machine(folder: Path, registry: FakeRegistry, believed: Path | None, **more: object) -> Machine:
    """A machine with a key of its own, whose public half is beside its home."""
    home = folder / "home"
    if not (folder / "own.pub").exists():
        known = Keyring(home / "keys").generate("own", None, datetime(2026, 1, 1, tzinfo=UTC))
        (folder / "own.pub").write_bytes(known.public.pem)
    return Machine(
        Settings(
            home=home,
            catalog=folder,
            layer_cache=f"{registry.host}/team/layers",
            layer_cache_key=believed,
            **more,  # type: ignore[arg-type]
        )
    )


def kept(of: Machine) -> MadeLayer:
    """A layer that the machine made and gave to its cache."""
    digest = of.home.store.blobs.put(b"a layer")
    record = MadeLayer(KEY, Descriptor(OCI_LAYER_ZSTD, digest, 7), DiffId(digest), 7, ())
    signed_layers(of).keep(record)
    return record


def test_a_machine_with_the_key_gives_and_one_without_it_takes(tmp_path, registry):
    (tmp_path / "ci").mkdir()
    (tmp_path / "desk").mkdir()
    believed = tmp_path / "ci/own.pub"
    desk = machine(tmp_path / "desk", registry, believed)
    ci = machine(tmp_path / "ci", registry, believed)
    kept(desk)
    assert registry.manifests == {}
    record = kept(ci)
    desk.home.store.blobs.remove(record.descriptor.digest)
    assert signed_layers(desk).bring(KEY)
    assert read_record(desk.home.layers, KEY) == record
    assert desk.home.store.blobs.read(record.descriptor.digest) == b"a layer"


def test_a_repository_without_a_key_to_believe_is_refused(tmp_path, registry):
    with pytest.raises(InputError, match="layer_cache_key"):
        signed_layers(machine(tmp_path, registry, None))


def test_a_key_that_cannot_be_read_is_refused(tmp_path, registry):
    with pytest.raises(InputError, match="cannot read"):
        signed_layers(machine(tmp_path, registry, tmp_path / "none.pub")).bring(KEY)


@pytest.mark.parametrize("place", ["layers", "team/layers", "s3:"])
def test_a_place_that_names_no_registry_and_no_bucket_is_refused(tmp_path, registry, place):
    settings = machine(tmp_path, registry, tmp_path / "own.pub").settings
    with pytest.raises(InputError, match="names no repository of a registry and no bucket"):
        signed_layers(Machine(replace(settings, layer_cache=place)))


@pytest.mark.parametrize("place", ["s3://layers/../x", "s3:///x"])
def test_a_bucket_that_can_be_none_is_refused(tmp_path, registry, place):
    settings = machine(tmp_path, registry, tmp_path / "own.pub").settings
    with pytest.raises(InputError, match="names no bucket"):
        signed_layers(Machine(replace(settings, layer_cache=place))).bring(KEY)


def test_without_its_library_a_bucket_is_refused_with_what_to_install(
    tmp_path, registry, monkeypatch
):
    settings = machine(tmp_path, registry, tmp_path / "own.pub").settings
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "ironhull.store.bucket", raising=False)
    with pytest.raises(EnvironmentProblem, match=r"pip install 'ironhull\[s3\]'"):
        signed_layers(Machine(replace(settings, layer_cache="s3://layers/team"))).bring(KEY)


def test_offline_no_cache_is_asked(tmp_path, registry):
    desk = machine(tmp_path, registry, tmp_path / "own.pub", offline=True)
    assert not signed_layers(desk).bring(KEY)
    kept(desk)
    assert registry.seen == []
