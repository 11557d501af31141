"""This machine's own archive in a definition: no key, no address, nothing of the machine."""

from pathlib import Path

import pytest

from ironhull.definition.contents import OWN
from ironhull.definition.reader import load
from ironhull.errors import InputError
from ironhull.lock.request import request_digest
from ironhull.settings import Settings
from ironhull.workspace.repositories import repositories_of

TEXT = """\
image: web
tags: ["1"]
platforms: [linux/amd64]
contents:
  repositories: ["deb ironhull:own trixie main"]
  packages: [base-files]
accounts:
  run-as: nonroot
  users: [{name: nonroot, uid: 65532, gid: 65532}]
  groups: [{name: nonroot, gid: 65532}]
os-release: {id: debian, version-id: "13"}
"""


def test_the_own_archive_is_in_the_home_and_believed_by_its_own_key(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(TEXT)
    definition = load(tmp_path / "web.yaml")
    (asked,) = definition.repositories
    assert (asked.name, asked.uri, asked.keyrings) == ("own", OWN, ())
    mirror = (tmp_path / "mirror").as_uri()
    settings = Settings(home=tmp_path / "home", catalog=tmp_path, mirror=mirror)
    with pytest.raises(
        InputError, match=r"web\.yaml:5:18: ironhull:own has no packages.*build FILE"
    ):
        repositories_of(settings, definition)
    own = tmp_path / "home/store/apt/own"
    own.mkdir(parents=True)
    (own / "archive-key.asc").write_bytes(b"key")
    found = repositories_of(settings, definition)[-1]
    assert (found.name, found.uri, found.keyrings) == ("own", own.as_uri(), (b"key",))


def test_a_lock_is_the_same_wherever_the_home_is(tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "web.yaml").write_text(TEXT)
        digests.add(request_digest(load(tmp_path / name / "web.yaml")))
    assert len(digests) == 1
