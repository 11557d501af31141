import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.fakes.image import make_image

from ironhull.cli.sbom import sbom
from ironhull.cli.sources import sources
from ironhull.store.home import Home

FILES = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "var/lib/dpkg/status": "Package: curl\nVersion: 7.88.1-10\nArchitecture: amd64\n",
    "usr/bin/curl": "curl",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home")
    make_image(home.store, [FILES])
    return home


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sbom, ["app:1", *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("form", "key", "value"),
    [("cyclonedx", "specVersion", "1.6"), ("cyclonedx-1.5", "specVersion", "1.5"),
     ("spdx", "spdxVersion", "SPDX-2.3")],
)  # fmt: skip
def test_a_bill_is_printed_and_written_byte_by_byte_the_same(tmp_path, form, key, value) -> None:
    printed = run("--format", form)
    assert json.loads(printed.stdout)[key] == value
    target = tmp_path / "new/bill.json"
    written = run("--format", form, "-o", str(target), "--quiet")
    assert (written.stdout, written.stderr) == ("", "")
    assert target.read_bytes() == printed.stdout_bytes.removesuffix(b"\n")


def test_a_bill_has_the_files_and_the_inventorys_has_none() -> None:
    from ironhull.cli.inventory import inventory

    assert "/usr/bin/curl" in run().stdout
    shown = CliRunner().invoke(inventory, ["app:1", "--cyclonedx"], catch_exceptions=False)
    assert "/usr/bin/curl" not in shown.stdout


def test_sources_need_a_file_to_be_written_to() -> None:
    ended = CliRunner().invoke(sources, ["app:1"])
    assert ended.exit_code == 2
    assert "--output" in ended.output
