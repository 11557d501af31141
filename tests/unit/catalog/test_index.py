"""What is kept of images, and what was seen to happen to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from outside.made_catalog import NGINX, NODE_20, NODE_DEV, NOW, digest, fake_catalog, finding, scan

from ironhull.catalog.facts import DayCount
from ironhull.catalog.index import CatalogIndex
from ironhull.errors import EnvironmentProblem


def test_facts_come_back_as_they_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "catalog" / "index.sqlite"
    kept = scan(
        NODE_20, finding("CVE-2026-1", "libc6"), finding("CVE-2026-2", "libc6", "not_affected")
    )
    first = CatalogIndex(path)
    first.put(NODE_20)
    first.put_scan(kept, "yesterday")
    first.close()
    again = CatalogIndex(path)
    assert again.build(NODE_20.digest) == NODE_20
    assert again.scan(kept.manifest) == kept
    assert again.stamps() == {kept.manifest: "yesterday"}
    summary = again.summaries()[NODE_20.digest]
    assert (summary.raw, summary.open, summary.severe) == (2, 1, 1)
    again.close()


def test_another_processs_changes_are_seen(tmp_path: Path) -> None:
    one, other = (CatalogIndex(tmp_path / "index.sqlite") for _ in range(2))
    before = one.generation
    assert one.summaries() == {}
    other.put(NODE_20)
    assert one.generation > before
    assert set(one.summaries()) == {NODE_20.digest}
    one.close()
    other.close()


def test_tags_that_move_are_written_down_once() -> None:
    index = CatalogIndex(":memory:")
    for at, tags in (
        ("2026-11-01", {"1": "a", "2": "b"}),
        ("2026-11-02", {"1": "a", "2": "b"}),
        ("2026-11-03", {"1": "c"}),
    ):
        index.saw_tags("node", tags, at)
    assert [(each.tag, each.digest, each.at) for each in index.moves("node")] == [
        ("1", "c", "2026-11-03"),
        ("2", "", "2026-11-03"),
        ("1", "a", "2026-11-01"),
        ("2", "b", "2026-11-01"),
    ]
    index.close()


def test_the_last_count_of_a_day_stays() -> None:
    index = CatalogIndex(":memory:")
    for raw in (3, 2):
        index.counted([("node", DayCount("2026-11-28", "20", raw, 1))])
    assert index.days("node", "20") == [DayCount("2026-11-28", "20", 2, 1)]
    index.close()


def test_a_newer_scan_takes_the_place_of_the_older() -> None:
    index = CatalogIndex(":memory:")
    index.put(NODE_20)
    index.put_scan(scan(NODE_20, finding("CVE-2026-1", "libc6")), "1")
    index.put_scan(scan(NODE_20, scanned=NOW), "2")
    assert index.affected("CVE-2026-1") == []
    assert index.summaries()[NODE_20.digest].raw == 0
    index.close()


def test_a_damaged_file_is_said_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(EnvironmentProblem, match=r"index\.sqlite.*deleted"):
        CatalogIndex(path)


def test_what_is_installed_is_found_by_package_and_by_source() -> None:
    index = CatalogIndex(":memory:")
    index.put(NODE_20)
    assert index.installed(["libc6"], [NODE_20.digest]) == [(NODE_20.digest, "libc6", "2.41")]
    assert index.installed(["absent"], [NODE_20.digest]) == []
    assert index.installed(["libc6"], [digest("another build")]) == []
    index.close()


def test_a_page_is_read_while_somebody_else_writes(tmp_path: Path) -> None:
    index = CatalogIndex(tmp_path / "index.sqlite")
    index.put(NODE_20)
    with index._file.writing() as database:
        database.execute("DELETE FROM build")
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(index.build, NODE_20.digest).result(timeout=60) == NODE_20
    assert index.build(NODE_20.digest) is None
    index.close()


def test_counts_that_are_there_already_are_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    index, count = CatalogIndex(path), ("node", DayCount("2026-11-28", "20", 3, 1))
    index.counted([count])
    log = path.with_name("index.sqlite-wal")
    before = log.read_bytes()
    index.counted([count])
    assert log.read_bytes() == before
    index.close()


def test_of_a_change_that_fails_nothing_stays(tmp_path: Path) -> None:
    index = CatalogIndex(tmp_path / "index.sqlite")
    index.put(NODE_20)
    generation = index.generation

    def change() -> None:
        with index._file.changing() as (database, _):
            database.execute("DELETE FROM build")
            raise ValueError("in the middle of it")

    with pytest.raises(ValueError, match="middle"):
        change()
    assert (index.build(NODE_20.digest), index.generation) == (NODE_20, generation)
    index.close()


def test_what_was_found_in_builds_is_read_again_only_where_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, read = fake_catalog(tmp_path / "store").index, list[list[str]]()
    before = dict(index.found_names())
    assert sorted(before[NODE_DEV.digest]) == ["CVE-2026-0001", "CVE-2026-0003"]
    assert before[NGINX.digest] == ()
    index.put_scan(scan(NODE_DEV, finding("CVE-2026-0009", "bash")), "")
    findings = index.findings
    monkeypatch.setattr(index, "findings", lambda of: read.append([*of]) or findings(read[-1]))
    assert index.found_names() == {**before, NODE_DEV.digest: ("CVE-2026-0009",)}
    assert index.found_names() is index.found_names()
    assert read == [[NODE_DEV.digest], [], []]
