"""Layers out of a registry: found by their key, believed by a signature, else made here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.deb import file, make_deb, program
from tests.fakes.definition import AMD64, definition, lock, locked, place
from tests.fakes.elsewhere import NOTHING_ELSEWHERE
from tests.fakes.image import make_image
from tests.fakes.registry import FakeRegistry
from tests.fakes.signer import FakeSigner
from tests.unit.build.test_stages import Steps, output, stage, staged, writes
from tests.unit.registry.client.conftest import QUICK, Notes

from ironhull.build.built import BuiltImage
from ironhull.build.compression import Compression
from ironhull.build.elsewhere import Elsewhere, LayerPlace
from ironhull.build.image import build_image
from ironhull.build.layer_cache import ENVELOPE, RECORD, SignedLayers
from ironhull.build.request import BuildOptions
from ironhull.definition.model import ArtifactRequest, FileRequest, ImageDefinition
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.platform import Platform
from ironhull.oci.reference import Reference
from ironhull.progress import Silent
from ironhull.registry.client.access import Registries
from ironhull.registry.client.credentials import Credentials
from ironhull.store.choice import choose_manifest
from ironhull.store.home import Home

OURS = FakeSigner()


def deb(name: str) -> bytes:
    return make_deb(
        name,
        "1.0-1",
        files={
            f"usr/bin/{name}": program(name),
            f"usr/share/doc/{name}/copyright": file("MIT"),
        },
    )


class Team:
    """Machines with a registry between them, at its repository `team/layers`; or another place."""

    def __init__(self, registry: FakeRegistry, folder: Path) -> None:
        self.registry = registry
        self.host = registry.host
        self.folder = folder
        self.notes = Notes()

    @contextmanager
    def opened(self) -> Iterator[LayerPlace]:
        with Registries(credentials=Credentials(()), patience=QUICK) as found:
            yield found.repository(Reference(self.host, "team/layers"), write=True)

    def build(
        self, machine: str, *, packages: bool = True, signer: FakeSigner | None = OURS
    ) -> BuiltImage:
        """Build on a machine, which need not have any package."""
        home, other = Home(self.folder / machine), Home(self.folder / "packages")
        into = home if packages else other
        by = lock([locked(into, name, deb(name)) for name in ("app", "lib")])
        layers = SignedLayers(home, self.opened, OURS.public, signer, self.notes.note)
        return build_image(
            definition(cmd=("app",)),
            by,
            home,
            replace(NOTHING_ELSEWHERE, layers=layers),
            BuildOptions(Compression.parse("zstd:chunked:3"), (AMD64,)),
            Silent(),
        )

    def tags(self) -> list[str]:
        return [tag for _, tag in self.registry.manifests if ":" not in tag]


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with FakeRegistry() as registry:
        yield Team(registry, tmp_path)


def change(team: Team, media_type: str, changed: Callable[[bytes], bytes]) -> None:
    """Everything of this media type in the registry becomes something else, rightly addressed."""
    registry = team.registry
    for key in team.tags():
        kind, raw = registry.manifests["team/layers", key]
        value = json.loads(raw)
        for layer in value["layers"]:
            if layer["mediaType"] == media_type:
                data = changed(registry.blobs["team/layers", layer["digest"]])
                layer |= {"digest": digest_of(data), "size": len(data)}
                registry.blobs["team/layers", layer["digest"]] = data
        registry.manifests["team/layers", key] = (kind, json.dumps(value).encode())


def test_a_layer_is_made_once_and_found_by_machines_without_its_package(team: Team):
    first = team.build("ci")
    second = team.build("desk", packages=False, signer=None)
    assert second.descriptor == first.descriptor
    assert (first.layers_made, second.layers_made) == (2, 0)
    assert team.notes.notes == []


class OwnImages:
    """The one image of a home's own store."""

    def __init__(self, found: Descriptor) -> None:
        self.found = found

    def manifest(self, wanted: ArtifactRequest, platform: Platform) -> Descriptor:
        return self.found


def of_a_file(folder: Path, home: Home) -> tuple[ImageDefinition, Elsewhere]:
    given = folder / "given"
    given.write_bytes(b"given")
    request = FileRequest(given.as_uri(), digest_of(b"given"), "/opt/given", place())
    return definition(files=(request,)), NOTHING_ELSEWHERE


def of_an_image(folder: Path, home: Home) -> tuple[ImageDefinition, Elsewhere]:
    found = make_image(home.store, [{"opt/tool": "x"}], names=["tools:1"])
    request = ArtifactRequest("registry.example/tools:1", found.digest, place(), ("opt",))
    images = OwnImages(choose_manifest(home.store, found, None))
    return definition(artifacts=(request,)), replace(NOTHING_ELSEWHERE, images=images)


def of_a_stage(folder: Path, home: Home) -> tuple[ImageDefinition, Elsewhere]:
    built = definition(builds=(stage(output("/target", "/opt")),))
    return built, replace(NOTHING_ELSEWHERE, stages=Steps({"make": writes("target/web", "x")}))


