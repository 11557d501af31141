"""Whoever wrote a Dockerfile and its context may mean harm: time and memory stay bounded."""

from __future__ import annotations

import pytest
from outside.dockerfile_rows import public
from tests.work import ends

from ironhull.errors import MalformedError
from ironhull.migrate.context.folder import FolderContext
from ironhull.migrate.context.interface import FilesContext
from ironhull.migrate.migrate import migrate

LARGE = 900_000


@pytest.mark.parametrize(
    "text",
    [
        "# a = " + " " * LARGE + "b\nFROM a\n",
        "# escape = " + " " * LARGE + "\\\nFROM node:20\n",
        "FROM node:20\nRUN " + "\\ " * (LARGE // 2) + "x\n",
        "FROM node:20\nRUN x" + " \\\n" * (LARGE // 3) + "\n",
        "FROM node:20\nRUN " + "a && " * (LARGE // 5) + "a\n",
        "FROM node:20\nRUN " + "$(" * (LARGE // 2) + "\n",
        "FROM node:20\nCMD " + "[" * LARGE + "\n",
        'FROM node:20\nCMD ["' + "\\u00e9" * (LARGE // 6) + '"]\n',
        "FROM node:20\nENV A=" + "x" * 60_000 + "\n" + "ENV A=$A$A\n" * 1900,
        "FROM node:20\nCOPY " + "a " * (LARGE // 2) + "/b/\n",
        "FROM node:20\nWORKDIR /app\n" + "".join(f"COPY a /d{n}/\n" for n in range(1900)),
        "FROM node:20\nWORKDIR /app\n" + "RUN npm ci\n" * 1900 + "CMD node a.js\n",
        "FROM node:20\nLABEL " + "a='b' " * (LARGE // 6) + "\n",
        "FROM node:20\nEXPOSE " + "80 " * (LARGE // 3) + "\n",
        "FROM node:20 AS s0\n" + "".join(f"FROM s{n} AS s{n + 1}\n" for n in range(198)),
        "FROM node:20\nRUN <<E\n" + "npm ci\n" * (LARGE // 7) + "E\n",
        "FROM node:20\nHEALTHCHECK CMD curl http://" + "a" * LARGE + "\n",
    ],
    ids=range(17),
)
def test_no_text_takes_long(text: str) -> None:
    with ends():
        found = migrate(text.encode(), FilesContext({}), public())
        migrate(found.text, FilesContext({}), public())


@pytest.mark.parametrize(
    "text", ["FROM a\n" * 201, "FROM a\n" + "USER b\n" * 2000], ids=["stages", "instructions"]
)
def test_more_than_anybody_writes_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="at most 2000 in 200 are read"):
        migrate(text.encode(), None, public())


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("package.json", b'{"scripts":{"start":"' + b"a && " * 150_000 + b'a"}}'),
        ("package.json", b"[" * LARGE),
        ("start.sh", b"x=" + b"a" * LARGE),
        ("start.sh", b"/" * LARGE),
        ("start.sh", b"while " + b"nc " * 200_000),
        ("requirements.txt", b"a" * LARGE),
        ("nginx.conf", b"listen " * 100_000),
    ],
)
def test_no_file_of_the_context_takes_long(file: str, data: bytes) -> None:
    sources = (
        b"FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\nCMD npm start\n",
        b"FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\nCMD ./start.sh\n",
        b"FROM python:3.12\nRUN apt-get install -y libpq-dev\nWORKDIR /a\nRUN pip install b\n",
        b"FROM nginx:1.30\nCOPY nginx.conf /etc/nginx/conf.d/\nEXPOSE 80\n",
    )
    with ends():
        for source in sources:
            migrate(source, FilesContext({file: data}), public())


def test_folders_named_like_files_are_none(tmp_path) -> None:
    for name in (
        "package.json",
        "package-lock.json",
        "requirements.txt",
        ".dockerignore",
        "go.mod",
    ):
        (tmp_path / name).mkdir()
    source = b"FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm install\nCMD npm start\n"
    found = migrate(source, FolderContext(tmp_path), public())
    assert "package.json" not in found.text.decode()
