import io
import json
import multiprocessing
import os
import signal
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from tests.fakes.deb import file, make_deb, program
from tests.fakes.definition import AMD64, ARM64, definition, lock, locked, place
from tests.fakes.elsewhere import NOTHING_ELSEWHERE

from ironhull.build.built import BuiltImage
from ironhull.build.compose import MAX_LAYERS, group
from ironhull.build.compression import Compression
from ironhull.build.image import build_image
from ironhull.build.request import BuildOptions
from ironhull.definition.model import FileRequest, ImageDefinition, Keep, PathEdit, PathKind
from ironhull.errors import (
    CheckFailedError,
    DefinitionError,
    EnvironmentProblem,
    InputError,
    MalformedError,
)
from ironhull.lock.model import Lock, LockedPackage
from ironhull.oci.digest import digest_of
from ironhull.progress import Silent
from ironhull.store.blobs import BlobStore
from ironhull.store.clean import prune, verify
from ironhull.store.home import Home
from ironhull.store.layout import ImageLayout


def app(name: str = "app", content: str = "app", **more) -> bytes:
    files = {f"usr/bin/{name}": program(content), f"usr/share/doc/{name}/copyright": file("MIT")}
    return make_deb(name, "1.0-1", files=files | more.pop("files", {}), **more)


def packages(home: Home, *names: str) -> list[LockedPackage]:
    return [locked(home, name, app(name, "x" * 5000)) for name in names]


def built(home: Home, of: ImageDefinition, by: Lock, **options) -> BuiltImage:
    chosen = BuildOptions(
        Compression.parse(options.pop("compression", "zstd:3")),
        options.pop("platforms", (AMD64,)),
        options.pop("jobs", 2),
    )
    said = options.pop("progress", Silent())
    return build_image(of, by, home, NOTHING_ELSEWHERE, chosen, said)


def layer_names(home: Home, image: BuiltImage, index: int = -1) -> dict[str, bytes]:
    manifest = home.store.document(image.platforms[0].digest)
    raw = home.store.blobs.read(manifest.layers[index].digest)
    data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {
            member.name: (tar.extractfile(member).read() if member.isreg() else b"")
            for member in tar
        }


def test_an_image_is_an_index_with_a_layer_a_package_and_its_own(tmp_path):
    home = Home(tmp_path)
    image = built(home, definition(cmd=("app",)), lock(packages(home, "app", "lib")))
    index = home.store.document(image.descriptor.digest)
    assert index.is_index
    manifest = home.store.document(image.platforms[0].digest)
    assert len(manifest.layers) == 3
    config = json.loads(home.store.blobs.read(manifest.config.digest))
    assert config["config"]["User"] == "65532:65532"
    assert config["created"] == "2026-11-22T02:09:05Z"
    assert len(config["history"]) == len(config["rootfs"]["diff_ids"]) == 3
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert image.platforms[0].packages[0].name == "app"
    assert {
        item.annotations["org.opencontainers.image.ref.name"] for item in home.store.descriptors()
    } == {"app:1", "app:1-debian13", "app:1-debian13-20261122.1"}


@pytest.mark.parametrize("version", ["20.19.2", ""])
def test_the_version_is_the_definitions_and_not_just_any_variable_of_the_lock(tmp_path, version):
    home = Home(tmp_path)
    by = replace(lock(packages(home, "app")), variables={"ALPHA": "9.2", "VERSION": "1"})
    image = built(home, definition(version=version), by)
    index = home.store.document(image.descriptor.digest)
    manifest = home.store.document(image.platforms[0].digest)
    labels = json.loads(home.store.blobs.read(manifest.config.digest))["config"]["Labels"]
    key = "org.opencontainers.image.version"
    notes = [document.value["annotations"] for document in (manifest, index)]
    said = [where.get(key, "") for where in (labels, *notes)]
    assert said == [version] * 3


