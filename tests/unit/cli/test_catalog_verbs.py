"""`ironhull list` and `ironhull schema`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.fakes.definition import definition

from ironhull.cli import ironhull
from ironhull.definition.document import ends_of_life
from ironhull.errors import DefinitionError, NotFoundError

ROOT = Path(__file__).parents[3]
CATALOG = ["--catalog", str(ROOT / "images")]

OWN = """\
image: {name}
tags: ["{tag}"]
accounts: {{run-as: root, root: true}}
os-release: {{id: debian, version-id: "13"}}
"""


def run(*arguments: str) -> str:
    result = CliRunner().invoke(ironhull, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_shows_every_definition_of_the_catalog() -> None:
    lines = run("list", *CATALOG).splitlines()
    assert lines[0].split() == [
        *("IMAGE", "VARIANT", "DISTRIBUTION", "USER", "PLATFORMS", "END", "OF", "LIFE", "NAME"),
    ]
    assert any(line.startswith("node:20 ") and " node " in line for line in lines)
    assert len(lines) - 1 == len(list((ROOT / "images").glob("*/debian-*/*.yaml")))


def test_list_shows_both_ends_of_life_the_nearer_first() -> None:
    lines = run("list", *CATALOG).splitlines()
    node = next(line for line in lines if line.startswith("node:20 "))
    assert "2026-04-30 (upstream), 2030-06-30  " in node
    base = next(line for line in lines if line.startswith("debian-base:13 "))
    assert "arm64  2030-06-30  " in base


@pytest.mark.parametrize(
    ("dates", "shown"),
    [
        ({}, []),
        ({"end-of-life": "2030-01-01"}, [("2030-01-01", False)]),
        ({"upstream-end-of-life": "2026-01-01"}, [("2026-01-01", True)]),
        (
            {"end-of-life": "2028-01-01", "upstream-end-of-life": "2030-01-01"},
            [("2028-01-01", False), ("2030-01-01", True)],
        ),
    ],
)
def test_the_ends_of_life_are_those_that_are_known(
    dates: dict[str, str], shown: list[tuple[str, bool]]
) -> None:
    assert ends_of_life(definition(dates=dates)) == shown


def test_list_shows_only_the_images_that_are_named() -> None:
    lines = run("list", "node", *CATALOG).splitlines()[1:]
    assert lines
    assert all(line.startswith("node:") for line in lines)


def test_list_as_json_has_tags_user_and_file() -> None:
    images = json.loads(run("list", "nginx", "--json", *CATALOG))["images"]
    runtime = next(image for image in images if image["variant"] == "runtime")
    assert runtime["name"] == "nginx"
    assert "1.26" in runtime["tags"]
    assert runtime["user"] == "nonroot"
    assert runtime["platforms"] == ["linux/amd64", "linux/arm64"]
    assert runtime["file"].endswith("images/nginx/debian-13/1.26.yaml")
    assert runtime["digest"].startswith("sha256:")


def test_list_of_an_unknown_image_suggests_one() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'node'"):
        run("list", "nodd", *CATALOG)


def test_list_of_a_broken_catalog_says_every_problem(tmp_path: Path) -> None:
    folder = tmp_path / "web" / "debian-13"
    folder.mkdir(parents=True)
    (folder / "1.yaml").write_text("image: web\nportz: []\n")
    with pytest.raises(DefinitionError, match="did you mean 'ports'"):
        run("list", "--catalog", str(tmp_path))


def test_list_of_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no definitions below"):
        run("list", "--catalog", str(tmp_path))


@pytest.mark.parametrize("place", ["before", "after"])
def test_list_says_whose_each_image_is_and_what_is_hidden(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("curl", "lua"):
        folder = tmp_path / name / "debian-13"
        folder.mkdir(parents=True)
        stem = "8.14" if name == "curl" else "9"
        (folder / f"{stem}.yaml").write_text(OWN.format(name=name, tag=stem))
    folders = ["--catalog", str(tmp_path), *CATALOG]
    words = ["curl", "lua"]
    words = [*folders, "list", *words] if place == "before" else ["list", *words, *folders]
    result = CliRunner().invoke(ironhull, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    head, *lines = result.stdout.splitlines()
    assert head.split()[-1] == "CATALOG"
    assert {(line.split()[0], line.split()[-1]) for line in lines} == {
        ("curl:8.14", str(tmp_path)),
        ("lua:9", str(tmp_path)),
        ("lua:5.4", "images"),
    }
    said = "curl/debian-13/8.14.yaml is hidden by "
    assert f"{said}{tmp_path}/curl/debian-13/8.14.yaml" in result.stderr
    assert "lua" not in result.stderr


def test_schema_prints_json_or_the_reference() -> None:
    assert json.loads(run("schema"))["title"] == "Ironhull image definition"
    assert run("schema", "--format", "markdown").startswith("### Top level\n")
