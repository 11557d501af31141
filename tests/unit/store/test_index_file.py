"""What an index lists, changed entry by entry, is what it lists when it is read anew."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.store import index_file
from ironhull.store.index_file import NAME, SUBJECT, Index, index_of, read_index, write_index


def entry(number: int, name: str = "", subject: str = "") -> Descriptor:
    annotations = {NAME: name} if name else {}
    annotations |= {SUBJECT: digest_of(subject.encode())} if subject else {}
    return Descriptor("a/b", digest_of(b"%d" % number), number, annotations)


def shown(index: Index) -> tuple[list[Descriptor], dict[str, list[Descriptor]], list[Descriptor]]:
    """All that can be asked of it."""
    subjects = {each: index.referring(each) for each in sorted(index.subjects())}
    return list(index), subjects, index.referring("")


def read_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    with monkeypatch.context() as patched:
        patched.setattr(index_file, "_remembered", {})
        return read_index(path)


@pytest.mark.parametrize("seed", range(20))
def test_an_index_that_two_processes_change_is_seen_by_both_as_it_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance, path = random.Random(seed), tmp_path / "index.json"
    write_index(path, Index(()))
    processes: list[dict[Path, object]] = [{}, {}]
    for step in range(30):
        monkeypatch.setattr(index_file, "_remembered", chance.choice(processes))
        index = read_index(path)
        if step % 3:
            index.referring("")
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
