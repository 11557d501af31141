"""Layers shared through registries of others and our own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.fakes.claims import free_port
from tests.real.test_registry_client import command, process
from tests.unit.build.test_layer_cache import Team

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