@pytest.mark.parametrize("kind", [of_a_file, of_an_image, of_a_stage])
def test_layers_of_files_of_other_images_and_of_stages_are_made_once_too(
    team: Team, tmp_path: Path, kind: Callable[[Path, Home], tuple[ImageDefinition, Elsewhere]]
) -> None:
    options = BuildOptions(Compression.parse("zstd:3"), (AMD64,))

    def build(machine: str, elsewhere: Elsewhere) -> BuiltImage:
        home = Home(tmp_path / machine)
        layers = SignedLayers(home, team.opened, OURS.public, OURS, team.notes.note)
        here = replace(elsewhere, layers=layers)
        return build_image(of, staged(home, "web"), home, here, options, Silent())

    of, elsewhere = kind(tmp_path, Home(tmp_path / "ci"))
    first = build("ci", elsewhere)
    (tmp_path / "given").unlink(missing_ok=True)
    assert build("desk", NOTHING_ELSEWHERE).descriptor == first.descriptor
    assert team.notes.notes == []


def test_what_is_there_is_not_given_again(team: Team):
    team.build("ci")
    before = len(team.registry.order)
    team.build("desk", packages=False)
    assert len(team.registry.order) == before


def test_a_machine_that_does_not_sign_with_the_key_gives_nothing(team: Team):
    team.build("ci", signer=None)
    assert team.tags() == []


def other_record(raw: bytes) -> bytes:
    value: dict[str, Any] = json.loads(raw)
    value["parts"][0]["name"] = "evil"
    return json.dumps(value).encode()


def unsigned(raw: bytes) -> bytes:
    return json.dumps({**json.loads(raw), "signatures": []}).encode()


@pytest.mark.parametrize(
    ("media_type", "changed", "said"),
    [
        (RECORD, other_record, "record is not the one that is signed"),
        (RECORD, lambda raw: b"{}", "record is not the one that is signed"),
        (ENVELOPE, unsigned, "not signed by the key"),
        (ENVELOPE, lambda raw: b"[]", "JSON"),
        (ENVELOPE, lambda raw: raw.replace(b"in-toto", b"other"), "not signed by the key"),
    ],
)
def test_what_is_not_what_was_signed_is_refused_made_here_and_put_right(
    team: Team, media_type, changed, said
):
    first = team.build("ci")
    change(team, media_type, changed)
    second = team.build("desk")
    assert (second.descriptor, second.layers_made) == (first.descriptor, 2)
    assert len(team.notes.notes) == 2
    assert all("is refused, and made here" in note and said in note for note in team.notes.notes)
    assert team.build("third", packages=False).layers_made == 0


def test_another_layer_under_the_key_is_refused(team: Team):
    first = team.build("ci")
    one, two = team.tags()
    manifests = team.registry.manifests
    manifests["team/layers", one] = manifests["team/layers", two]
    second = team.build("desk", signer=None)
    assert (second.descriptor, second.layers_made) == (first.descriptor, 1)
    (note,) = team.notes.notes
    assert "what is signed is not about this layer" in note


def test_layers_of_another_signer_are_refused(team: Team):
    team.build("ci")
    stranger = FakeSigner()
    foreign = Team(team.registry, team.folder / "foreign")
    for key in team.tags():
        del team.registry.manifests["team/layers", key]
    foreign.build("there", signer=stranger)
    assert len(team.tags()) == 2
    assert team.build("desk", signer=None).layers_made == 2
    assert all("not signed by the key" in note for note in team.notes.notes)


def test_other_bytes_than_the_layers_are_refused_and_do_not_stay(team: Team):
    first = team.build("ci")
    for (name, digest), data in list(team.registry.blobs.items()):
        if data.startswith(b"\x28\xb5\x2f\xfd"):
            team.registry.blobs[name, digest] = bytes(len(data))
    second = team.build("desk")
    assert (second.descriptor, second.layers_made) == (first.descriptor, 2)
    assert len(team.notes.notes) == 2


def test_a_layer_that_is_gone_is_made_here_and_put_back(team: Team):
    first = team.build("ci")
    for (name, digest), data in list(team.registry.blobs.items()):
        if data.startswith(b"\x28\xb5\x2f\xfd"):
            del team.registry.blobs[name, digest]
    second = team.build("desk")
    assert (second.descriptor, second.layers_made) == (first.descriptor, 2)
    assert len(team.notes.notes) == 2
    assert team.build("third", packages=False).layers_made == 0


def test_a_registry_that_is_gone_costs_one_note_and_no_build(team: Team):
    team.registry.fail("GET", r"/manifests/", lambda handler: handler.hang_up() or True, times=99)
    team.registry.fail("HEAD", r"/manifests/", lambda handler: handler.hang_up() or True, times=99)
    assert team.build("ci").layers_made == 2
    (note,) = team.notes.notes
    assert "the cache of layers is not used any more" in note