def test_an_image_is_built_again_when_its_version_is_another_variable(tmp_path):
    home = Home(tmp_path)
    of, by = definition(), lock(packages(home, "app"))
    first = built(home, of, by)
    second = built(home, replace(of, version="2"), by)
    assert first.descriptor.digest != second.descriptor.digest


def both(home: Home) -> tuple[ImageDefinition, Lock]:
    return definition(platforms=(AMD64, ARM64)), lock(packages(home, "app"), (AMD64, ARM64))


def platforms_of(home: Home, name: str) -> list[str]:
    index = home.store.document(home.store.find(name).digest)
    return [str(manifest.platform) for manifest in index.manifests]


@pytest.mark.parametrize("order", [(AMD64, ARM64), (ARM64, AMD64)])
def test_platforms_that_are_built_one_after_the_other_come_into_one_index(tmp_path, order):
    home = Home(tmp_path)
    of, by = both(home)
    for platform in (*order, order[0]):
        image = built(home, of, by, platforms=(platform,))
    whole = built(
        Home(tmp_path / "other"), *both(Home(tmp_path / "other")), platforms=(AMD64, ARM64)
    )
    assert image.descriptor.digest == whole.descriptor.digest
    assert platforms_of(home, "app:1") == ["linux/amd64", "linux/arm64"]
    assert [each.platform for each in image.platforms] == ["linux/amd64", "linux/arm64"]
    assert image.tags[:2] == whole.tags[:2]


def test_a_tag_does_not_move_to_an_image_of_another_lock_without_its_platforms(tmp_path):
    home = Home(tmp_path)
    of, by = both(home)
    first = built(home, of, by, platforms=(AMD64, ARM64))
    newer = replace(by, created="2026-11-24T00:00:00Z")
    notes = []
    said = Silent()
    said.note = notes.append
    second = built(home, of, newer, platforms=(ARM64,), progress=said)
    assert home.store.find("app:1").digest == first.descriptor.digest
    assert second.tags == ("1-debian13-20261124.1",)
    assert platforms_of(home, "app:1-debian13-20261124.1") == ["linux/arm64"]
    assert "app:1 stays what it was" in notes[0]
    third = built(home, of, newer, platforms=(AMD64, ARM64))
    assert home.store.find("app:1").digest == third.descriptor.digest


def test_the_same_inputs_give_the_same_digest_from_an_empty_cache_with_any_jobs(tmp_path):
    digests = set()
    for number, jobs in enumerate((1, 2, 7)):
        home = Home(tmp_path / str(number))
        of, by = definition(cmd=("app",)), lock(packages(home, "app", "b", "c", "d"))
        digests.add(built(home, of, by, jobs=jobs).descriptor.digest)
    assert len(digests) == 1


def test_nothing_changed_makes_nothing(tmp_path):
    home = Home(tmp_path)
    of, by = definition(), lock(packages(home, "app"))
    first = built(home, of, by)
    assert (first.layers_made, first.layers_reused) == (1, 0)
    second = built(home, of, by)
    assert second == first
    assert second.layers_made == 0


def test_a_lost_blob_is_made_again(tmp_path):
    home = Home(tmp_path)
    of, by = definition(), lock(packages(home, "app"))
    first = built(home, of, by)
    layer = home.store.document(first.platforms[0].digest).layers[0]
    home.store.blobs.remove(layer.digest)
    again = built(home, of, by)
    assert again.descriptor == first.descriptor
    assert home.store.blobs.has(layer.digest)


def test_a_changed_package_changes_its_layer_only(tmp_path):
    home = Home(tmp_path)
    old = packages(home, "app", "lib")
    built(home, definition(), lock(old))
    new = [old[0], locked(home, "lib", app("lib", "fixed"))]
    image = built(home, definition(), lock(new))
    assert (image.layers_made, image.layers_reused) == (1, 1)


