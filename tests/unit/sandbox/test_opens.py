"""Which files of a folder are opened, as the kernel tells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ironhull.sandbox.opens import Opens
from ironhull.store.trees import remove_tree


def test_what_is_read_run_or_reached_by_a_link_is_opened_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/sub").mkdir(parents=True)
    for name in ("read", "asked", "etc/linked", "etc/sub/empty", "etc/sub/other"):
        (root / name).write_text("" if name.endswith("empty") else name)
    shutil.copy2(shutil.which("true") or "/bin/true", root / "run")
    (root / "link").symlink_to("etc/linked")
    (tmp_path / "outside").write_text("not below the root")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "read").read_text()
    with Opens(root) as opens:
        for name in ("read", "link", "etc/sub/empty", "out"):
            (root / name).read_text()
        subprocess.run([root / "run"], check=False)
        (root / "asked").stat()
        list((root / "etc").iterdir())
    (root / "etc/sub/other").read_text()
    assert opens.files() == {"read", "etc/linked", "etc/sub/empty", "run"}
    assert not opens.unwatched()


def test_folders_nested_deeper_than_python_calls_itself_are_watched(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(1100):
        deep = deep / "d"
        deep.mkdir()
    (deep / "file").touch()
    try:
        with Opens(tmp_path) as opens:
            (deep / "file").read_text()
        assert opens.files() == {str((deep / "file").relative_to(tmp_path))}
    finally:
        remove_tree(tmp_path)
