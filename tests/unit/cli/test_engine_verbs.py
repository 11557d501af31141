"""load, export, test and engine on the command line, without an engine."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests.fakes.engine import FakeEngine, said
from tests.fakes.image import make_image

import ironhull.workspace.engines as engines_module
from ironhull.cli.engine import engine as engine_command
from ironhull.cli.export import export
from ironhull.cli.load import load
from ironhull.cli.machine import silent
from ironhull.cli.settings import read_settings
from ironhull.cli.signals import ended_by_signals, undisturbed
from ironhull.cli.test import test as run_definition_tests
from ironhull.errors import CheckFailedError, InputError, NotFoundError
from ironhull.store.choice import machine_platform
from ironhull.workspace.machine import Machine

DEFINITION = """
name: App
image: app
tags: ["1"]
platforms: [linux/amd64]
contents: {packages: [libc6]}
accounts: {run-as: root, root: true}
os-release:
  {name: Debian, id: debian, version-id: "13", version-codename: trixie, pretty-name: Debian}
tests:
  - name: it says its version
    commands: [[app, --version]]
    output: v1
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with `app:1` for two platforms, and its definition."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IRONHULL_CATALOG", str(tmp_path / "images"))
    make_image(
        silent().home.store,
        [{"bin/app": "program", "su": "x"}],
        platforms=list(dict.fromkeys([str(machine_platform()), "linux/amd64", "linux/s390x"])),
        names=["app:1"],
    )
    folder = tmp_path / "images/app/debian-13"
    folder.mkdir(parents=True)
    (folder / "1.yaml").write_text(DEFINITION)
    return tmp_path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    found = FakeEngine(lambda command: said("v1\n"))
    for module in (engines_module, engines_module):
        monkeypatch.setattr(module, "engine", lambda *chosen: found)
    return found


def _run(command: click.Command, *words: str) -> Result:
    return CliRunner().invoke(command, words, catch_exceptions=False)


# -- load ----------------------------------------------------------------------------------------


def test_an_image_is_loaded_under_its_own_name_on_localhost(fake: FakeEngine) -> None:
    output = _run(load, "app:1").output
    assert list(fake.images) == ["localhost/app:1"]
    assert "run it:" in output


def test_names_are_complete_so_that_every_engine_means_the_same(fake: FakeEngine) -> None:
    result = _run(load, "app:1", "--as", "node:20", "--as", "dhi.io/node:20", "--json")
    assert json.loads(result.output)["names"] == ["docker.io/library/node:20", "dhi.io/node:20"]
    assert list(fake.images) == ["docker.io/library/node:20", "dhi.io/node:20"]


def test_the_asked_platform_is_loaded(fake: FakeEngine) -> None:
    _run(load, "app:1", "--platform", "linux/s390x")
    (manifest,) = fake.images.values()
    assert str(manifest.platform) == "linux/s390x"


def test_an_image_that_was_not_built_says_how_to_build_it(fake: FakeEngine) -> None:
    with pytest.raises(NotFoundError, match="to build it: ironhull build other:1"):
        _run(load, "other:1")


def test_a_name_with_a_digest_is_refused(fake: FakeEngine) -> None:
    with pytest.raises(InputError, match="has a tag, not a digest"):
        _run(load, "app:1", "--as", "x@sha256:" + "0" * 64)


# -- export --------------------------------------------------------------------------------------


def test_an_oci_archive_has_all_platforms_unless_one_is_asked(home: Path) -> None:
    _run(export, "app:1", "--format", "oci-archive", "-o", "all.tar")
    _run(export, "app:1", "--format", "oci-archive", "-o", "one.tar", "--platform", "linux/s390x")
    with tarfile.open(home / "all.tar") as everything, tarfile.open(home / "one.tar") as one:
        assert len(everything.getnames()) > len(one.getnames())
        assert "index.json" in one.getnames()


def test_a_docker_archive_can_go_to_a_pipe() -> None:
    result = _run(export, "app:1", "--format", "docker-archive", "-o", "-", "--as", "x/y:2")
    with tarfile.open(fileobj=io.BytesIO(result.stdout_bytes)) as tar:
        file = tar.extractfile("manifest.json")
        assert file is not None
        assert json.load(file)[0]["RepoTags"] == ["docker.io/x/y:2"]


def test_a_rootfs_is_a_folder_or_a_tar(home: Path) -> None:
    _run(export, "app:1", "--format", "rootfs", "-o", "root")
    assert (home / "root/bin/app").read_text() == "program"
    _run(export, "app:1", "--format", "rootfs", "-o", "root.tar")
    assert tarfile.is_tarfile(home / "root.tar")