def test_another_definition_of_the_same_day_gets_another_immutable_tag(tmp_path):
    home = Home(tmp_path)
    by = lock(packages(home, "app"))
    first = built(home, definition(), by)
    second = built(home, definition(labels={"a": "b"}), by)
    assert first.tags[-1] == "1-debian13-20261122.1"
    assert second.tags[-1] == "1-debian13-20261122.2"
    assert home.store.find("app:1").digest == second.descriptor.digest
    assert home.store.find("app:1-debian13-20261122.1").digest == first.descriptor.digest


def test_a_failed_check_publishes_nothing(tmp_path):
    home = Home(tmp_path)
    of = definition(cmd=("none",))
    with pytest.raises(CheckFailedError, match="'none', which the image starts, is not in it"):
        built(home, of, lock(packages(home, "app", "bash")))
    assert home.store.descriptors() == []


def test_a_shell_fails_the_check_unless_the_definition_keeps_it(tmp_path):
    home = Home(tmp_path)
    by = lock(packages(home, "bash"))
    with pytest.raises(CheckFailedError, match=r"no-shell:\n    /usr/bin/bash"):
        built(home, definition(), by)
    built(home, definition(keep=Keep(shell=True)), by)


def test_two_packages_with_one_file_are_refused(tmp_path):
    home = Home(tmp_path)
    shared = {"usr/lib/x": file("1")}
    both = [locked(home, name, app(name, files=shared)) for name in ("a", "b")]
    with pytest.raises(InputError, match="/usr/lib/x: file of both a and b"):
        built(home, definition(), lock(both))


def test_every_platform_gets_a_manifest_and_shares_what_is_for_all(tmp_path):
    home = Home(tmp_path)
    data = make_deb("data", "1.0-1", architecture="all", files={"usr/share/x": file("1")})
    by = lock([locked(home, "data", data, architecture="all")], (AMD64, ARM64))
    image = built(home, definition(platforms=(AMD64, ARM64)), by, platforms=(AMD64, ARM64))
    assert [built.platform for built in image.platforms] == ["linux/amd64", "linux/arm64"]
    assert image.layers_made == 1


def test_deleted_and_added_paths_are_in_the_own_layer(tmp_path):
    home = Home(tmp_path)
    paths = (
        PathEdit(PathKind.DELETE, "/usr/bin/app", place()),
        PathEdit(PathKind.FILE, "/etc/x", place(), content=b"hello"),
    )
    image = built(home, definition(paths=paths), lock(packages(home, "app")))
    own = layer_names(home, image)
    assert own["etc/x"] == b"hello"
    assert "usr/bin/.wh.app" in own
    assert own["var/lib/dpkg/status.d/app.md5sums"].count(b"usr/bin/app") == 0


def test_a_squashed_image_has_one_layer_with_each_path_once(tmp_path):
    home = Home(tmp_path)
    paths = (PathEdit(PathKind.DELETE, "/usr/bin/app", place()),)
    of = definition(paths=paths, squashed=True)
    image = built(home, of, lock(packages(home, "app", "lib")))
    assert image.platforms[0].layers == 1
    names = layer_names(home, image)
    assert "usr/bin/lib" in names
    assert "usr/bin/app" not in names
    assert "etc/passwd" in names
    assert not any(".wh." in name for name in names)


def test_a_fetched_file_is_checked_and_has_a_layer(tmp_path):
    home = Home(tmp_path / "home")
    data = b"data of the file"
    (tmp_path / "extra.bin").write_bytes(data)
    request = FileRequest(
        (tmp_path / "extra.bin").as_uri(), digest_of(data), "/opt/extra", place(), 7, 8, 0o640
    )
    image = built(home, definition(files=(request,)), lock(packages(home, "app")))
    assert layer_names(home, image, 1)["opt/extra"] == data
    wrong = replace(request, checksum=digest_of(b"another"))
    with pytest.raises(DefinitionError, match=r"1\.yaml:7:3: file:.*should be sha256"):
        built(home, definition(files=(wrong,)), lock(packages(home, "app")))


