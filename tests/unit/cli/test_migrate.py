"""`ironhull migrate`, and the call of the same name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ironhull import Workspace
from ironhull.cli import ironhull
from ironhull.errors import CheckFailedError, InputError, MalformedError, NotFoundError

ROOT = Path(__file__).parents[3]
SOURCE = """FROM node:20-alpine AS build
WORKDIR /app
COPY package*.json ./
RUN npm install

FROM node:20-alpine
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY server.js .
CMD ["node", "server.js"]
"""
HARDENED = """FROM localhost/node:20-dev AS build
WORKDIR /app
COPY package*.json ./
RUN npm ci --omit=dev

FROM localhost/node:20
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY server.js .
USER 1000:1000
CMD ["node", "server.js"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text(SOURCE)
    (tmp_path / "package-lock.json").write_text("{}")
    return tmp_path


def run(*words: str) -> Result:
    environment = {"IRONHULL_CATALOG": str(ROOT / "images")}
    return CliRunner().invoke(ironhull, ["migrate", *words], env=environment)


def test_the_new_dockerfile_goes_to_standard_output_and_a_summary_to_standard_error(folder):
    result = run()
    assert (result.exit_code, result.stdout) == (0, HARDENED)
    assert result.stderr.startswith("Dockerfile: complete (4 changes; runtime: ")
    assert (folder / "Dockerfile").read_text() == SOURCE


def test_another_catalog_has_other_facts(folder):
    assert "FROM dhi.io/node:20-dev AS build" in run("--registry", "dhi.io").stdout


def test_a_description_is_a_catalog(folder):
    (folder / "ours.json").write_text(
        '{"registry": "r.example/h/", "source": "us", "images": [{"image": "node",'
        ' "versions": ["20"], "user": "app", "uid": 77, "gid": 88}]}'
    )
    text = run("--registry", "ours.json").stdout
    assert "FROM r.example/h/node:20-dev AS build" in text
    assert "USER 77:88" in text


@pytest.mark.parametrize("text", ["{", '{"registry": "x"}', '{"images": [{"odd": 1}]}'])
def test_a_description_that_is_none_says_so(folder, text):
    (folder / "ours.json").write_text(text)
    assert isinstance(run("--registry", "ours.json").exception, MalformedError)


def test_in_place_and_then_there_is_nothing_to_do(folder):
    assert run("--check").exit_code == 1
    assert run("--in-place").exit_code == 0
    assert (folder / "Dockerfile").read_text() == HARDENED
    again = run("--check")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "nothing to change" in again.stderr


def test_an_output_file_is_written_whole(folder):
    assert run("-o", "Dockerfile.hardened").stdout == ""
    assert (folder / "Dockerfile.hardened").read_text() == HARDENED


def test_check_writes_nothing(folder):
    result = run("--in-place", "--check")
    assert isinstance(result.exception, CheckFailedError)
    assert (folder / "Dockerfile").read_text() == SOURCE


def test_the_difference_alone(folder):
    lines = run("--diff").stdout.splitlines()
    assert lines[:2] == ["--- a/Dockerfile", "+++ b/Dockerfile"]
    assert "+FROM localhost/node:20" in lines


def test_explain_and_json_say_why(folder):
    assert "[npm-ci, certain]" in run("--explain").stdout
    value = json.loads(run("--json").stdout)
    assert value["text"] == HARDENED
    assert value["file"] == "Dockerfile"


def test_what_needs_a_person_is_one_and_what_is_no_dockerfile_two(folder):
    (folder / "Dockerfile").write_text("FROM node:20\nCOPY . /app\nCMD ./start.sh\n")
    result = run()
    assert isinstance(result.exception, CheckFailedError)
    assert result.exception.exit_code == 1
    assert "start.sh" in result.stderr
    (folder / "Dockerfile").write_text("version: 3\n")
    exception = run().exception
    assert isinstance(exception, MalformedError)
    assert exception.exit_code == 2
    assert str(exception).startswith("Dockerfile: line 1: version:")


def test_what_is_not_there_is_said(folder):
    assert isinstance(run("none").exception, NotFoundError)
    assert isinstance(run("--target", "none").exception, NotFoundError)
    assert isinstance(run("--registry", "none.json").exception, NotFoundError)
    assert isinstance(run("--in-place", "-o", "x").exception, InputError)


def test_the_same_in_python(folder):
    workspace = Workspace.open(home=folder / "home", images=ROOT / "images")
    found = workspace.migrate(folder / "Dockerfile")
    assert found.complete
    assert found.text.decode() == HARDENED
    assert workspace.migrate(folder / "Dockerfile", registry="dhi.io").rung == "runtime"