def test_a_missing_folder_leaves_nothing_behind(home: Path) -> None:
    before = sorted(os.listdir(home))
    with pytest.raises(Exception, match="cannot write"):
        _run(export, "app:1", "--format", "oci-archive", "-o", "no/such/x.tar")
    assert sorted(os.listdir(home)) == before


# -- test ----------------------------------------------------------------------------------------


def test_passed_tests_end_well(fake: FakeEngine) -> None:
    result = _run(run_definition_tests, "app:1")
    assert "passed  it says its version" in result.stdout
    assert "1 of 1 test passed in fake 1.0" in result.stdout


def test_a_failed_test_shows_its_place_and_ends_with_findings(fake: FakeEngine) -> None:
    fake.program = lambda command: said("v2\n")
    result = CliRunner().invoke(run_definition_tests, ["app:1"])
    assert isinstance(result.exception, CheckFailedError)
    assert "1.yaml:11:5" in result.stdout
    assert "expected output like 'v1'" in result.stdout


def test_the_json_of_a_test_run_has_each_command(fake: FakeEngine) -> None:
    value = json.loads(_run(run_definition_tests, "app:1", "--json").stdout)
    assert (value["passed"], value["failed"], value["engine"]) == (1, 0, "fake")
    (command,) = value["tests"][0]["commands"]
    assert command["command"] == ["app", "--version"]
    assert command["output"] == "v1\n"


# -- engine --------------------------------------------------------------------------------------


def test_engines_that_are_not_there_are_listed_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "podman is not installed" in _run(engine_command, "list").output
    value: list[dict[str, Any]] = json.loads(_run(engine_command, "list", "--json").output)
    assert [one["name"] for one in value] == ["podman", "docker", "buildah", "sandbox"]
    assert [one["problem"] == "" for one in value[:3]] == [False, False, False]
    assert value[3]["about"].startswith("bubblewrap, with users, processes")
    assert "taken from the signed archive" in value[3]["about"]


def test_the_sandbox_is_listed_with_what_it_is_and_why_it_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bwrap"
    text = '#!/bin/sh\ntest "$1" = --version && exec echo bubblewrap 0.11.0\n'
    program.write_text(f"{text}echo bwrap: No permissions to create new namespace >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def sandbox() -> dict[str, Any]:
        value: list[dict[str, Any]] = json.loads(_run(engine_command, "list", "--json").output)
        return value[3]

    found = sandbox()
    assert (found["version"], found["program"]) == ("0.11.0", str(program))
    assert "new namespace (are unprivileged user namespaces allowed here?" in found["problem"]
    assert "No permissions" in _run(engine_command, "list").output.splitlines()[-1]
    program.write_text("#!/bin/sh\nexec echo bubblewrap 0.11.0\n")
    assert sandbox()["problem"] == ""
    line = _run(engine_command, "list").output.splitlines()[-1]
    assert "sandbox  0.11.0   runs" in line
    assert line.endswith("works: bubblewrap, with users, processes, network, mounts, IPC and host"
        " name of its own, no capabilities, system calls filtered")  # fmt: skip


def test_the_mapping_is_what_was_asked() -> None:
    output = _run(
        engine_command, "config", "podman", "--registry", "r.example:5", "--map", "a.example/x=y"
    ).output
    assert output == '[[registry]]\nprefix = "a.example/x"\nlocation = "r.example:5/y"\n'


def test_docker_is_given_a_mirror_and_no_mapping() -> None:
    result = _run(engine_command, "config", "docker", "--insecure")
    assert json.loads(result.stdout)["registry-mirrors"] == ["http://127.0.0.1:5000"]
    with pytest.raises(InputError, match="docker cannot map names"):
        _run(engine_command, "config", "docker", "--map", "a=b")


# -- settings and signals ------------------------------------------------------------------------


def test_words_for_an_engine_come_from_the_settings(tmp_path: Path) -> None:
    environment = {
        "IRONHULL_PODMAN_ARGS": "--root '/a b' --runroot /c",
        "IRONHULL_HOME": str(tmp_path),
    }
    found = engines_module.engine_settings(Machine(read_settings(environment)))
    assert found.podman == ("--root", "/a b", "--runroot", "/c")
    with pytest.raises(InputError, match="podman_args"):
        read_settings({**environment, "IRONHULL_PODMAN_ARGS": "'"})


def test_a_terminating_signal_is_an_interrupt_while_containers_run() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_tidying_up_goes_on_through_a_signal(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with undisturbed():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before
