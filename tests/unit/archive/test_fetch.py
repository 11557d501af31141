from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.mirror import (
    FakeDeb,
    FakeMirror,
    flipped,
    make_repository,
    serving,
    shortened,
    status,
    truncated,
    usual,
)

from ironhull.archive.fetch import MirrorSource, Snapshot, address, in_parallel, pool_path
from ironhull.archive.interface import Download, Repository
from ironhull.archive.transfer import PATIENCE, Transfer
from ironhull.debian.names import BinaryName, DebianVersion, SourceName
from ironhull.debian.package import BinaryPackage
from ironhull.errors import (
    EnvironmentProblem,
    InputError,
    MalformedError,
    NetworkError,
    NotFoundError,
    UntrustedError,
)
from ironhull.oci.digest import Digest
from ironhull.progress import Silent
from ironhull.store.blobs import BlobStore

DEBS = [FakeDeb.make(f"p{n}", f"1:{n}.0+x~1-1") for n in range(12)]
CREATED = "2026-11-23T04:05:06Z"


def wanted(deb: FakeDeb, repository: str = "debian") -> BinaryPackage:
    return BinaryPackage(
        name=BinaryName(deb.name),
        version=DebianVersion(deb.version),
        architecture=deb.architecture,
        source=SourceName(deb.name),
        source_version=DebianVersion(deb.version),
        sha256=Digest(deb.sha256),
        size=len(deb.data),
        installed_size=1,
        path=deb.path,
        repository=repository,
        suite="trixie",
        component=deb.component,
    )


def quick(note: Callable[[str], None]) -> Download:
    return Transfer(replace(PATIENCE, idle=0.5, whole=5, first_wait=0.01), note=note)


def never(note: Callable[[str], None]) -> Download:
    raise AssertionError("something was asked of the network")


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "cache/packages")


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[FakeMirror]:
    with serving(make_repository(tmp_path / "mirror", DEBS)) as mirror:
        yield mirror


def source(uri: str, store: BlobStore, **options: object) -> MirrorSource:
    repositories = [Repository("debian", uri, ("trixie",))]
    return MirrorSource(repositories, store, **{"transfer": quick, **options})  # type: ignore[arg-type]


