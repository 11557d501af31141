"""Layers shared through registries of others and our own, and a bucket of an S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.fakes.claims import free_port
from tests.fakes.s3 import S3, s3
from tests.real.test_registry_client import command, process
from tests.unit.build.test_layer_cache import Team
from tests.unit.workspace.test_layer_cache import KEY, kept, machine

from ironhull.build.elsewhere import LayerPlace
from ironhull.build.record import read_record
from ironhull.store.bucket import open_bucket
from ironhull.workspace.layer_cache import signed_layers
from ironhull.workspace.machine import Machine

pytestmark = pytest.mark.real


@pytest.mark.parametrize("kind", ["docker-registry", "ironhull"])
def test_a_layer_is_made_once_for_all_machines(kind, tmp_path):
    folder, port = tmp_path / "registry", free_port()
    folder.mkdir()
    with process(command(kind, folder, port), port, tmp_path / "log"):
        team = Team(SimpleNamespace(host=f"localhost:{port}"), tmp_path)
        first = team.build("ci")
        second = team.build("desk", packages=False, signer=None)
    assert second.descriptor == first.descriptor
    assert (first.layers_made, second.layers_made) == (2, 0)
    assert team.notes.notes == []


class BucketTeam(Team):
    """The same with a bucket between them."""

    def __init__(self, server: S3, folder: Path) -> None:
        super().__init__(SimpleNamespace(host=""), folder)
        self.server, self.bucket = server, folder.name.replace("_", "-")[:60]
        server.make_bucket(self.bucket)

    def opened(self) -> AbstractContextManager[LayerPlace]:
        return nullcontext(open_bucket(f"s3://{self.bucket}/layers", self.server.environment))

    def names(self, under: str) -> list[str]:
        return self.server.names(self.bucket, f"layers/{under}/")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3(tmp_path_factory.mktemp("s3")) as running:
        yield running


def test_a_layer_in_a_bucket_is_made_once_for_all_machines(server, tmp_path):
    team = BucketTeam(server, tmp_path)
    first = team.build("ci")
    second = team.build("desk", packages=False, signer=None)
    assert second.descriptor == first.descriptor
    assert (first.layers_made, second.layers_made) == (2, 0)
    assert team.notes.notes == []
    assert len(team.names("manifests")) == 2


def test_settings_and_environment_lead_to_a_bucket(server, tmp_path):
    team = BucketTeam(server, tmp_path)
    ci, desk = (
        replace(
            machine(tmp_path / name, SimpleNamespace(host=""), tmp_path / "ci/own.pub").settings,
            layer_cache=f"s3://{team.bucket}/layers",
            environment=server.environment,
        )
        for name in ("ci", "desk")
    )
    record = kept(Machine(ci))
    assert signed_layers(Machine(desk)).bring(KEY)
    assert read_record(Machine(desk).home.layers, KEY) == record


def test_wrong_bytes_in_a_bucket_are_refused_made_here_and_put_right(server, tmp_path):
    team = BucketTeam(server, tmp_path)
    first = team.build("ci")
    for name in team.names("blobs"):
        size = len(server.read(team.bucket, name))
        server.write(team.bucket, name, bytes(size))
    second = team.build("desk")
    assert (second.descriptor, second.layers_made) == (first.descriptor, 2)
    assert len(team.notes.notes) == 2
    assert all("is refused, and made here" in note for note in team.notes.notes)
    assert team.build("third", packages=False).layers_made == 0


def test_an_upload_that_was_cut_before_its_end_is_as_if_none_had_been(server, tmp_path):
    """What is there of a layer whose machine was killed: its blobs, and no manifest."""
    team = BucketTeam(server, tmp_path)
    first = team.build("ci")
    for name in (*team.names("manifests"), team.names("blobs")[0]):
        server.delete(team.bucket, name)
    second = team.build("desk")
    assert (second.descriptor, second.layers_made) == (first.descriptor, 2)
    assert team.notes.notes == []
    assert team.build("third", packages=False).layers_made == 0


def test_a_bucket_that_is_gone_costs_one_note_and_no_build(server, tmp_path):
    team = BucketTeam(server, tmp_path)
    server.ask("DELETE", team.bucket)
    assert team.build("ci").layers_made == 2
    (note,) = team.notes.notes
    assert note.endswith("there is no such bucket (make it, or mend the setting)")


def test_a_login_that_is_refused_costs_one_note_and_no_build(server, tmp_path):
    team = BucketTeam(server, tmp_path)
    server.refuse()
    try:
        assert team.build("ci").layers_made == 2
    finally:
        server.admit()
    (note,) = team.notes.notes
    assert "are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY right" in note
    assert "InvalidAccessKeyId" in note


def test_a_service_that_is_not_there_costs_one_note_and_no_build(server, tmp_path):
    team = BucketTeam(server, tmp_path)
    team.server = S3(free_port())
    assert team.build("ci").layers_made == 2
    (note,) = team.notes.notes
    assert f"s3://{team.bucket}/layers" in note
