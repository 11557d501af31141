"""Members that few tools write: sparse files, and programs that are archives too."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import pytest
from tests.fakes.image import File, layer_tar
from tests.fakes.sparse import FORMATS, sparse_member
from tests.unit.inventory.test_java import STUBS, jar, pom

from ironhull.inventory.layer import read_layer
from ironhull.inventory.record import PROGRAM, SCRIPT, LayerRecord
from ironhull.inventory.view import View

END = bytes(1024)


def record_of(data: bytes) -> LayerRecord:
    return read_layer(iter([data]), "layer")


def names(data: bytes) -> list[tuple[str, str]]:
    view = View([record_of(data)])
    return [(path, item.name) for path, _, found in view.facts("packages") for item in found]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("gap", [4096, 9 << 20])
def test_a_jar_in_a_sparse_member_is_read(form: str, gap: int) -> None:
    """Larger than what is kept in memory, too."""
    data = jar(pom("g", "a", "1"))
    # A jar may have anything before it; the hole is at its beginning.
    stored = io.BytesIO()
    stored.write(bytes(gap))
    with zipfile.ZipFile(stored, "a") as archive, zipfile.ZipFile(io.BytesIO(data)) as source:
        for item in source.infolist():
            archive.writestr(item, source.read(item))
    whole = stored.getvalue()
    head = b"PK\3\4"
    member = sparse_member("app.jar", [(0, head), (gap, whole[gap:])], len(whole), form)
    assert names(member + END) == [("/app.jar", "g:a")]


@pytest.mark.parametrize("form", FORMATS)
def test_a_package_file_in_a_sparse_member_is_read(form: str) -> None:
    text = b'{"name":"a","version":"1"}'
    parts = [(0, text[:5]), (5, text[5:])]
    assert names(sparse_member("package.json", parts, len(text), form) + END) == [
        ("/package.json", "a")
    ]


@pytest.mark.parametrize("stub", STUBS.values(), ids=STUBS)
def test_an_archive_behind_a_stub_is_read(stub: bytes) -> None:
    layer = layer_tar({"app.jar": File(stub + jar(pom("g", "a", "1")), 0o755)})
    assert names(layer) == [("/app.jar", "g:a")]


def test_an_executable_archive_is_a_program_too() -> None:
    for stub, form in ((b"#!/bin/sh\n", SCRIPT), (STUBS["a program"], PROGRAM)):
        layer = layer_tar({"app.jar": File(stub + jar(pom("g", "a", "1")), 0o755)})
        entry = View([record_of(layer)]).get("/app.jar")
        assert entry is not None
        assert entry.form == form


@pytest.mark.parametrize(
    ("path", "size", "limit"),
    [
        ("var/lib/dpkg/status", 500 << 20, 64 << 20),
        ("app/node_modules/a/package.json", 200 << 20, 8 << 20),
        ("usr/lib/python3/dist-packages/a-1.dist-info/METADATA", 100 << 20, 4 << 20),
        ("opt/app.jar", 3 << 30, 2 << 30),
    ],
)
def test_a_file_past_its_limit_is_said_and_never_in_memory(
    path: str, size: int, limit: int
) -> None:
    tracemalloc.start()
    record = record_of(sparse_member(path, [(0, b"PK\3\4 Package: a")], size, "1.0") + END)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [remark.message for _, remark in record.remarks] == [
        f"{size} bytes (limit {limit}); not read"
    ]
    assert peak < 1 << 20
