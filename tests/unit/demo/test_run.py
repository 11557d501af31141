"""The case study in an engine of this process: what it says, and that it leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.image import make_image
from tests.fakes.node_app import NO_IMAGE, AppEngine, answering

from ironhull.demo import ask
from ironhull.demo.cases import CASES, IMAGES, REQUESTS
from ironhull.demo.model import CaseStudy
from ironhull.demo.run import REPOSITORY, Workplace, study
from ironhull.engine.host import HostSettings
from ironhull.engine.interface import Mount, StopResult
from ironhull.errors import EngineError, InputError
from ironhull.inventory.model import Distribution, ImageConfig, ImageIdentity, Inventory
from ironhull.oci.reference import Reference
from ironhull.progress import Silent
from ironhull.store.choice import machine_platform
from ironhull.store.layout import ImageLayout

ALPINE, HARDENED = "docker.io/library/node:20-alpine", "dhi.io/node:20"


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """Three Dockerfiles, the catalog's images in a store, and an engine of this process."""
    folder = tmp_path / "app"
    folder.mkdir()
    for case in CASES:
        (folder / case.dockerfile).write_text("FROM node:20-alpine\n")
    store = ImageLayout(tmp_path / "store", create=True)
    make_image(store, platforms=[str(machine_platform())], names=IMAGES)
    with answering() as address:
        yield Workplace(
            engine=AppEngine(ports={"3000/tcp": address}),
            store=store,
            application=folder,
            host=HostSettings((Mount(tmp_path, "/run/host"),), {"NODE_EXTRA_CA_CERTS": "/run/x"}),
            inventory=_inventory,
            missing=lambda reference: f"{reference.registry} is far away",
            progress=Notes(),
            suffix="s",
        )


def _inventory(image: str) -> Inventory:
    user = "" if ":standard" in image else "node"
    return Inventory(
        ImageIdentity(image, "engine"),
        Distribution("debian", "13", "trixie"),
        config=ImageConfig(user=user),
    )


def engine_of(place: Workplace) -> AppEngine:
    assert isinstance(place.engine, AppEngine)
    return place.engine


def notes_of(place: Workplace) -> str:
    assert isinstance(place.progress, Notes)
    return "\n".join(place.progress.lines)


def nothing_is_left(place: Workplace) -> bool:
    engine = engine_of(place)
    return not engine.images and all(container.removed for container in engine.containers)


def test_all_three_applications_answer_the_same(place: Workplace) -> None:
    found = study(place)
    assert [one.name for one in found.applications] == ["standard", "hardened", "hardened-full"]
    assert found.same_answers
    assert [len(one.trials) for one in found.applications] == [1, 2, 2]
    answers = found.applications[0].trial.answers
    assert [(one.method, one.path) for one in answers] == [(a, b) for a, b, _ in REQUESTS]
    assert next(one for one in answers if one.method == "POST").body.endswith(
        '{"text": "kept in /tmp"}'
    )


def test_the_standard_one_is_run_without_options_and_the_hardened_with_all(
    place: Workplace,
) -> None:
    standard, hardened, full = study(place).applications
    assert standard.trial.options == ()
    assert hardened.trial.options == full.trial.options
    assert " ".join(hardened.trial.options) == (
        "--read-only --tmpfs /tmp --cap-drop=all --security-opt=no-new-privileges --user node"
    )
    # And once more without any, so that it shows what the image alone is worth.
    assert hardened.trials[1].options == ()
    assert [one.read_only for one in engine_of(place).ran] == [False, True, False, True, False]


def test_what_an_attacker_can_do_is_told_of_each_run(place: Workplace) -> None:
    standard, hardened, _ = study(place).applications
    assert standard.trial.attack.succeeded == len(standard.trial.attack.attempts)
    assert hardened.trial.attack.succeeded == 0
    assert (standard.trial.attack.uid, hardened.trial.attack.uid) == (0, 1000)


def test_stand_ins_are_taken_and_named_as_such(place: Workplace) -> None:
    found = study(place)
    words = {base.wanted: base.words for base in found.bases}
    assert words["node:20-alpine"] == "Ironhull's node:20-standard (docker.io is far away)"
    assert words["dhi.io/node:20"] == "Ironhull's node:20 (dhi.io is far away)"
    assert "FROM dhi.io/node:20 is Ironhull's node:20" in notes_of(place)
    first, _, third = engine_of(place).builds
    assert first.bases == {
        "node:20-alpine": "localhost/ironhull-demo/node:20-standard-s",
        "dhi.io/node:20": "localhost/ironhull-demo/node:20-s",
    }
    assert set(third.bases) == {"node:20-dev", "node:20"}


def test_an_image_that_the_engine_has_under_the_name_is_taken(place: Workplace) -> None:
    engine_of(place).images[ALPINE] = NO_IMAGE
    found = study(place)
    assert found.bases[0].origin == "engine"
    assert engine_of(place).builds[0].bases["node:20-alpine"] == ALPINE
    assert ALPINE not in engine_of(place).removed


