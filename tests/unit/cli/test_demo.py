"""`ironhull demo` on the command line, with an engine of this process and with none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.fakes.image import make_image
from tests.fakes.node_app import AppEngine, answering

from ironhull.cli.demo import demo
from ironhull.cli.machine import silent
from ironhull.engine.interface import RunOptions
from ironhull.errors import CheckFailedError, EngineError, InputError, NotFoundError
from ironhull.inventory.model import ImageConfig, ImageIdentity, Inventory
from ironhull.inventory.take import Taker
from ironhull.oci.platform import Platform
from ironhull.oci.reference import Reference
from ironhull.store.choice import machine_platform
from ironhull.workspace import engines, stand_ins, surroundings

PACKAGES = {"node:20": 26, "node:20-standard": 800, "node:20-dev": 400}


def _status(count: int) -> str:
    fields = "Status: install ok installed\nVersion: 1\nArchitecture: amd64\n"
    return "\n".join(f"Package: p{number}\n{fields}" for number in range(count))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store with the three images of the catalog; no registry is there to be asked."""
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, count in PACKAGES.items():
        make_image(
            silent().home.store,
            [
                {
                    "etc/os-release": 'ID=debian\nVERSION_ID="13"\n',
                    "var/lib/dpkg/status": _status(count),
                }
            ],
            platforms=[str(machine_platform())],
            names=[name],
        )
    return tmp_path


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[AppEngine]:
    real = Taker.take

    def take(self: Taker, text: str, platform: Platform | None = None) -> Inventory:
        if not text.startswith("podman:"):
            return real(self, text, platform)
        user = "" if ":standard" in text else "node"
        return Inventory(
            ImageIdentity(text, "engine"),
            real(self, "node:20").distribution,
            config=ImageConfig(user),
        )

    monkeypatch.setattr(Taker, "take", take)
    with answering() as address:
        found = AppEngine(ports={"3000/tcp": address}, name="podman")
        monkeypatch.setattr(surroundings, "engine", lambda name, given: found)
        yield found


@pytest.fixture
def no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(machine: object) -> None:
        raise EngineError("no bubblewrap is here, and no archive that has it")

    monkeypatch.setattr(engines, "bubblewrap", none)


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, no_sandbox: None) -> None:
    def none(name: str, given: object) -> AppEngine:
        raise EngineError(f"{name} is not installed")

    monkeypatch.setattr(surroundings, "engine", none)


def _run(*words: str) -> Result:
    return CliRunner().invoke(demo, words, catch_exceptions=False)


def test_packages_are_counted_in_the_images_and_said_of_what(engine: AppEngine) -> None:
    value = json.loads(_run("--json", "--own").stdout)
    assert value["fewer_packages"] == {
        "of": "node:20-standard",
        "packages": 800,
        "image": "node:20",
        "left": 26,
        "share": 0.9675,
    }
    assert "96.8% fewer packages: 26 instead of 800" in _run("--own").stdout


def test_the_whole_case_study_is_one_json_document(engine: AppEngine) -> None:
    value = json.loads(_run("--json", "--own").stdout)
    assert value["engine"] == {"name": "podman", "version": "1.0"}
    assert value["left_out"] == []
    assert value["same_answers"]
    assert [one["name"] for one in value["applications"]] == [
        "standard",
        "hardened",
        "hardened-full",
    ]
    assert value["from"][0]["words"] == "Ironhull's node:20-standard (asked for with --own)"
    assert value["kept"] == []
    assert not engine.images


def test_the_text_shows_both_sides_and_what_stands_in_for_what(engine: AppEngine) -> None:
    text = _run("--own").stdout
    assert "FROM node:20-alpine  is Ironhull's node:20-standard" in text
    row = next(line for line in text.splitlines() if line.startswith("run a shell"))
    assert row.split() == ["run", "a", "shell", "YES", *["no:", "not", "there"] * 2]
    assert "ran with --read-only --tmpfs /tmp" in text
    assert "everything made in podman is removed" in text


def test_kept_images_are_named(engine: AppEngine) -> None:
    text = _run("--own", "--keep").stdout
    assert "kept in podman:  localhost/ironhull-demo/node-app:hardened" in text


@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_the_rest_is_done_and_said_to_be_left_out() -> None:
    result = _run()
    assert result.exit_code == 0
    assert "96.8% fewer packages" in result.stdout
    assert "podman is not installed; docker is not installed; no bubblewrap is" in result.stdout
    value = json.loads(_run("--json").stdout)
    assert value["engine"] is None
    assert len(value["left_out"]) == 4
    assert value["reason"].startswith("podman is not installed")


@pytest.mark.usefixtures("no_engine")
def test_an_engine_that_was_asked_for_has_to_be_there() -> None:
    with pytest.raises(EngineError, match="docker is not installed"):
        _run("--engine", "docker")


@pytest.mark.usefixtures("no_sandbox")
def test_an_engine_that_cannot_run_is_as_good_as_none(
    engine: AppEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(image: str, options: object, *, timeout: float = 60) -> None:
        raise EngineError("no new namespaces here")

    monkeypatch.setattr(engine, "run", cannot)
    value = json.loads(_run("--json").stdout)
    assert "no new namespaces here" in value["reason"]


def test_different_answers_are_a_finding(
    engine: AppEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = engine.start
    with answering(greeting="another ") as other:
        ports = iter([{"3000/tcp": other}, *[engine.ports] * 4])

        def elsewhere(image: str, options: RunOptions) -> object:
            engine.ports = next(ports)
            return start(image, options)

        monkeypatch.setattr(engine, "start", elsewhere)
        with pytest.raises(CheckFailedError, match="do not answer the same"):
            _run("--own")
    assert not engine.images


def test_a_missing_image_is_built_with_what_the_archive_has(
    engine: AppEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    built: list[str] = []
    monkeypatch.setattr(stand_ins, "_build", lambda machine, name: built.append(name))
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "empty"))
    with pytest.raises(NotFoundError):
        _run("--own")
    assert built == ["node:20", "node:20-standard", "node:20-dev"]


def test_an_application_somewhere_else_is_refused_if_it_is_none(
    engine: AppEngine, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"has no Dockerfile\.standard"):
        _run("--own", "--app", str(tmp_path))


def test_a_registry_that_is_not_there_is_a_reason_not_an_error() -> None:
    with surroundings.registries_asked(silent(), False) as missing:
        assert missing(Reference.parse("127.0.0.1:9/node:20")) == (
            "127.0.0.1:9 does not give it to this machine"
        )