def test_a_fetched_archive_is_unpacked_by_its_filters(tmp_path):
    home = Home(tmp_path / "home")
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("d/keep.txt", "d/drop.md", "e/keep.txt"):
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, io.BytesIO(b"1"))
    request = FileRequest(
        archive.as_uri(), digest_of(archive.read_bytes()), "/opt/", place(),
        includes=("d/*",), excludes=("*.md",),
    )  # fmt: skip
    image = built(home, definition(files=(request,)), lock(packages(home, "app")))
    names = layer_names(home, image, 1)
    assert "opt/d/keep.txt" in names
    assert not {"opt/d/drop.md", "opt/e/keep.txt"} & set(names)


def test_an_archive_that_climbs_is_refused_at_its_place(tmp_path):
    home = Home(tmp_path / "home")
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo("../../etc/passwd"))
    request = FileRequest(archive.as_uri(), digest_of(archive.read_bytes()), "/opt/", place())
    with pytest.raises(DefinitionError, match="leaves the archive's root"):
        built(home, definition(files=(request,)), lock(packages(home, "app")))


def test_a_damaged_package_stops_the_others_and_publishes_nothing(tmp_path):
    home = Home(tmp_path)
    good = packages(home, *(f"p{n}" for n in range(5)))
    bad = locked(home, "bad", app("bad", truncated=200))
    with pytest.raises(MalformedError, match=r"bad 1\.0-1"):
        built(home, definition(), lock([*good, bad]))
    assert home.store.descriptors() == []


def test_an_image_never_has_too_many_layers_and_small_packages_share(tmp_path):
    home = Home(tmp_path)
    many = [locked(home, f"p{n:03}", make_deb(f"p{n:03}", "1.0-1")) for n in range(150)]
    groups = group(many)
    assert len(groups) <= MAX_LAYERS
    assert sorted(p.name for members in groups for p in members) == [p.name for p in many]
    assert group(list(reversed(many))) == groups


def test_an_update_moves_no_other_package_to_another_shared_layer(tmp_path):
    home = Home(tmp_path)
    many = [locked(home, f"p{n:03}", make_deb(f"p{n:03}", "1.0-1")) for n in range(150)]
    before = {tuple(p.name for p in members) for members in group(many)}
    newer = replace(many[149], version="1.0-2", sha256=digest_of(b"newer"))
    after = {tuple(p.name for p in members) for members in group([*many[:149], newer])}
    assert before == after


def _build_for_ever(root: str) -> None:
    home = Home(Path(root))
    for number in range(10_000):
        content = {"usr/share/x": file(os.urandom(200_000))}
        deb = app("app", str(number), files=content)
        built(home, definition(labels={"n": str(number)}), lock([locked(home, "app", deb)]))