def test_an_image_that_its_registry_gives_is_pulled_and_removed(place: Workplace) -> None:
    engine_of(place).pullable = frozenset({ALPINE})
    found = study(replace(place, missing=lambda reference: ""))
    assert [base.origin for base in found.bases[:2]] == ["registry", "ironhull"]
    assert found.bases[1].reason == "no registry"
    assert nothing_is_left(place)


def test_a_third_of_the_same_name_is_never_taken_for_our_own_image(place: Workplace) -> None:
    engine_of(place).images["docker.io/library/node:20"] = NO_IMAGE
    found = study(place)
    assert [base.origin for base in found.bases[2:]] == ["ironhull", "ironhull"]


def test_nothing_is_left_behind(place: Workplace) -> None:
    study(place)
    assert nothing_is_left(place)
    assert len(engine_of(place).containers) == 5


def test_images_of_the_applications_stay_if_they_are_to_be_kept(place: Workplace) -> None:
    found = study(replace(place, keep=True))
    assert set(engine_of(place).images) == {one.image for one in found.applications}
    assert found.applications[0].image == f"{REPOSITORY}:standard"


@pytest.mark.parametrize("moment", [case.dockerfile for case in CASES])
def test_an_interrupt_in_a_build_leaves_nothing(place: Workplace, moment: str) -> None:
    engine_of(place).broken = {moment: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        study(place)
    assert nothing_is_left(place)


def test_an_interrupt_while_it_runs_leaves_nothing(place: Workplace) -> None:
    def interrupt(command: tuple[str, ...]) -> None:
        raise KeyboardInterrupt

    engine_of(place).program = interrupt  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        study(place)
    assert nothing_is_left(place)


def test_cleaning_up_is_kept_from_further_interrupts(place: Workplace) -> None:
    inside: list[bool] = []

    @contextmanager
    def shield() -> Iterator[None]:
        inside.append(bool(engine_of(place).images))
        yield
        inside.append(bool(engine_of(place).images))

    study(replace(place, undisturbed=shield))
    assert inside == [True, False]


def test_a_failed_build_leaves_nothing_and_is_told(place: Workplace) -> None:
    engine_of(place).broken = {"Dockerfile.hardened": EngineError("npm: no network")}
    with pytest.raises(EngineError, match="npm: no network"):
        study(place)
    assert nothing_is_left(place)


def test_what_cannot_be_removed_is_said_and_the_rest_is_removed(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(place)
    remove = engine.remove

    def refuse(image: str) -> None:
        if image.endswith(":hardened-s"):
            raise EngineError("image is in use")
        remove(image)

    monkeypatch.setattr(engine, "remove", refuse)
    study(place)
    assert "could not be cleaned up: image is in use" in notes_of(place)
    assert set(engine.images) == {f"{REPOSITORY}:hardened-s"}


def test_the_host_s_settings_are_shown_to_builds_and_are_no_build_arguments(
    place: Workplace,
) -> None:
    study(place)
    for request in engine_of(place).builds:
        assert request.files == place.host.mounts
        assert request.environment["NODE_EXTRA_CA_CERTS"] == "/run/x"
        assert request.environment["npm_config_omit_lockfile_registry_resolved"] == "true"
        assert not request.build_args
        assert not request.keep_steps


def test_an_application_that_ends_by_itself_is_told_with_its_last_words(place: Workplace) -> None:
    def ended(container: object) -> None:
        container.alive, container.log = False, ("", "Cannot find module 'express'")  # type: ignore[attr-defined]

    engine_of(place).prepare = ended
    engine_of(place).ports = {"3000/tcp": ("127.0.0.1", 9)}
    with pytest.raises(EngineError, match=r"ended by itself.*Cannot find module 'express'"):
        study(place)
    assert nothing_is_left(place)


def test_an_application_that_is_never_healthy_is_told(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "_READY", 0.2)
    with answering(healthy=503) as address:
        engine_of(place).ports = {"3000/tcp": address}
        with pytest.raises(EngineError, match="/health answers 503"):
            study(place)


def test_a_container_that_had_to_be_killed_is_told(place: Workplace) -> None:
    def stubborn(container: object) -> None:
        container.stopped = StopResult(137, 10.0, killed=True)  # type: ignore[attr-defined]

    engine_of(place).prepare = stubborn
    assert all(one.trial.killed for one in study(place).applications)


def test_answers_that_differ_are_not_the_same(place: Workplace) -> None:
    found = study(place)
    first = found.applications[0]
    trial = replace(first.trial, answers=first.trial.answers[1:])
    changed = CaseStudy(
        found.engine,
        found.version,
        found.bases,
        (replace(first, trials=(trial,)), *found.applications[1:]),
    )
    assert not changed.same_answers


def test_a_folder_without_the_dockerfiles_is_refused_before_anything_is_made(
    place: Workplace,
) -> None:
    (place.application / "Dockerfile.hardened").unlink()
    with pytest.raises(InputError, match=r"has no Dockerfile\.hardened"):
        study(place)
    assert not engine_of(place).images


def test_a_registry_is_asked_for_complete_names(place: Workplace) -> None:
    asked: list[Reference] = []

    def missing(reference: Reference) -> str:
        asked.append(reference)
        return "no"

    study(replace(place, missing=missing))
    assert [str(reference) for reference in asked] == [ALPINE, HARDENED]
