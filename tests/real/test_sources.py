"""Sources from the real mirror: what it gives is what dpkg-source takes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from tests.real.tools import tool

from ironhull import Workspace
from ironhull.errors import EnvironmentProblem

pytestmark = pytest.mark.real
# Of the release itself: mirrors are quicker with new packages than with their sources.
STATUS = """\
Package: netbase
Status: install ok installed
Version: 6.5
Architecture: all

Package: libffi8
Status: install ok installed
Source: libffi
Version: 3.4.8-2
Architecture: amd64
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="13"\n')
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_text(STATUS)
    return root


def test_dpkg_source_unpacks_all_of_the_sources_and_a_second_run_is_offline(root, tmp_path):
    workspace = Workspace.open(home=tmp_path / "home", images=tmp_path)
    try:
        workspace.sources(f"rootfs:{root}", tmp_path / "one.tar")
    except EnvironmentProblem as error:
        pytest.skip(str(error))
    with tarfile.open(tmp_path / "one.tar") as tar:
        tar.extractall(tmp_path / "sources", filter="data")
    listed = json.loads((tmp_path / "sources/sources.json").read_bytes())["sources"]
    assert [(item["name"], item["binaries"]) for item in listed] == [
        ("libffi", ["libffi8 3.4.8-2 amd64"]),
        ("netbase", ["netbase 6.5 all"]),
    ]
    for item in listed:
        folder = tmp_path / "sources" / item["folder"]
        assert {path.name for path in folder.iterdir()} == {file["name"] for file in item["files"]}
        for file in item["files"]:
            digest = hashlib.sha256((folder / file["name"]).read_bytes()).hexdigest()
            assert digest == file["sha256"]
        (dsc,) = folder.glob("*.dsc")
        unpacked = tmp_path / f"{item['name']}-unpacked"
        # It compares every file with the checksums in the .dsc.
        subprocess.run(
            [tool("dpkg-source"), "--no-check", "-x", dsc, unpacked],
            check=True, capture_output=True,
        )  # fmt: skip
        assert (unpacked / "debian/changelog").read_text().startswith(f"{item['name']} (")
    again = Workspace.open(home=tmp_path / "home", images=tmp_path, offline=True)
    again.sources(f"rootfs:{root}", tmp_path / "two.tar")
    assert (tmp_path / "two.tar").read_bytes() == (tmp_path / "one.tar").read_bytes()