@pytest.mark.parametrize("moment", [0.05, 0.15, 0.3, 0.45, 0.6])
def test_killed_at_any_moment_the_store_is_whole_and_the_next_build_succeeds(tmp_path, moment):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_build_for_ever, args=(str(tmp_path),))
    process.start()
    deadline = time.monotonic() + 30
    while not (tmp_path / "store" / "index.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(moment)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    home = Home(tmp_path)
    assert verify(home, Silent()) == []
    image = built(home, definition(), lock(packages(home, "app")))
    assert home.store.find("app:1").digest == image.descriptor.digest
    # With the usual grace for blobs: what was being written is nobody's any more.
    prune(home, layers=True, packages=False, unused=True)
    assert not list((tmp_path / "store" / "tmp").iterdir())
    prune(home, layers=True, packages=False, unused=True, grace=-1)
    assert verify(home, Silent()) == []


def _build_once(root: str, number: int) -> None:
    home = Home(Path(root))
    of = definition(image=f"app{number}")
    built(home, of, lock(packages(home, "app", "b", "c")))


def test_two_builds_at_once_share_the_store(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_build_once, args=(str(tmp_path), n)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    home = Home(tmp_path)
    assert verify(home, Silent()) == []
    assert {home.store.find(f"app{n}:1").media_type for n in range(4)} == {
        "application/vnd.oci.image.index.v1+json"
    }


def archive_of(mode: str, **members: bytes) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode=mode) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def fetched(folder: Path, name: str, data: bytes, to: str = "/opt/", query: str = "", **more):
    (folder / name).write_bytes(data)
    return FileRequest(
        (folder / name).as_uri() + query, digest_of(data), to, place(), **more
    )  # fmt: skip


def test_a_fetched_file_and_a_complete_database_go_together(tmp_path):
    home = Home(tmp_path / "home")
    request = fetched(tmp_path, "app", b"data", "/opt/data")
    of = definition(files=(request,), keep=Keep(package_database="dpkg"))
    image = built(home, of, lock(packages(home, "app")))
    own = layer_names(home, image)
    assert own["var/lib/dpkg/status"].count(b"Package:") == 1
    assert b"/opt/data" not in own["var/lib/dpkg/info/app.list"]
    assert b"usr/bin/app" in own["var/lib/dpkg/info/app.md5sums"]


def test_the_digest_does_not_depend_on_what_was_built_before_from_the_same_bytes(tmp_path):
    (tmp_path / "other").mkdir()
    first = fetched(tmp_path, "a.bin", b"data", "/opt/data")
    second = fetched(tmp_path / "other", "b.bin", b"data", "/opt/data")
    used, fresh = Home(tmp_path / "used"), Home(tmp_path / "fresh")
    built(used, definition(files=(first,)), lock(packages(used, "app")))
    of = definition(files=(second,))
    after = built(used, of, lock(packages(used, "app")))
    assert after.descriptor == built(fresh, of, lock(packages(fresh, "app"))).descriptor


@pytest.mark.parametrize("name", ["run", "tool.tar.gz"])
def test_programs_in_fetched_files_are_checked_too(tmp_path, name):
    home = Home(tmp_path / "home")
    data = b"#!/bin/nowhere\n"
    request = fetched(tmp_path, name, data, "/opt/run", mode=0o755)
    if name != "run":
        request = fetched(tmp_path, name, archive_of("w:gz", run=data))
    with pytest.raises(CheckFailedError, match="/opt/run needs /bin/nowhere"):
        built(home, definition(files=(request,)), lock(packages(home, "app")))


def test_a_fetched_authority_gets_into_the_bundle(tmp_path):
    home = Home(tmp_path / "home")
    path = "/usr/share/ca-certificates/own/own.crt"
    request = fetched(tmp_path, "own.crt", b"-----our own-----", path)
    image = built(home, definition(files=(request,)), lock(packages(home, "app")))
    assert layer_names(home, image)["etc/ssl/certs/ca-certificates.crt"] == b"-----our own-----\n"


def test_an_archive_s_address_may_have_a_query(tmp_path):
    home = Home(tmp_path / "home")
    request = fetched(tmp_path, "x.tar.gz", archive_of("w:gz", a=b"1"), query="?raw=1")
    image = built(home, definition(files=(request,)), lock(packages(home, "app")))
    assert layer_names(home, image, 1)["opt/a"] == b"1"


def damaged(data: bytes) -> bytes:
    return data[:40] + bytes(byte ^ 0xFF for byte in data[40:60]) + data[60:]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.tar.gz", damaged(archive_of("w:gz", a=os.urandom(999))), "damaged archive"),
        ("x.tar.xz", damaged(archive_of("w:xz", a=os.urandom(999))), "damaged archive"),
        ("x.tar.bz2", damaged(archive_of("w:bz2", a=os.urandom(999))), "damaged archive|cut off"),
        ("x.tar", archive_of("w", **{"etc/.wh.passwd": b""}), "other layers"),
        ("x.tar", archive_of("w", a=b"1") * 2, ""),
    ],
)
def test_a_bad_archive_is_an_error_at_its_place(tmp_path, name, data, message):
    home = Home(tmp_path / "home")
    request = fetched(tmp_path, name, data)
    if not message:
        # What follows the end of an archive is not part of it.
        built(home, definition(files=(request,)), lock([]))
        return
    with pytest.raises(DefinitionError, match=rf"1\.yaml:7:3: .*({message})"):
        built(home, definition(files=(request,)), lock([]))


