"""Frozen archives over HTTP: plain files of one folder, and nothing else on the machine."""

from __future__ import annotations

import pytest

PATH = "0a1b/debian/pool/main/o/one/one_1%2bb1_amd64.deb"


@pytest.fixture
def frozen(site):
    path = site.layout.root / "apt/0a1b/debian/pool/main/o/one/one_1+b1_amd64.deb"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"package")
    return path


def test_a_file_is_given_whole_and_in_parts(site, frozen):
    answer = site.ask("GET", f"/apt/{PATH}")
    assert (answer.status, answer.body) == (200, b"package")
    part = site.ask("GET", f"/apt/{PATH}", headers={"range": "bytes=4-"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"age", "bytes 4-6/7")
    head = site.ask("HEAD", f"/apt/{PATH}")
    assert (head.status, head.headers["content-length"], head.body) == (200, "7", b"")


@pytest.mark.parametrize(
    "path",
    [
        "0a1b/debian", "0a1b/none", "../index.json", "0a1b/../../index.json", "%2e%2e/index.json",
        "0a1b//debian", ".0a1b.17/x", "0a1b/secret", "0a1b/folder/index.json", "", "x" * 2000,
        "0a1b/a%00b", "/etc/passwd",
    ],
)  # fmt: skip
def test_nothing_else_is_given(site, frozen, path):
    root = site.layout.root
    (root / "apt/.0a1b.17").mkdir()
    (root / "apt/.0a1b.17/x").write_bytes(b"half")
    (root / "apt/0a1b/secret").symlink_to(root / "index.json")
    (root / "apt/0a1b/folder").symlink_to(root)
    answer = site.ask("GET", f"/apt/{path}")
    assert answer.status == 404, answer.body


def test_a_frozen_archive_is_not_written_to(site, frozen):
    assert site.ask("PUT", f"/apt/{PATH}", body=b"x").status == 405
