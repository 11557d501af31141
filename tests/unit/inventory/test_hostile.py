"""Whatever a stranger's file holds: findings or remarks, and never anything else."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.inventory.test_java import jar, pom

from ironhull.inventory.cataloguers import java
from ironhull.inventory.cataloguers.interface import Findings, TextCataloguer
from ironhull.inventory.cataloguers.table import TEXTS
from ironhull.inventory.distribution import os_release
from ironhull.inventory.paths import absolute, join
from ironhull.inventory.secrets import in_file

WORDS = st.sampled_from(
    ["name", "version", "packages", "libraries", "dependencies", "type", "package", "license",
     "licenses", "node_modules/a", "a/1", "", "\ud800", "\x1b[31m", "dev"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)
LINES = st.lists(
    st.sampled_from(
        ["Package: a", "Version: 1", "Status: install ok installed", "Source: b (1)", "", " more",
         "P:a", "V:1", "F:usr", "R:x", "Name: a", 's.name = "a"', "s.version = '1'", ":", "\0"]
    ),
    max_size=12,
).map("\n".join)  # fmt: skip
PATHS = {
    "npm": ["/a/package.json", "/a/package-lock.json"],
    "dpkg": ["/var/lib/dpkg/status"],
    "apk": ["/lib/apk/db/installed"],
    "python": ["/a.dist-info/METADATA"],
    "gem": ["/specifications/a-1.gemspec"],
    "composer": ["/vendor/composer/installed.json"],
    "dotnet": ["/a.deps.json"],
}


def check(findings: Findings) -> None:
    for package in findings.packages:
        assert package.name
        json.dumps(package.name, ensure_ascii=False).encode()


@pytest.mark.parametrize("cataloguer", TEXTS, ids=lambda item: item.name)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_text_breaks_a_cataloguer(cataloguer: TextCataloguer, data: st.DataObject) -> None:
    content = data.draw(
        st.binary(max_size=300)
        | LINES.map(str.encode)
        | JSON.map(lambda value: json.dumps(value).encode())
    )
    for path in PATHS[cataloguer.name]:
        check(cataloguer.read(path, content))


ARCHIVE = jar(
    pom("g", "a", "1")
    | {"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n", "in-1.jar": jar(pom("g", "in", "1"))}
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(ARCHIVE) - 1), st.binary(max_size=4)), max_size=5),
    st.integers(0, len(ARCHIVE)),
)
def test_no_changed_archive_breaks_anything(changes: list[tuple[int, bytes]], length: int) -> None:
    data = bytearray(ARCHIVE)
    for place, change in changes:
        data[place : place + len(change)] = change
    check(java.read("/app.jar", io.BytesIO(bytes(data))))
    check(java.read("/app.jar", io.BytesIO(bytes(data[:length]))))


@given(st.text(max_size=40))
def test_every_name_becomes_a_clean_absolute_path_or_none(name: str) -> None:
    path = absolute(name)
    if path is not None:
        assert path.startswith("/")
        assert ".." not in path.split("/")
        assert path == "/" or not path.endswith("/")
        assert "//" not in path
        path.encode()


@given(st.text("/.ab", max_size=20), st.text("/.ab", max_size=20))
def test_a_link_never_leads_out(folder: str, target: str) -> None:
    joined = join(absolute(folder) or "/", target)
    assert absolute(joined) == joined


@given(st.text(max_size=100))
def test_no_os_release_breaks_anything(text: str) -> None:
    assert all(value.isprintable() for value in os_release(text).values())


@pytest.mark.parametrize("cataloguer", TEXTS, ids=lambda item: item.name)
@pytest.mark.parametrize("text", [b"\n", b" ", b"a.version = Gem::Version.new" + b" " * 10])
def test_what_is_long_and_says_nothing_is_read_once(
    cataloguer: TextCataloguer, text: bytes
) -> None:
    # Where the end is looked for from each of its lines, or blanks are shared out in all ways, this
    # takes hours.
    content = text.rstrip() + text[-1:] * 400_000
    for path in PATHS[cataloguer.name]:
        check(cataloguer.read(path, content))


def test_a_file_of_passwords_that_has_none_is_read_once() -> None:
    assert in_file("/root/.pypirc", b"\n" * 400_000) == ""
