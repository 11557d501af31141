"""Archives and root file systems: right, deterministic, safe, never half-written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import stat
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.image import (
    Directory,
    File,
    Files,
    Hardlink,
    Special,
    Symlink,
    compress,
    layer_tar,
    make_image,
    make_manifest,
    unpack,
)

from ironhull.errors import (
    EnvironmentProblem,
    InputError,
    MalformedError,
    NotFoundError,
    UntrustedError,
)
from ironhull.oci.platform import Platform
from ironhull.store import layers as layers_module
from ironhull.store.choice import choose_manifest, machine_platform
from ironhull.store.export import whole_file, write_docker_archive, write_oci_archive
from ironhull.store.layout import REF_NAME, ImageLayout
from ironhull.store.rootfs import write_rootfs


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "layout", create=True)


def _tar(data: bytes) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(data))


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


def _rootfs(layout: ImageLayout, layers: list[Files | bytes], target: Path) -> Path:
    write_rootfs(layout, make_manifest(layout, layers), target)
    return target


def _names(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        return tar.getnames()


# -- platforms -----------------------------------------------------------------------------------


def test_the_asked_platform_is_chosen_from_an_index(layout: ImageLayout) -> None:
    image = make_image(layout, platforms=["linux/amd64", "linux/arm64"])
    chosen = choose_manifest(layout, image, Platform("linux", "arm64"))
    config = layout.document(layout.document(chosen.digest).config.digest)
    assert config.value["architecture"] == "arm64"


def test_without_a_platform_the_machine_s_is_chosen(layout: ImageLayout) -> None:
    image = make_image(layout, platforms=["linux/s390x", str(machine_platform())])
    assert choose_manifest(layout, image).platform == machine_platform()


def test_a_missing_platform_is_named_with_those_that_there_are(layout: ImageLayout) -> None:
    image = make_image(layout, platforms=["linux/amd64", "linux/arm64"])
    with pytest.raises(NotFoundError, match=r"linux/s390x .*it has: linux/amd64, linux/arm64"):
        choose_manifest(layout, image, Platform.parse("linux/s390x"))


def test_a_bare_manifest_is_refused_for_another_platform(layout: ImageLayout) -> None:
    image = make_image(layout, index=False)
    assert choose_manifest(layout, image) == image
    with pytest.raises(NotFoundError, match="is an image for linux/amd64, not for linux/arm64"):
        choose_manifest(layout, image, Platform.parse("linux/arm64"))


# -- OCI archive ---------------------------------------------------------------------------------


def test_an_oci_archive_is_a_layout_of_the_image_alone(layout: ImageLayout, tmp_path: Path) -> None:
    make_image(layout, [{"other": "x"}], names=["other:1"])
    image = make_image(layout, platforms=["linux/amd64", "linux/arm64"])
    buffer = io.BytesIO()
    write_oci_archive(layout, image, "localhost/app:1", buffer)
    unpack(_tar(buffer.getvalue()), tmp_path / "out")
    copy = ImageLayout(tmp_path / "out")
    assert copy.find("localhost/app:1").digest == image.digest
    assert set(copy.blobs) == {part.digest for part in layout.walk(image)}


def test_an_oci_archive_depends_on_nothing_but_the_image(layout: ImageLayout) -> None:
    image = make_image(layout)
    first, second = io.BytesIO(), io.BytesIO()
    write_oci_archive(layout, image, "a:1", first)
    make_image(layout, [{"other": "x"}], names=["other:1"])
    write_oci_archive(layout, image, "a:1", second)
    assert first.getvalue() == second.getvalue()


def test_a_damaged_blob_stops_the_archive(layout: ImageLayout) -> None:
    image = make_image(layout)
    layer = next(part for part in layout.walk(image) if "layer" in part.media_type)
    path = layout.blobs.path(layer.digest)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(UntrustedError, match="damaged"):
        write_oci_archive(layout, image, "a:1", io.BytesIO())


def test_a_blob_of_another_size_stops_the_archive(layout: ImageLayout) -> None:
    image = make_image(layout)
    layer = next(part for part in layout.walk(image) if "layer" in part.media_type)
    layout.blobs.path(layer.digest).write_bytes(b"short")
    with pytest.raises(UntrustedError, match="has 5 bytes, its descriptor says"):
        write_oci_archive(layout, image, "a:1", io.BytesIO())


def test_annotations_of_the_image_stay_in_an_oci_archive(layout: ImageLayout) -> None:
    image = make_image(layout, names=["app:1"])
    buffer = io.BytesIO()
    write_oci_archive(layout, layout.find("app:1"), "dhi.io/app:1", buffer)
    index = json.loads(_read(_tar(buffer.getvalue()), "index.json"))
    assert index["manifests"][0]["annotations"][REF_NAME] == "dhi.io/app:1"
    assert index["manifests"][0]["digest"] == image.digest


# -- docker archive ------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_a_docker_archive_has_uncompressed_layers_in_order(
    layout: ImageLayout, compression: str
) -> None:
    layers = [{"a": "1"}, {"b": "22"}]
    manifest = make_manifest(layout, layers, compression=compression)
    buffer = io.BytesIO()
    write_docker_archive(layout, manifest, ["localhost/app:1", "app:x"], buffer)
    tar = _tar(buffer.getvalue())
    (entry,) = json.loads(_read(tar, "manifest.json"))
    assert entry["RepoTags"] == ["localhost/app:1", "app:x"]
    assert [_read(tar, name) for name in entry["Layers"]] == [layer_tar(files) for files in layers]
    config = json.loads(_read(tar, entry["Config"]))
    assert config["rootfs"]["diff_ids"] == [
        "sha256:" + hashlib.sha256(layer_tar(files)).hexdigest() for files in layers
    ]


def test_a_layer_that_is_there_twice_is_written_once(layout: ImageLayout) -> None:
    manifest = make_manifest(layout, [{"a": "1"}, {"b": "2"}, {"a": "1"}])
    buffer = io.BytesIO()
    write_docker_archive(layout, manifest, ["app:1"], buffer)
    tar = _tar(buffer.getvalue())
    (entry,) = json.loads(_read(tar, "manifest.json"))
    assert len(entry["Layers"]) == 3
    assert len([name for name in tar.getnames() if name.endswith("layer.tar")]) == 2


def test_a_layer_with_another_content_than_the_config_says_is_refused(
    layout: ImageLayout,
) -> None:
    manifest = make_manifest(layout, [{"a": "1"}])
    layer = layout.document(manifest.digest).layers[0]
    blob, _ = compress(layer_tar({"a": "evil"}), "zstd")
    layout.blobs.path(layer.digest).write_bytes(blob)
    with pytest.raises(UntrustedError, match="the image's config says"):
        write_docker_archive(layout, manifest, ["app:1"], io.BytesIO())


def test_a_config_that_does_not_match_the_layers_is_refused(layout: ImageLayout) -> None:
    manifest = make_manifest(layout, [{"a": "1"}])
    document = layout.document(manifest.digest)
    raw = json.dumps(document.value | {"layers": []}).encode()
    digest = layout.blobs.put(raw)
    descriptor = type(manifest)(manifest.media_type, digest, len(raw))
    with pytest.raises(MalformedError, match="does not list one diff_id"):
        write_docker_archive(layout, descriptor, ["app:1"], io.BytesIO())


def test_memory_stays_flat_while_a_large_layer_goes_by(layout: ImageLayout, tmp_path: Path) -> None:
    manifest = make_manifest(layout, [{"big": bytes(64 * 1024 * 1024)}])
    tracemalloc.start()
    try:
        with (tmp_path / "big.tar").open("wb") as file:
            write_docker_archive(layout, manifest, ["app:1"], file)
        write_rootfs(layout, manifest, tmp_path / "root.tar")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


# -- hostile compression -------------------------------------------------------------------------


def test_a_layer_that_grows_without_end_is_refused(
    layout: ImageLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = make_manifest(layout, [{"big": bytes(4 * 1024 * 1024)}])
    layer = layout.document(manifest.digest).layers[0]
    with (
        layers_module.open_layer(layout, layer, limit=1024 * 1024) as stream,
        pytest.raises(MalformedError, match="more than 1048576 bytes"),
    ):
        stream.finish(layer.digest)


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
@pytest.mark.parametrize("keep", [10, 60])
def test_a_truncated_layer_is_refused(layout: ImageLayout, compression: str, keep: int) -> None:
    manifest = make_manifest(layout, [{"a": os.urandom(5000)}], compression=compression)
    layer = layout.document(manifest.digest).layers[0]
    path = layout.blobs.path(layer.digest)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises((MalformedError, UntrustedError), match="layer sha256:"):
        write_docker_archive(layout, manifest, ["app:1"], io.BytesIO())


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_garbage_after_the_first_bytes_of_a_layer_is_refused(
    layout: ImageLayout, compression: str
) -> None:
    manifest = make_manifest(layout, [{"a": "1"}], compression=compression)
    layer = layout.document(manifest.digest).layers[0]
    path = layout.blobs.path(layer.digest)
    path.write_bytes(path.read_bytes()[:4] + b"\xff" * 500)
    with pytest.raises((MalformedError, UntrustedError)):
        write_docker_archive(layout, manifest, ["app:1"], io.BytesIO())


# -- root file system ----------------------------------------------------------------------------


def test_later_layers_replace_add_and_remove(layout: ImageLayout, tmp_path: Path) -> None:
    root = _rootfs(
        layout,
        [
            {"etc/a": "old", "etc/gone": "x", "opt/d/1": "1", "opt/d/2": "2", "file": "f"},
            {"etc/a": "new", "etc/.wh.gone": "", "opt/d/.wh..wh..opq": "", "opt/d/3": "3"},
            {"file": Directory(), "file/in": "it"},
        ],
        tmp_path / "root",
    )
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert found == {"etc/a", "opt/d/3", "file/in"}
    assert (root / "etc/a").read_text() == "new"


def test_a_whiteout_spares_what_its_own_layer_brings(layout: ImageLayout, tmp_path: Path) -> None:
    root = _rootfs(
        layout,
        [
            {"d/old": "1", "e/old": "1"},
            [("d/new", "2"), ("d/.wh..wh..opq", ""), ("e/new", "2"), (".wh.e", "")],
        ],
        tmp_path / "root",
    )
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*")) == ["d", "d/new", "e", "e/new"]


def test_a_whiteout_of_one_hard_link_leaves_the_other(layout: ImageLayout, tmp_path: Path) -> None:
    root = _rootfs(
        layout,
        [{"a": "content", "b": Hardlink("a")}, {".wh.a": "", "c": Hardlink("b")}],
        tmp_path / "root",
    )
    assert sorted(os.listdir(root)) == ["b", "c"]
    assert (root / "b").read_text() == "content"
    assert (root / "b").stat().st_ino == (root / "c").stat().st_ino


def test_a_folder_behind_a_link_gets_the_files_of_later_layers(
    layout: ImageLayout, tmp_path: Path
) -> None:
    layers: list[Files | bytes] = [{"usr/lib/a": "a", "lib": Symlink("usr/lib")}, {"lib/b": "b"}]
    root = _rootfs(layout, layers, tmp_path / "root")
    assert (root / "usr/lib/b").read_text() == "b"
    assert (root / "lib").is_symlink()


@pytest.mark.parametrize("target", ["/../../outside", "../../../outside", "/outside"])
def test_links_that_lead_out_end_inside_the_image(
    layout: ImageLayout, tmp_path: Path, target: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = _rootfs(
        layout, [{"link": Symlink(target)}, {"link/planted": "x"}], tmp_path / "deep" / "root"
    )
    assert list(outside.iterdir()) == []
    assert (root / "outside/planted").read_text() == "x"


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "a/.."])
def test_a_name_that_climbs_is_refused_and_nothing_is_left(
    layout: ImageLayout, tmp_path: Path, name: str
) -> None:
    manifest = make_manifest(layout, [[("ok", "1"), (name, "x")]])
    for target in (tmp_path / "out/root", tmp_path / "out.tar"):
        with pytest.raises(MalformedError, match="leads out of the image"):
            write_rootfs(layout, manifest, target)
    assert sorted(os.listdir(tmp_path)) == ["layout"]


def test_an_absolute_name_is_below_the_root(layout: ImageLayout, tmp_path: Path) -> None:
    root = _rootfs(layout, [[("/etc/x", "1"), ("./etc//y", "2")]], tmp_path / "root")
    assert sorted(os.listdir(root / "etc")) == ["x", "y"]


@pytest.mark.parametrize(
    "files",
    [
        {"a": Hardlink("missing")},
        {"d": Directory(), "a": Hardlink("d")},
        {"f": "file", "f/below": "x"},
        {"l": Symlink("l"), "l/below": "x"},
        {"a": Hardlink("../etc/passwd")},
    ],
)
def test_impossible_trees_are_refused(layout: ImageLayout, tmp_path: Path, files: Files) -> None:
    manifest = make_manifest(layout, [files])
    with pytest.raises(MalformedError):
        write_rootfs(layout, manifest, tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_a_thousand_nested_folders_are_no_problem(layout: ImageLayout, tmp_path: Path) -> None:
    deep = "/".join(["d"] * 1500)
    manifest = make_manifest(layout, [{f"{deep}/f": "x"}, {".wh.d": ""}])
    assert write_rootfs(layout, manifest, tmp_path / "root.tar").entries == 0


def test_setuid_bits_and_devices_stay_out_of_a_folder_and_are_told(
    layout: ImageLayout, tmp_path: Path
) -> None:
    manifest = make_manifest(
        layout,
        [
            {
                "su": File(b"x", mode=0o4755),
                "null": Special(tarfile.CHRTYPE, 1, 3),
                "pipe": Special(tarfile.FIFOTYPE),
                "tmp": Directory(0o1777),
            }
        ],
    )
    summary = write_rootfs(layout, manifest, tmp_path / "root")
    assert (tmp_path / "root/su").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "root/tmp").stat().st_mode & 0o7777 == 0o1777
    assert sorted(os.listdir(tmp_path / "root")) == ["su", "tmp"]
    assert [line for line in summary.skipped if ":" in line] == [
        "null: a device or pipe",
        "pipe: a device or pipe",
        "su: its setuid or setgid bit",
    ]


def test_a_tar_keeps_modes_owners_links_and_attributes_sorted(
    layout: ImageLayout, tmp_path: Path
) -> None:
    path = _rootfs(
        layout,
        [
            {
                "z": File(b"zz", mode=0o4755, uid=65532, gid=7, mtime=1234),
                "cap": File(b"c", xattrs={"user.x": "1"}),
                "a/link": Symlink("../z"),
                "a/hard": Hardlink("z"),
            }
        ],
        tmp_path / "root.tar",
    )
    assert _names(path) == [".", "a", "a/hard", "a/link", "cap", "z"]
    with tarfile.open(path) as tar:
        hard, twin = tar.getmember("a/hard"), tar.getmember("z")
        assert (hard.mode, hard.uid, hard.gid, hard.mtime) == (0o4755, 65532, 7, 1234)
        assert twin.islnk()
        assert twin.linkname == "a/hard"
        assert tar.getmember("a/link").linkname == "../z"
        assert tar.getmember("cap").pax_headers["SCHILY.xattr.user.x"] == "1"
        assert _read(tar, "z") == b"zz"


def test_the_tar_does_not_depend_on_how_files_are_spread_over_layers(
    layout: ImageLayout, tmp_path: Path
) -> None:
    one = _rootfs(layout, [{"d": Directory(), "d/b": "2", "d/a": "1"}], tmp_path / "one.tar")
    two = _rootfs(layout, [{"d": Directory(), "d/a": "1"}, {"d/b": "2"}], tmp_path / "two.tar")
    assert one.read_bytes() == two.read_bytes()


def test_a_file_replaced_within_its_layer_has_the_last_content(
    layout: ImageLayout, tmp_path: Path
) -> None:
    root = _rootfs(layout, [[("a", "first"), ("a", "second")]], tmp_path / "root")
    assert (root / "a").read_text() == "second"


def test_names_that_are_not_utf_8_survive(layout: ImageLayout, tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    manifest = make_manifest(layout, [buffer.getvalue()])
    write_rootfs(layout, manifest, tmp_path / "root")
    assert os.listdir(os.fsencode(tmp_path / "root")) == [b"caf\xe9"]


def test_a_time_that_no_file_can_have_is_said_and_nothing_stays(
    layout: ImageLayout, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        member = tarfile.TarInfo("a")
        member.mtime = 1 << 70
        tar.addfile(member, io.BytesIO())
    manifest = make_manifest(layout, [buffer.getvalue()])
    with pytest.raises(MalformedError, match="an owner or a time in the image that no file has"):
        write_rootfs(layout, manifest, tmp_path / "out" / "root")
    assert not any((tmp_path / "out").iterdir())


def test_a_folder_that_is_not_empty_is_left_alone(layout: ImageLayout, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(InputError, match="not an empty folder"):
        write_rootfs(layout, make_manifest(layout, [{"a": "1"}]), tmp_path)
    assert (tmp_path / "mine").read_text() == "precious"


# -- nothing half-written ------------------------------------------------------------------------


def test_a_failure_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / "out.tar"
    target.write_text("old")

    def fail() -> None:
        with whole_file(target) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.tar"]


def test_a_folder_or_a_place_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"), whole_file(tmp_path):
        pass
    with (
        pytest.raises(EnvironmentProblem, match=r"cannot write .*No such file"),
        whole_file(tmp_path / "no" / "x.tar"),
    ):
        pass


def test_a_full_disk_is_told_and_leaves_nothing(layout: ImageLayout, tmp_path: Path) -> None:
    manifest = make_manifest(layout, [{"big": os.urandom(1 << 20)}])
    before = sorted(os.listdir(tmp_path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        for target in (tmp_path / "root.tar", tmp_path / "root"):
            with pytest.raises(EnvironmentProblem, match=r"cannot write .*File too large"):
                write_rootfs(layout, manifest, target)
        with (
            pytest.raises(EnvironmentProblem, match="File too large"),
            whole_file(tmp_path / "x.tar") as file,
        ):
            write_docker_archive(layout, manifest, ["a:1"], file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_compressed_name_is_not_taken_for_a_folder(layout: ImageLayout, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a plain \.tar, or a folder"):
        write_rootfs(layout, make_manifest(layout, [{"a": "1"}]), tmp_path / "x.tar.gz")


_NAMES = st.sampled_from(["a", "b", "c"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_ENTRIES = st.one_of(
    st.binary(max_size=3),
    st.just(Directory()),
    _PATHS.map(Symlink),
    st.sampled_from(["/", "..", "../..", "/a/../..", "."]).map(Symlink),
    _PATHS.map(Hardlink),
)
_WHITEOUTS = _PATHS.map(lambda path: "/".join([*path.split("/")[:-1], ".wh." + path[-1]]))
_OPAQUES = _PATHS.map(lambda path: f"{path}/.wh..wh..opq")
_LAYER = st.lists(
    st.one_of(
        st.tuples(_PATHS, _ENTRIES),
        st.tuples(_WHITEOUTS | _OPAQUES, st.just(b"")),
    ),
    max_size=6,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(_LAYER, min_size=1, max_size=4))
def test_no_image_writes_outside_of_its_folder_and_both_forms_agree(
    tmp_path_factory: pytest.TempPathFactory, layers: list[list[tuple[str, object]]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    layout = ImageLayout(folder / "layout", create=True)
    manifest = make_manifest(layout, layers, compression="none")  # type: ignore[arg-type]
    jail = folder / "jail" / "deep"
    jail.mkdir(parents=True)
    try:
        write_rootfs(layout, manifest, jail / "root")
    except MalformedError:
        with pytest.raises(MalformedError):
            write_rootfs(layout, manifest, jail / "root.tar")
        assert os.listdir(jail) == []
        return
    write_rootfs(layout, manifest, jail / "root.tar")
    assert os.listdir(folder / "jail") == ["deep"]
    assert sorted(os.listdir(jail)) == ["root", "root.tar"]
    on_disk = {str(p.relative_to(jail / "root")) for p in (jail / "root").rglob("*")}
    assert {name for name in _names(jail / "root.tar") if name != "."} == on_disk
    assert not [name for name in on_disk if ".wh." in name]


def test_a_pipe_is_written_into_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with whole_file(pipe) as file:
            file.write(b"said")
        assert os.read(reader, 10) == b"said"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_full_device_is_said_and_stays_a_device(tmp_path: Path) -> None:
    full = tmp_path / "full"
    try:
        os.mknod(full, stat.S_IFCHR | 0o666, os.makedev(1, 7))
        full.open("wb").close()
    except PermissionError:
        pytest.skip("devices can only be made by root")
    with (
        pytest.raises(EnvironmentProblem, match=r"cannot write .*full: No space left"),
        whole_file(full) as file,
    ):
        file.write(b"x")
    assert full.is_char_device()


def test_what_a_link_points_to_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "latest.tar"
    link.symlink_to(tmp_path / "there" / "x.tar")
    with whole_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert (tmp_path / "there" / "x.tar").read_bytes() == b"new"
