"""A context is a stranger's folder: bounded, and never left."""

from __future__ import annotations

import os

import pytest

from ironhull.migrate.context.folder import FolderContext
from ironhull.migrate.context.interface import MAX_DEPTH, MAX_FILE, FilesContext
from ironhull.migrate.context.packages import (
    links_against,
    node_lock,
    package_json,
    python_requirements,
)
from ironhull.migrate.context.script import read_script


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "context").mkdir()
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "context"


def test_files_are_read_by_name(folder):
    (folder / "a").mkdir()
    (folder / "a/b.txt").write_text("x")
    context = FolderContext(folder)
    assert context.names == ("a/b.txt",)
    assert context.read("a/b.txt") == b"x"
    assert context.read("none") is None


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", "x\0y", ""])
def test_no_name_leaves_the_folder(folder, name):
    assert FolderContext(folder).read(name) is None


def test_no_link_leaves_the_folder(folder):
    (folder / "link").symlink_to("../secret")
    (folder / "absolute").symlink_to(folder.parent / "secret")
    (folder / "outside").symlink_to("..")
    (folder / "loop").symlink_to("loop")
    context = FolderContext(folder)
    assert context.names == ()
    for name in ("link", "absolute", "outside/secret", "loop"):
        assert context.read(name) is None


def test_a_link_inside_is_read(folder):
    (folder / "real").write_text("x")
    (folder / "link").symlink_to("real")
    assert FolderContext(folder).read("link") == b"x"


def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo(folder / "package.json")
    assert FolderContext(folder).read("package.json") is None


def test_a_large_file_is_not_read(folder):
    with (folder / "big").open("wb") as file:
        file.truncate(MAX_FILE + 1)
    assert FolderContext(folder).read("big") is None


def test_deep_folders_and_those_that_nobody_wrote_are_passed_over(folder):
    deep = folder
    for number in range(MAX_DEPTH + 2):
        deep = deep / str(number)
        deep.mkdir()
        (deep / "f").touch()
    (folder / "node_modules").mkdir()
    (folder / "node_modules/x").touch()
    names = FolderContext(folder).names
    assert len(names) == MAX_DEPTH - 1
    assert not any("node_modules" in name for name in names)


def test_a_folder_that_is_not_there_is_empty(folder):
    assert FolderContext(folder / "none").names == ()


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", b'{"scripts": 1}', b'{"scripts": {"start": 1}}', b"\xff", b"[" * 5000],
)
def test_a_package_json_that_is_none_is_none(data):
    assert package_json(FilesContext({"package.json": data})) is None


def test_package_json_has_scripts_and_dependencies():
    data = b'{"scripts":{"a":"b"},"dependencies":{"x":"1"},"type":"module","other":[1]}'
    found = package_json(FilesContext({"package.json": data}))
    assert found is not None
    assert found.scripts == {"a": "b"}


@pytest.mark.parametrize(
    ("file", "manager"),
    [("package-lock.json", "npm"), ("yarn.lock", "yarn"), ("pnpm-lock.yaml", "pnpm"), ("x", "")],
)
def test_a_lock_file_says_whose_it_is(file, manager):
    assert node_lock(FilesContext({file: b""})) == manager


def test_requirements_are_names_in_any_of_the_files():
    context = FilesContext(
        {
            "requirements/base.txt": b"# x\nFlask==3\npsycopg2>=2\n",
            "pyproject.toml": b'dependencies = ["lxml>=5", "httpx"]\n',
        }
    )
    found = python_requirements(context)
    assert found is not None
    assert {"flask", "psycopg2", "lxml", "httpx"} <= found
    assert links_against("libpq5", context)
    assert not links_against("libmariadb3", context)


def test_without_requirements_a_library_may_be_needed():
    assert python_requirements(FilesContext({})) is None
    assert links_against("libpq5", FilesContext({}))


@pytest.mark.parametrize(
    ("script", "start", "once", "waits"),
    [
        ('#!/bin/sh\nset -e\nexec "$@"\n', "", (), False),
        ("#!/bin/sh\nexec node a.js\n", "exec node a.js", (), False),
        ("#!/bin/bash\nset -euo pipefail\nnode a.js", "node a.js", (), False),
        ('until nc -z db 1\ndo\nsleep 1\ndone\nexec "$@"', "", (), True),
        ('python manage.py migrate\nexec "$@"', "", ("python manage.py migrate",), False),
        ('exec gosu app "$@"', "", (), False),
        ("pg_isready -h db\nexec node a.js", "exec node a.js", (), True),
    ],
)
def test_scripts_whose_work_is_known(script, start, once, waits):
    facts = read_script(script.encode())
    assert not isinstance(facts, str)
    assert (facts.start, facts.once, facts.waits) == (start, once, waits)


@pytest.mark.parametrize(
    "script",
    [
        "if x; then y; fi\nexec z",
        "",
        "#!/bin/sh\nset -e\n",
        "curl -o /x https://example.org\nexec z",
        "a() { b; }\na\nexec z",
        "x\n" * 500,
    ],
)
def test_scripts_that_do_more_are_not_understood(script):
    assert isinstance(read_script(script.encode()), str)
