"""Group commit: what several pushes wait for is written once, and each is told how that ended."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ironhull.errors import EnvironmentProblem
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.registry.server.listing import Tags
from ironhull.registry.server.records import Records
from ironhull.registry.server.rounds import Rounds
from ironhull.store import layout as layouts
from ironhull.store.files import locked
from ironhull.store.index_file import read_index, write_index
from ironhull.store.layout import REF_NAME, ImageLayout

COUNT = 6
NAMES = [f"t{number}" for number in range(COUNT)]


class Killed(BaseException):
    """What stands for SIGKILL: no `except Exception` sees it."""


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def of(text: str, name: str = "") -> Descriptor:
    named = {REF_NAME: name} if name else {}
    return Descriptor(OCI_MANIFEST, digest_of(text.encode()), len(text), named)


@contextmanager
def threads(works: Sequence[Callable[[], None]]) -> Iterator[list[BaseException | None]]:
    """Run each in a thread of its own; how each ended is there after the block."""
    ends: list[BaseException | None] = [None] * len(works)

    def run(number: int) -> None:
        try:
            works[number]()
        except BaseException as error:
            ends[number] = error

    started = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in started:
        thread.start()
    yield ends
    for thread in started:
        thread.join(60)


def test_who_comes_while_a_round_is_made_is_in_the_next_with_all_who_wait() -> None:
    begun, go_on, made = threading.Event(), threading.Event(), []

    def work(items: Sequence[int]) -> None:
        made.append(sorted(items))
        begun.set()
        go_on.wait(60)

    rounds = Rounds(work)
    with threads([lambda: rounds.do(0)]) as first:
        begun.wait(60)
        with threads([lambda n=n: rounds.do(n) for n in range(1, COUNT)]) as others:
            until(lambda: len(rounds._waiting) == COUNT - 1)
            go_on.set()
    assert [*first, *others] == [None] * COUNT
    assert made == [[0], list(range(1, COUNT))]
    rounds.do(COUNT)
    assert made[-1] == [COUNT]


def test_a_round_that_fails_fails_all_who_are_in_it_and_no_other() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(items: Sequence[int]) -> None:
        begun.set()
        go_on.wait(60)
        if 1 in items:
            raise EnvironmentProblem("no room")

    rounds = Rounds(work)
    with threads([lambda: rounds.do(0)]) as first:
        begun.wait(60)
        with threads([lambda n=n: rounds.do(n) for n in (1, 2)]) as others:
            until(lambda: len(rounds._waiting) == 2)
            go_on.set()
    assert first == [None]
    assert [str(error) for error in others] == ["no room", "no room"]
    rounds.do(3)


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "layout", create=True)


def tagged(layout: ImageLayout) -> dict[str, str]:
    listing = Tags(layout).listing()
    return {tag: found.digest for tag, found in listing.tags.get("app", {}).items()}


def set_together(
    layout: ImageLayout, meanwhile: Callable[[], None] = lambda: None
) -> tuple[BaseException | None, list[BaseException | None]]:
    """One push sets `first`, COUNT others come before it is done; how it and they ended.

    `meanwhile` is what another process does that has the layout's lock until all of them wait.
    """
    tags, other = Tags(layout), ExitStack()
    other.enter_context(locked(layout.lock))
    with threads([lambda: tags.point("app", "first", of("first"))]) as first:
        until(lambda: tags._points._running and not tags._points._waiting)
        with threads([lambda n=n: tags.point("app", n, of(n)) for n in NAMES]) as ends:
            until(lambda: len(tags._points._waiting) == COUNT)
            meanwhile()
            other.close()
    return first[0], ends


def test_tags_that_are_set_at_once_are_all_there_after_two_writes(layout, monkeypatch):
    written = []

    def write(path, index):
        written.append(len(list(index)))
        write_index(path, index)

    monkeypatch.setattr(layouts, "write_index", write)
    assert set_together(layout) == (None, [None] * COUNT)
    assert tagged(layout) == {name: of(name).digest for name in ("first", *NAMES)}
    assert written == [1, 1 + COUNT]


def test_what_another_process_wrote_while_tags_waited_stays(layout):
    def build():
        index = read_index(layout.root / "index.json")
        write_index(layout.root / "index.json", index.replaced([of("b", "app:built")]))

    assert set_together(layout, build) == (None, [None] * COUNT)
    assert set(tagged(layout)) == {"built", "first", *NAMES}


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EIO])
def test_where_the_write_fails_each_that_waited_is_told_and_the_index_is_as_it_was(
    layout, monkeypatch, full
):
    Tags(layout).point("app", "old", of("old"))
    before = (layout.root / "index.json").read_bytes()

    def fail(descriptor):
        raise OSError(full, os.strerror(full))

    monkeypatch.setattr(os, "fsync", fail)
    first, others = set_together(layout)
    for error in (first, *others):
        assert isinstance(error, EnvironmentProblem)
        assert os.strerror(full) in str(error)
    assert (layout.root / "index.json").read_bytes() == before
    assert {path.name for path in layout.root.iterdir()} == {".lock", "index.json", "oci-layout"}
    monkeypatch.undo()
    Tags(layout).point("app", "new", of("new"))
    assert set(tagged(layout)) == {"old", "new"}


@pytest.mark.parametrize("step", ["fsync", "replace", "sync of the folder"])
def test_killed_in_a_write_of_several_all_tags_are_old_or_all_new(layout, monkeypatch, step):
    for name in NAMES:
        Tags(layout).point("app", name, of("old"))
    replace, fsync = os.replace, os.fsync

    def before(name):
        """Killed ahead of this step of the write that comes after the first push's."""
        if name == step and "app:first" in there():
            raise Killed(name)

    def there():
        return (layout.root / "index.json").read_text()

    def sync(descriptor):
        folder = Path(f"/proc/self/fd/{descriptor}").is_dir()
        # The first push's own sync of the folder comes after its write, too.
        if not folder or all(of(name).digest in there() for name in NAMES):
            before("sync of the folder" if folder else "fsync")
        return fsync(descriptor)

    def rename(path, target):
        before("replace")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    _, ends = set_together(layout)
    assert all(isinstance(error, Killed) for error in ends)
    now = {tagged(layout)[name] for name in NAMES}
    new = {of(name).digest for name in NAMES}
    assert now == (new if step == "sync of the folder" else {of("old").digest})


def test_records_that_wait_are_synced_together_and_each_is_told_of_its_own(tmp_path, monkeypatch):
    """A folder that cannot be synced is the trouble of those alone whose records are in it."""
    begun, go_on, synced = threading.Event(), threading.Event(), []

    def fsync(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append(path.parent.name)
        begun.set()
        go_on.wait(60)
        if path.parent.name == "bad":
            raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fsync)
    records = Records(tmp_path)
    blobs = [of(str(number)).digest for number in range(COUNT)]

    def add(repository, digest):
        return lambda: records.add_blob(repository, digest)

    with threads([add("first", blobs[0])]) as first:
        begun.wait(60)
        works = [*(add("good", blob) for blob in blobs), add("bad", blobs[0])]
        with threads(works) as ends:
            until(lambda: len(records._syncs._waiting) == COUNT + 1)
            go_on.set()
    assert first == [None]
    assert ends[:-1] == [None] * COUNT
    assert isinstance(ends[-1], OSError)
    assert sorted(synced) == ["bad", "first", "good"]
