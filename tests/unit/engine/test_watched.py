"""The sandbox that sees what is opened: trees of its own, and never an overlay over them."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.image import Directory, make_image

from ironhull.engine.interface import HARDENED, Mount, RunOptions
from ironhull.engine.watched import WatchedSandbox
from ironhull.sandbox.bubblewrap import Bubblewrap
from ironhull.sandbox.model import Bind, Root
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import ImageLayout


def test_each_writable_run_has_a_tree_of_its_own_and_all_are_watched(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    files = {"etc/passwd": "root:x:0:0::/:/bin/sh\n", "data": "text", "proc": Directory()}
    make_image(layout, [files], config={"Entrypoint": ["/data"]}, names=["a:1"])
    config = {"Entrypoint": ["/data"], "Volumes": {"/srv": {}}}
    make_image(layout, [files], config=config, names=["b:1"])
    manifest = choose_manifest(layout, layout.find("a:1"))
    (tmp_path / "given").write_text("file")
    folder = tmp_path / "private"
    with WatchedSandbox(lambda: Bubblewrap(("/nowhere",), "0.11.0", "here"), folder) as engine:
        engine.load(layout, manifest, ["a"])
        first = engine.wish("a", RunOptions())
        (first.root / "data").write_text("changed")
        second = engine.wish("a", RunOptions())
        assert (first.writes, second.writes) == (Root.KEPT, Root.KEPT)
        assert not first.root.exists()
        assert (second.root / "data").read_text() == "text"
        mount = Mount(tmp_path / "given", "/opt/new/file")
        held = engine.wish("a", RunOptions(read_only=True, mounts=(mount,)))
        assert held.writes is Root.READ_ONLY
        assert (held.root / "opt/new/file").is_file()
        assert held.root == engine.tree(layout, manifest) == engine.wish("a", HARDENED).root
        engine.load(layout, choose_manifest(layout, layout.find("b:1")), ["b"])
        volume = engine.wish("b", HARDENED)
        assert (volume.writes, volume.volumes) == (Root.READ_ONLY, ())
        assert Bind(volume.root / "srv", "/srv", writable=True) in volume.binds
        assert (volume.root / "srv").is_dir()
        # Whose entry an engine looks up is read by ourselves, before the watch or after.
        (held.root / "data").read_text()
    assert {"data"} <= engine.opened() <= {"data", "etc/passwd", "etc/group"}
