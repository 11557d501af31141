"""What an index lists, changed entry by entry, is what it lists when it is read anew."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.store import index_blocks, index_file
from ironhull.store.index_blocks import NAME, SUBJECT
from ironhull.store.index_file import Index, index_of, read_index, write_index


def entry(number: int, name: str = "", subject: str = "") -> Descriptor:
    annotations = {NAME: name} if name else {}
    annotations |= {SUBJECT: digest_of(subject.encode())} if subject else {}
    return Descriptor("a/b", digest_of(b"%d" % number), number, annotations)


def looked(each: Descriptor) -> str | None:
    """What an entry is found to refer to: something, nothing, or that cannot be told."""
    return {0: digest_of(b"one"), 1: ""}.get(each.size % 3)


def shown(index: Index) -> tuple[object, ...]:
    """All that can be asked of it."""
    subjects = {each: index.referring(each) for each in sorted(index.subjects())}
    plain = {each.digest: index.plain(each.digest) for each in index}
    return list(index), subjects, plain, index.opened(looked)


def read_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    with monkeypatch.context() as patched:
        patched.setattr(index_file, "_remembered", {})
        return read_index(path)


@pytest.mark.parametrize("size", [1, 3, 32])
@pytest.mark.parametrize("seed", range(10))
def test_an_index_that_two_processes_change_is_seen_by_both_as_it_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, size: int
) -> None:
    monkeypatch.setattr(index_blocks, "_SIZE", size)
    chance, path = random.Random(seed), tmp_path / "index.json"
    write_index(path, Index())
    processes: list[dict[Path, object]] = [{}, {}]
    for step in range(30):
        monkeypatch.setattr(index_file, "_remembered", chance.choice(processes))
        index = read_index(path)
        if step % 3:
            index.opened(looked)
        there = list(index)
        gone = [each.digest for each in there if not each.annotations.get(NAME)]
        names = [each.annotations[NAME] for each in there if NAME in each.annotations]
        new = [
            entry(step * 10 + n, chance.choice(["", f"app:{chance.randrange(9)}"]), subject)
            for n, subject in enumerate(chance.choices(["", "one", "two"], k=4))
        ]
        dropped = [each.annotations[NAME] for each in new if NAME in each.annotations]
        dropped += chance.sample(names, min(1, len(names)))
        changed = index.replaced(new, dropped, chance.sample(gone, min(2, len(gone))))
        write_index(path, changed)
        assert shown(changed) == shown(read_index(path)) == shown(read_anew(path, monkeypatch))
        for each in changed:
            name = each.annotations.get(NAME) or each.digest
            assert changed.find(name) is not None
            assert name in (changed.find(name).digest, changed.find(name).annotations.get(NAME))  # type: ignore[union-attr]


def test_what_stays_in_a_file_is_the_same_object_when_it_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.json"
    write_index(path, index_of([entry(number, f"app:{number}") for number in range(1000)]))
    mine = read_index(path)
    with monkeypatch.context() as other:
        other.setattr(index_file, "_remembered", {})
        gone = [f"app:{number}" for number in (0, 300, 301, 500, 999)]
        write_index(path, read_index(path).replaced([entry(5000), entry(1, "app:500")], gone))
    before = {id(each) for each in mine}
    again = list(read_index(path))
    assert len(again) == 997
    assert [each.size for each in again if id(each) not in before] == [5000, 1]


def test_what_an_entry_was_found_to_refer_to_is_not_looked_for_again() -> None:
    index = index_of([entry(number) for number in range(9)])
    index.opened(looked)
    asked: list[int] = []
    index.replaced([entry(10), entry(12)], gone=[digest_of(b"3")]).opened(
        lambda each: asked.append(each.size)
    )
    # 2, 5 and 8 could not be told before.
    assert sorted(asked) == [2, 5, 8, 10, 12]


def test_a_name_is_found_in_an_index_of_any_order() -> None:
    index = index_of([entry(3, "web:1"), entry(1), entry(2, "app:1")])
    for name in ("web:1", "app:1", digest_of(b"1"), digest_of(b"2")):
        found = index.find(name)
        assert found is not None
        assert name in (found.digest, found.annotations.get(NAME))
    assert index.find("web:2") is None
    assert index.find("") is None


def test_what_is_listed_already_is_not_listed_twice() -> None:
    index = index_of([entry(1, subject="one"), entry(2, "app:1")])
    again = index.replaced([entry(1, subject="one"), entry(2, "app:1"), entry(2, "app:2")])
    assert [each.annotations.get(NAME) for each in again] == [None, "app:1", "app:2"]


def test_a_file_whose_lines_are_no_entries_is_read_as_any_other(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    write_index(path, index_of([entry(1, "app:1")]))
    value = json.loads(path.read_bytes())
    path.write_bytes(path.read_bytes().replace(b'"size":1', b'"size":1,\n"x":1'))
    assert [each.extra for each in read_index(path)] == [{"x": 1}]
    assert value["manifests"][0]["size"] == 1
