"""A clean-up removes at once what killed processes left, and nothing that somebody still writes."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from ironhull.oci.digest import digest_of
from ironhull.store.changelogs import changelogs_path, keep_changelogs
from ironhull.store.clean import Pruned, prune
from ironhull.store.files import create_held, remove_abandoned, replace_file
from ironhull.store.home import Home


def cleaned(home: Home) -> Pruned:
    return prune(home, layers=False, packages=False, unused=True)


def _write_for_ever(root: str, where: str) -> None:
    home = Home(Path(root))
    store = home.store.blobs if where == "store" else home.packages
    with store.writer() as blob:
        blob.write(b"x" * 1000)
        blob._file.flush()
        (Path(root) / "ready").touch()
        time.sleep(60)


def killed_while_it_wrote(home: Home, where: str) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_write_for_ever, args=(str(home.root), where)
    )
    process.start()
    deadline = time.monotonic() + 60
    while not (home.root / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert cleaned(home) == Pruned(0, 0)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()


@pytest.mark.parametrize("where", ["store", "packages"])
def test_what_a_killed_process_was_writing_goes_at_once(tmp_path: Path, where: str) -> None:
    home = Home(tmp_path)
    killed_while_it_wrote(home, where)
    assert cleaned(home) == Pruned(1, 1000)
    assert cleaned(home) == Pruned(0, 0)


def test_a_home_in_which_nothing_is_yet_is_cleaned_without_waiting(tmp_path: Path) -> None:
    assert cleaned(Home(tmp_path / "new")) == Pruned(0, 0)


def test_a_small_file_that_was_never_put_in_place_goes_at_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    replace_file(home.layers / "done.json", b"{}")
    (home.layers / ".key.json.4711-0123abcd").write_bytes(b"half")
    assert remove_abandoned(home.layers / ".key.json.4711-0123abcd") == 4
    assert [path.name for path in home.layers.iterdir()] == ["done.json"]


def test_changelogs_that_were_never_put_in_place_go_at_once_and_others_stay(tmp_path: Path) -> None:
    home, package = Home(tmp_path), digest_of(b"package")
    keep_changelogs(home.packages, package, {"changelog.gz": b"1"})
    kept = changelogs_path(home.packages, package)
    (kept.parent / f".{kept.name}.4711-0123abcd").write_bytes(b"half")
    assert cleaned(home) == Pruned(1, 4)
    assert list(kept.parent.iterdir()) == [kept]


def test_a_blob_in_the_making_outlives_a_clean_up(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.store.blobs.writer() as blob:
        blob.write(b"data")
        assert cleaned(home) == Pruned(0, 0)
    assert home.store.blobs.read(blob.digest) == b"data"


def test_a_writer_whose_file_is_taken_before_it_locks_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ironhull.store import files

    path, real, taken = tmp_path / "new", files.fcntl.flock, []

    def slow(file: object, how: int) -> None:
        if not taken:
            taken.append(path.unlink())
        real(file, how)  # type: ignore[arg-type]

    monkeypatch.setattr(files.fcntl, "flock", slow)
    with create_held(path) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole"


def test_an_image_that_is_gone_leaves_no_tree_of_the_sandbox(tmp_path: Path) -> None:
    home = Home(tmp_path)
    gone = home.unpacked / ("0" * 64)
    (gone / "root/closed").mkdir(parents=True)
    (gone / "root/closed/file").write_text("four")
    (gone / "root/closed").chmod(0o500)
    assert prune(home, layers=True, packages=False, unused=False) == Pruned(0, 0)
    assert prune(home, layers=True, packages=False, unused=False, grace=-1).files == 1
    assert list(home.unpacked.iterdir()) == []
