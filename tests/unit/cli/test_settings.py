"""Settings: what is taken, what is refused, and that the documents say all of them."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from ironhull.cli import ironhull
from ironhull.cli.machine import given_settings
from ironhull.cli.settings import NAMES, read_settings
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.store.home import Home

ROOT = Path(__file__).parents[3]


def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(text.encode("latin-1"))
    monkeypatch.setenv("IRONHULL_CONFIG", str(path))


def test_the_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(tmp_path, monkeypatch, 'mirror = "/file"')
    monkeypatch.delenv("IRONHULL_MIRROR", raising=False)
    assert read_settings().mirror == "/file"
    monkeypatch.setenv("IRONHULL_MIRROR", "/variable")
    assert read_settings().mirror == "/variable"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('mirorr = "x"', "unknown setting 'mirorr'; did you mean 'mirror'\\?"),
        ('zzz = "x"', "unknown setting 'zzz'; there are: home, catalog, "),
        ("mirror =", "Invalid value"),
        ("mirror = \xff", "can't decode"),
    ],
)
def test_a_file_with_a_mistake_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    configured(tmp_path, monkeypatch, text)
    with pytest.raises(InputError, match=said):
        read_settings()


def test_an_option_wins_over_both_and_an_empty_one_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONHULL_MIRROR", "/variable")
    found = given_settings(mirror="/option", keyring=None, offline=False)
    assert (found.mirror, found.mirror_origin) == ("/option", "--mirror")
    for nothing in (None, " "):
        found = given_settings(mirror=nothing)
        assert (found.mirror, found.mirror_origin) == ("/variable", "the setting `mirror`")


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("home", "/h", "home", Path("/h")),
        ("catalog", "/c", "catalog", Path("/c")),
        ("mirror", "/m", "mirror", "/m"),
        ("keyring", "/k", "keyring", Path("/k")),
        ("snapshot", "http://s/{timestamp}", "snapshot", "http://s/{timestamp}"),
        ("advisory_sources", "kev=a  epss=b", "advisory_sources", ("kev=a", "epss=b")),
        ("max_advisory_age", "3", "max_advisory_age", timedelta(days=3)),
        ("max_advisory_age", "0", "max_advisory_age", None),
        ("registry_mirrors", "a=b,a=c/d", "registry_mirrors", {"a": ("b", "c/d")}),
        ("layer_cache", "localhost:5000/layers", "layer_cache", "localhost:5000/layers"),
        ("layer_cache_key", "/p.pub", "layer_cache_key", Path("/p.pub")),
        ("podman_args", "--root '/a b'", "podman", ("--root", "/a b")),
        ("buildah_args", "--root /b", "buildah", ("--root", "/b")),
        ("docker_host", "unix:///d", "docker_host", "unix:///d"),
    ],
)
@pytest.mark.parametrize("place", ["variable", "file"])
def test_every_setting_reaches_its_field(
    tmp_path: Path, place: str, name: str, text: str, field: str, value: object
) -> None:
    environment = {f"IRONHULL_{name.upper()}": text}
    if place == "file":
        file = tmp_path / "x.toml"
        file.write_text(f"{name} = {json.dumps(text)}\n")
        environment = {"IRONHULL_CONFIG": str(file)}
    assert getattr(read_settings(environment), field) == value


@pytest.mark.parametrize(
    ("text", "folders"),
    [
        ('"/a"', ["/a"]),
        ('["/a"]', ["/a"]),
        ('["/a", "/b", "/a"]', ["/a", "/b"]),
        ('"/a:b"', ["/a:b"]),
    ],
)
def test_a_file_lists_the_folders_of_the_catalog(
    tmp_path: Path, text: str, folders: list[str]
) -> None:
    file = tmp_path / "x.toml"
    file.write_text(f"catalog = {text}\n")
    found = read_settings({"IRONHULL_CONFIG": str(file)})
    assert [str(folder) for folder in found.catalogs] == folders
    assert found.catalogs == (found.catalog, *found.more_catalogs)
    both = {"IRONHULL_CONFIG": str(file), "IRONHULL_CATALOG": f"/c{os.pathsep}/d{os.pathsep}"}
    assert [str(folder) for folder in read_settings(both).catalogs] == ["/c", "/d"]


@pytest.mark.parametrize("text", ["1", "[1]", "true", '{a = "b"}'])
def test_what_is_no_list_of_folders_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(f"catalog = {text}\n")
    with pytest.raises(InputError, match=r"x\.toml: catalog is a text or a list of texts, got"):
        read_settings({"IRONHULL_CONFIG": str(file)})


def test_without_any_folder_the_default_counts(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    for text in ("[]", '""', '[""]'):
        file.write_text(f"catalog = {text}\n")
        found = read_settings({"IRONHULL_CONFIG": str(file)})
        assert [folder.name for folder in found.catalogs] == ["images"]


def test_folders_of_the_command_line_are_in_the_place_of_those_that_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IRONHULL_CATALOG", "/set")
    for words, folders in (([], ["/set"]), (["--catalog", "/a", "--images", "/b"], ["/a", "/b"])):
        with ironhull.make_context("ironhull", [*words, "list"]) as context:
            assert ironhull.callback is not None
            context.invoke(ironhull.callback, **context.params)
            assert [str(folder) for folder in given_settings().catalogs] == folders
    assert [str(folder) for folder in given_settings().catalogs] == ["/set"]


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    assert re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE) == list(NAMES.items())


def test_only_the_command_line_reads_the_environment_and_the_current_folder() -> None:
    reads = re.compile(r"os\.environ|getenv|Path\.cwd|getcwd|Path\.home|expanduser")
    source = ROOT / "src/ironhull"
    found = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if path.parent.name != "cli" and reads.search(path.read_text())
    }
    # A program that is started inherits what we have; `~` is part of what a person wrote as a path.
    assert found == {"engine/process.py", "archive/mirror.py"}


def test_a_home_that_cannot_be_made_is_said_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="IRONHULL_HOME names another place"):
        _ = Home(tmp_path / "file").store


def test_a_user_without_a_home_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("IRONHULL_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "home", home)
    assert read_settings().mirror is None
