"""Every Python block of docs/python.md, in order, with the real archive and a registry."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests.data.find import osv_export
from tests.fakes.running_server import serving

from ironhull import Workspace

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/python.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_block_of_the_page_runs(
    home_with_layers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(BLOCKS) >= 6
    home_with_layers.rename(tmp_path / "home")
    shutil.copytree(
        ROOT / "images", tmp_path / "images", ignore=shutil.ignore_patterns("*.lock.json")
    )
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    with Workspace.open(home="home", images="images") as shop:
        shop.build("debian-base:13")
        (outcome,) = shop.update_advisories(f"osv-debian={osv_export(tmp_path / 'all.zip')}")
        assert outcome.status == "updated", outcome.reason
    names: dict[str, object] = {"MIRROR": None}
    with serving(tmp_path / "served") as server:
        for block in BLOCKS:
            exec(compile(block.replace("127.0.0.1:5000", server.host), "python.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "sha256:" in printed
    assert "statik" in printed
    assert (tmp_path / "bundle.tar").is_file()