class Counter(Silent):
    """Progress that adds up."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self._guard = threading.Lock()

    def start(self, step: str, total: int | None, unit: str) -> Callable[[int], None]:
        self.total = total or 0
        return self._advance

    def _advance(self, amount: int) -> None:
        with self._guard:
            self.done += amount


def test_all_packages_come_into_the_store(mirror: FakeMirror, store: BlobStore) -> None:
    counter = Counter()
    source(mirror.url, store).fetch([wanted(deb) for deb in DEBS], counter)
    assert {store.read(Digest(deb.sha256)) for deb in DEBS} == {deb.data for deb in DEBS}
    assert counter.done == counter.total == sum(len(deb.data) for deb in DEBS)
    assert sorted(mirror.paths()) == sorted(f"/{deb.path}" for deb in DEBS)


def test_what_the_store_has_is_not_asked_for(mirror: FakeMirror, store: BlobStore) -> None:
    source(mirror.url, store).fetch([wanted(deb) for deb in DEBS[:3]], Silent())
    before = len(mirror.requests)
    again = source(mirror.url, store, transfer=never)
    again.fetch([wanted(deb) for deb in DEBS[:3]], Silent())
    source("http://nowhere.invalid", store, offline=True).fetch([wanted(DEBS[0])], Silent())
    assert len(mirror.requests) == before


def test_one_package_wanted_twice_comes_once(mirror: FakeMirror, store: BlobStore) -> None:
    source(mirror.url, store).fetch([wanted(DEBS[0])] * 3, Silent())
    assert len(mirror.requests) == 1


def test_offline_names_what_is_missing(store: BlobStore) -> None:
    offline = source("http://nowhere.invalid", store, offline=True, transfer=never)
    with pytest.raises(
        EnvironmentProblem, match=r"2 locked packages cannot be had offline"
    ) as caught:
        offline.fetch([wanted(DEBS[0]), wanted(DEBS[1])], Silent())
    assert "p0 1:0.0+x~1-1 (amd64)" in str(caught.value)


def test_a_folder_does_as_a_mirror(tmp_path: Path, store: BlobStore) -> None:
    make_repository(tmp_path / "a folder", DEBS)
    source((tmp_path / "a folder").as_uri(), store).fetch([wanted(d) for d in DEBS], Silent())
    assert set(store) == {deb.sha256 for deb in DEBS}


def test_every_package_that_the_mirror_dropped_is_named_with_the_way_out(
    mirror: FakeMirror, store: BlobStore
) -> None:
    for deb in DEBS[:2]:
        (mirror.root / deb.path).unlink()
    with pytest.raises(NotFoundError, match="2 locked packages cannot be had") as caught:
        source(mirror.url, store).fetch([wanted(deb) for deb in DEBS], Silent())
    text = str(caught.value)
    assert "p0 1:0.0+x~1-1 (amd64), from debian" in text
    assert "p1 1:1.0+x~1-1" in text
    assert "p2" not in text
    assert "--update" in text
    assert "snapshot" in text
    assert {deb.sha256 for deb in DEBS[2:]} == set(store)


def test_what_the_mirror_dropped_comes_from_the_snapshot(tmp_path: Path, store: BlobStore) -> None:
    make_repository(tmp_path / "mirror", DEBS[1:])
    make_repository(tmp_path / "mirror/old/debian/20261123T040506Z", DEBS[:1])
    with serving(tmp_path / "mirror") as mirror:
        snapshot = Snapshot(f"{mirror.url}/old/{{archive}}/{{timestamp}}/", CREATED)
        source(mirror.url, store, snapshot=snapshot).fetch([wanted(deb) for deb in DEBS], Silent())
        assert sum("/old/" in path for path in mirror.paths()) == 1
    assert set(store) == {deb.sha256 for deb in DEBS}


def test_a_snapshot_setting_without_a_time_is_refused() -> None:
    with pytest.raises(InputError, match="timestamp"):
        Snapshot("http://x.example/", CREATED).root("debian")
    with pytest.raises(MalformedError, match="not a date"):
        Snapshot("http://x.example/{timestamp}", "yesterday").root("debian")


@pytest.mark.parametrize("fault", [flipped(100), shortened(50)])
def test_wrong_bytes_never_reach_the_store(mirror: FakeMirror, store: BlobStore, fault) -> None:  # type: ignore[no-untyped-def]
    mirror.fail(DEBS[0].path, fault)
    counter = Counter()
    with pytest.raises(UntrustedError, match="a mirror gives wrong bytes") as caught:
        source(mirror.url, store).fetch([wanted(deb) for deb in DEBS], counter)
    assert DEBS[0].sha256[7:] in str(caught.value)
    assert "expected" in str(caught.value)
    assert set(store) == {deb.sha256 for deb in DEBS[1:]}
    assert counter.done == sum(len(deb.data) for deb in DEBS[1:])
    assert not list((store.root.parent / "tmp").iterdir())


def test_wrong_bytes_of_a_cache_on_the_way_are_asked_for_again_without_it(
    mirror: FakeMirror, store: BlobStore
) -> None:
    mirror.fail(DEBS[0].path, flipped(), usual)
    source(mirror.url, store).fetch([wanted(DEBS[0])], Silent())
    assert [r.headers.get("cache-control") for r in mirror.requests] == [None, "no-cache"]


def test_a_truncated_package_is_completed_or_named(mirror: FakeMirror, store: BlobStore) -> None:
    mirror.fail(DEBS[0].path, truncated(100), usual)
    source(mirror.url, store).fetch([wanted(DEBS[0])], Silent())
    mirror.fail(DEBS[1].path, truncated(0))
    with pytest.raises(NetworkError, match=r"p1.*the transfer broke off"):
        source(mirror.url, store).fetch([wanted(DEBS[1])], Silent())


def test_a_server_in_trouble_is_a_matter_of_the_network(
    mirror: FakeMirror, store: BlobStore
) -> None:
    mirror.fail(DEBS[0].path, status(500))
    (mirror.root / DEBS[1].path).unlink()
    with pytest.raises(NetworkError, match="2 locked packages") as caught:
        source(mirror.url, store).fetch([wanted(deb) for deb in DEBS], Silent())
    assert "Try again" in str(caught.value)


def test_a_disk_that_is_full_stops_all(tmp_path: Path, mirror: FakeMirror) -> None:
    full = BlobStore(tmp_path / "file/packages")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EnvironmentProblem, match="cannot write"):
        source(mirror.url, full).fetch([wanted(deb) for deb in DEBS], Silent())


def test_a_repository_that_is_not_configured_is_named(store: BlobStore) -> None:
    with pytest.raises(InputError, match=r"'other', which is not configured .there are: debian"):
        source("http://x.invalid", store, transfer=never).fetch(
            [wanted(DEBS[0], "other")], Silent()
        )


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a/..", "a\nb", ".", "a/"]
)
def test_paths_that_leave_the_repository_are_refused(path: str, store: BlobStore) -> None:
    with pytest.raises(MalformedError, match="not a path inside a repository"):
        pool_path(path)
    evil = replace(wanted(DEBS[0]), sha256=Digest("sha256:" + "0" * 64), size=1, path=path)
    with pytest.raises(MalformedError):
        source("http://x.invalid", store, transfer=quick).fetch([evil], Silent())


def test_paths_are_quoted() -> None:
    assert (
        address("http://x", pool_path("./p/a+b_1%3a2~x?#.deb"))
        == "http://x/p/a%2Bb_1%253a2~x%3F%23.deb"
    )


def test_a_failure_stops_work_that_has_not_begun() -> None:
    done: list[int] = []
    stopped: list[bool] = []

    def work(item: int) -> int:
        if item == 0:
            raise NetworkError("no")
        done.append(item)
        return item

    with pytest.raises(NetworkError, match="no"):
        in_parallel(work, list(range(1000)), 2, lambda: stopped.append(True))
    assert stopped == [True]
    assert len(done) < 1000
    assert in_parallel(work, [3, 2, 1], 2, list) == [3, 2, 1]