@pytest.mark.parametrize("name", ["none", "."])
def test_a_local_file_that_cannot_be_read_is_an_error_at_its_place(tmp_path, name):
    home = Home(tmp_path / "home")
    request = FileRequest((tmp_path / name).as_uri(), digest_of(b""), "/opt/x", place())
    with pytest.raises(DefinitionError, match=r"1\.yaml:7:3: .*(No such file|Is a directory)"):
        built(home, definition(files=(request,)), lock([]))


def test_a_blob_that_was_cut_off_is_made_again(tmp_path):
    home = Home(tmp_path)
    of, by = definition(), lock(packages(home, "app"))
    first = built(home, of, by)
    layer = home.store.document(first.platforms[0].digest).layers[0]
    home.store.blobs.path(layer.digest).write_bytes(b"")
    again = built(home, of, by)
    assert again.descriptor == first.descriptor
    assert verify(home, Silent()) == []


def test_a_clean_up_while_a_build_runs_leaves_no_image_without_its_layers(tmp_path, monkeypatch):
    home = Home(tmp_path)
    of, by = definition(), lock(packages(home, "app"))
    times = iter((True, False))

    def hooked(self: ImageLayout, change) -> None:
        if next(times, False):
            prune(home, layers=True, packages=False, unused=True, grace=-1)
        original(self, change)

    original = ImageLayout.change
    monkeypatch.setattr(ImageLayout, "change", hooked)
    image = built(home, of, by)
    assert home.store.find("app:1").digest == image.descriptor.digest
    assert verify(home, Silent()) == []


def test_a_store_that_is_emptied_all_the_time_is_an_error_that_says_so(tmp_path, monkeypatch):
    home = Home(tmp_path)
    original = ImageLayout.change

    def hooked(self: ImageLayout, change) -> None:
        prune(home, layers=True, packages=False, unused=True, grace=-1)
        original(self, change)

    monkeypatch.setattr(ImageLayout, "change", hooked)
    with pytest.raises(EnvironmentProblem, match=r"vanish from .* build again"):
        built(home, definition(), lock(packages(home, "app")))


def test_a_package_that_vanishes_before_it_is_read_is_an_error_that_says_so(tmp_path, monkeypatch):
    home = Home(tmp_path)
    by = lock(packages(home, "app"))
    (package,) = by.platforms["linux/amd64"].packages
    monkeypatch.setattr(BlobStore, "has", lambda self, digest, size=None: True)
    home.packages.remove(package.sha256)
    with pytest.raises(EnvironmentProblem, match=r"app 1\.0-1 \(amd64\): .* is gone"):
        built(home, definition(), by)


def test_a_decided_overlap_in_a_shared_layer_is_once_in_a_squashed_image(tmp_path):
    home = Home(tmp_path)
    many = [locked(home, f"p{n:03}", make_deb(f"p{n:03}", "1.0-1", files={
        f"usr/share/p{n}": file(os.urandom(2000))})) for n in range(100)]  # fmt: skip
    both = [
        replace(
            locked(home, name, make_deb(name, "1.0-1", files={"etc/x": file(text)})), source="s"
        )
        for name, text in (("aa", "short"), ("ab", "a much longer one " * 100))
    ]
    of = definition(squashed=True, keep=Keep(overlaps=("/etc/x",)))
    found = layer_names(home, built(home, of, lock([*many, *both])))
    assert found["etc/x"] == b"a much longer one " * 100
    assert {f"usr/share/p{n}" for n in range(100)} <= set(found)
