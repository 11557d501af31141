"""What a process keeps of layers: right for each image that has them, and not too much."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.image import Hardlink, Symlink, make_image

from ironhull import Workspace
from ironhull.sbom import contents
from ironhull.sbom.contents import EACH, ContentsCache, LayerContents
from ironhull.sbom.model import Licence
from ironhull.workspace.sbom import bill_of

BASE = {"lib": Symlink("usr/lib"), "usr/lib/old": "old"}
LAYER = {"lib/a": "a", "etc/b": "b", "etc/c": Hardlink("etc/b")}
SEEN = {"/lib/a", "/etc/b", "/etc/c"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(home=tmp_path / "home", images=tmp_path)


@pytest.mark.parametrize("order", [("plain:1", "linked:1"), ("linked:1", "plain:1")])
def test_a_layer_has_the_paths_that_each_image_gives_it(workspace, order) -> None:
    make_image(workspace.home.store, [LAYER], names=["plain:1"])
    make_image(workspace.home.store, [BASE, LAYER], names=["linked:1"])
    seen = {}
    for name in (*order, *order):
        files = {file.path: file for file in bill_of(workspace.machine, name).files}
        assert all(path == file.path for path, file in files.items())
        assert files["/etc/b"].sha256 == files["/etc/c"].sha256
        seen[name] = set(files)
    assert seen == {"plain:1": SEEN, "linked:1": SEEN - {"/lib/a"} | {"/usr/lib/a", "/usr/lib/old"}}


def test_what_is_kept_in_memory_is_bounded(tmp_path: Path, monkeypatch) -> None:
    recent = contents._Recent(500_000)
    monkeypatch.setattr(contents, "_RECENT", recent)
    cache = ContentsCache(tmp_path)
    # Files alone, each of some 800 bytes in memory, and texts alone.
    text = Licence("MIT", comment="x" * 27_000)
    for number, made in enumerate(
        [
            LayerContents(bytearray(120 * EACH)),
            LayerContents(bytearray(), {}, {0: text}),
            LayerContents(bytearray(120 * EACH)),
            LayerContents(bytearray(120 * EACH)),
            LayerContents(bytearray(160 * EACH)),
            LayerContents(bytearray(), {}, {0: text, 1: text}),
        ]
    ):
        cache.put(f"sha256:{number}", made)
    first, second = cache.get("sha256:0"), cache.get("sha256:1")
    assert cache.get("sha256:2") is not None
    assert (cache.get("sha256:0") is first, cache.get("sha256:1") is second) == (True, True)
    for number in range(6, 10):
        cache.put(f"sha256:{number}", LayerContents(bytearray(120 * EACH)))
        assert cache.get(f"sha256:{number}") is not None
        assert cache.get("sha256:0") is first
    # The one that was asked for longest ago made room.
    assert cache.get("sha256:1") is not second
    assert 0 < recent.size <= 500_000
    for too_large in ("sha256:4", "sha256:5"):
        assert cache.get(too_large) is not cache.get(too_large)


def test_a_file_that_another_took_the_place_of_is_read_again(tmp_path: Path) -> None:
    cache = ContentsCache(tmp_path)
    cache.put("sha256:1", LayerContents(bytearray(EACH)))
    assert cache.get("sha256:1") == LayerContents(bytearray(EACH))
    cache.put("sha256:1", LayerContents(bytearray(2 * EACH)))
    assert cache.get("sha256:1") == LayerContents(bytearray(2 * EACH))
    (tmp_path / "1.zst").unlink()
    assert cache.get("sha256:1") is None
