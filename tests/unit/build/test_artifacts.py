"""Files out of other images, and out of zip archives: a layer each, path-safe, and told whose."""

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from tests.fakes.definition import AMD64, ARM64, definition, lock, place
from tests.fakes.elsewhere import NOTHING_ELSEWHERE
from tests.fakes.image import File, Hardlink, Special, Symlink, make_image
from tests.unit.build.test_image import layer_names, packages

from ironhull.build.built import BuiltImage
from ironhull.build.compression import Compression
from ironhull.build.image import build_image
from ironhull.build.origins import Origin, OriginKind, read_origins
from ironhull.build.request import BuildOptions
from ironhull.definition.model import ArtifactRequest, FileRequest, ImageDefinition
from ironhull.errors import DefinitionError, InputError, NetworkError, NotFoundError
from ironhull.oci.digest import digest_of
from ironhull.progress import Silent
from ironhull.settings import Settings
from ironhull.store.home import Home
from ironhull.transport.patience import Broken, GaveUp
from ironhull.workspace.machine import Machine
from ironhull.workspace.pulled import PulledImages


def built(home: Home, of: ImageDefinition) -> BuiltImage:
    images = PulledImages(Machine(Settings(home.root, home.root, offline=True), Silent()))
    options = BuildOptions(Compression.parse("zstd:3"), (AMD64,))
    elsewhere = replace(NOTHING_ELSEWHERE, images=images)
    return build_image(of, lock(packages(home, "app")), home, elsewhere, options, Silent())


def artifact(home: Home, *layers: dict, **more) -> ArtifactRequest:
    made = make_image(home.store, layers, names=["tools:1"])
    return ArtifactRequest("registry.example/tools:1", made.digest, place(), **more)


TOOL = {"opt/tool/run": "#!/bin/true\n", "opt/tool/README.md": "x", "etc/tool.conf": "a"}


def test_files_of_another_image_are_a_layer_of_their_own(tmp_path):
    home = Home(tmp_path)
    upper = {"opt/tool/run": "#!/bin/false\n", "etc/.wh.tool.conf": ""}
    wanted = artifact(home, TOOL, upper, includes=("opt/tool", "etc"), excludes=("*.md",), uid=7)
    image = built(home, definition(artifacts=(wanted,)))
    names = layer_names(home, image, 1)
    # As the image has it in the end: replaced, deleted, left out.
    assert {name for name in names if names[name]} == {"opt/tool/run"}
    assert names["opt/tool/run"] == b"#!/bin/false\n"
    origins = read_origins(home, image.platforms[0].digest)
    name = f"registry.example/tools:1 ({wanted.digest})"
    assert origins.paths["opt/tool/run"] == Origin(OriginKind.FETCHED, name)
    (fetched,) = origins.fetched
    assert fetched.url == f"oci://registry.example/tools:1@{wanted.digest}"
    assert fetched.digest == wanted.digest


def test_the_same_artifact_gives_the_same_image_in_another_home(tmp_path):
    digests = set()
    for name in ("a", "b"):
        home = Home(tmp_path / name)
        wanted = artifact(home, TOOL, includes=("opt",))
        digests.add(built(home, definition(artifacts=(wanted,))).descriptor.digest)
    assert len(digests) == 1


def test_what_is_linked_twice_is_there_once(tmp_path):
    home = Home(tmp_path)
    links = {"opt/a": "content", "opt/b": Hardlink("opt/a")}
    image = built(home, definition(artifacts=(artifact(home, links),)))
    names = layer_names(home, image, 1)
    # A link has no bytes of its own.
    assert (names["opt/a"], names["opt/b"]) == (b"content", b"")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"opt/x": Special(tarfile.CHRTYPE)}, "neither a file, a folder nor a symbolic link"),
        ({"opt/x": Symlink("../../../x")}, "leads out of the root"),
        ({"srv/x": "x"}, "nothing of it is included"),
    ],
)
def test_what_no_image_may_get_is_refused_where_it_is_named(tmp_path, files, message):
    home = Home(tmp_path)
    wanted = artifact(home, files, includes=("opt",))
    with pytest.raises((DefinitionError, InputError), match=message) as caught:
        built(home, definition(artifacts=(wanted,)))
    assert "1.yaml:7:3: registry.example/tools:1@sha256:" in str(caught.value)


def test_what_is_taken_out_of_another_image_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("ironhull.build.artifact_layer.MAX_BYTES", 10)
    home = Home(tmp_path)
    few = {"opt/a": "1234567", "opt/b": Hardlink("opt/a"), "opt/c": "123"}
    assert built(home, definition(artifacts=(artifact(home, few),)))
    many = artifact(home, {"opt/a": "1234567", "opt/b": "1234"})
    with pytest.raises(DefinitionError, match="11 bytes of it are included"):
        built(home, definition(artifacts=(many,)))


def test_a_setuid_bit_of_another_image_does_not_come_along(tmp_path):
    home = Home(tmp_path)
    files = {"opt/x": File(b"x", 0o4755)}
    image = built(home, definition(artifacts=(artifact(home, files),)))
    manifest = home.store.document(image.platforms[0].digest)
    with home.store.blobs.open(manifest.layers[1].digest) as raw:
        data = zstandard.ZstdDecompressor().stream_reader(raw).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getmember("opt/x").mode == 0o755


def test_a_path_of_a_package_and_of_another_image_is_a_clash(tmp_path):
    home = Home(tmp_path)
    wanted = artifact(home, {"usr/bin/app": "x"})
    with pytest.raises(InputError, match=r"/usr/bin/app: file of both app and registry\.example"):
        built(home, definition(artifacts=(wanted,)))


def test_an_image_that_is_nowhere_or_for_another_platform_is_said_where_it_is_named(tmp_path):
    home = Home(tmp_path)
    wanted = artifact(home, TOOL)
    gone = replace(wanted, digest=digest_of(b"another"))
    with pytest.raises(Exception, match=r"1\.yaml:7:3: .*nothing is fetched \(offline\)"):
        built(home, definition(artifacts=(gone,)))
    images = PulledImages(Machine(Settings(home.root, home.root, offline=True), Silent()))
    assert images.manifest(wanted, AMD64).digest
    with pytest.raises(Exception, match="nothing is fetched"):
        images.manifest(wanted, ARM64)
    none = replace(NOTHING_ELSEWHERE)
    with pytest.raises(NotFoundError, match=r"no registry\.example/tools:1 here"):
        none.images.manifest(wanted, AMD64)


def zipped(folder: Path, *members: tuple[str, bytes, int]) -> FileRequest:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in members:
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.create_system = 3
            info.external_attr = mode << 16
            archive.writestr(info, data)
    path = folder / "x.zip"
    path.write_bytes(raw.getvalue())
    return FileRequest(path.as_uri(), digest_of(raw.getvalue()), "/opt/", place())


def test_a_zip_archive_is_unpacked_with_modes_and_links(tmp_path):
    home = Home(tmp_path / "home")
    request = zipped(
        tmp_path,
        ("d/", b"", 0o40755),
        ("d/run", b"echo", 0o100755),
        ("d/link", b"run", 0o120777),
        ("plain", b"x" * 5000, 0),
    )
    image = built(home, definition(files=(request,)))
    names = layer_names(home, image, 1)
    assert names["opt/d/run"] == b"echo"
    assert names["opt/plain"] == b"x" * 5000
    assert "opt/d/link" in names


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("../../etc/passwd", 0o100644, "leaves the archive's root"),
        ("pipe", 0o010644, "neither a file, a folder nor a symbolic link"),
        ("link", 0o120777, "leads out of the root"),
    ],
)
def test_a_zip_archive_that_climbs_is_refused_at_its_place(tmp_path, name, mode, message):
    home = Home(tmp_path / "home")
    request = zipped(tmp_path, (name, b"../../../x", mode))
    with pytest.raises(DefinitionError, match=message):
        built(home, definition(files=(request,)))


def test_a_damaged_zip_archive_is_refused_at_its_place(tmp_path):
    home = Home(tmp_path / "home")
    request = zipped(tmp_path, ("a", b"content" * 100, 0o100644))
    path = tmp_path / "x.zip"
    data = bytearray(path.read_bytes())
    data[40] ^= 0xFF
    path.write_bytes(data)
    damaged = replace(request, checksum=digest_of(bytes(data)))
    with pytest.raises(DefinitionError, match=r"cannot be read|another size"):
        built(home, definition(files=(damaged,)))


def test_a_zip_archive_has_bounds(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    request = zipped(tmp_path, ("a", b"0" * 100_000, 0o100644), ("b", b"", 0o100644))
    monkeypatch.setattr("ironhull.build.file_layer.MAX_UNPACKED", 50_000)
    with pytest.raises(DefinitionError, match="unpacks to too many bytes"):
        built(home, definition(files=(request,)))
    monkeypatch.setattr("ironhull.build.file_layer.MAX_MEMBERS", 1)
    with pytest.raises(DefinitionError, match="more than 1 members"):
        built(home, definition(files=(request,)))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_archive_whose_unpacking_has_no_bound_is_refused(tmp_path, method):
    home = Home(tmp_path / "home")
    with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
        archive.writestr("a", b"content")
    digest = digest_of((tmp_path / "x.zip").read_bytes())
    request = FileRequest((tmp_path / "x.zip").as_uri(), digest, "/opt/", place())
    with pytest.raises(DefinitionError, match=r"'a' has the method .* stored or deflated"):
        built(home, definition(files=(request,)))


def test_the_directory_of_a_zip_archive_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("ironhull.build.zip_reader._MAX_DIRECTORY", 200)
    home = Home(tmp_path / "home")
    request = zipped(tmp_path, *((f"{number}" * 50, b"", 0o100644) for number in range(9)))
    with pytest.raises(DefinitionError, match="a directory of"):
        built(home, definition(files=(request,)))


def test_a_zip_archive_without_dates_is_of_1970(tmp_path):
    home = Home(tmp_path / "home")
    request = zipped(tmp_path, ("a", b"content", 0o100644))
    data = (tmp_path / "x.zip").read_bytes()
    # The date of 2026-01-02 as DOS has it, in the header and in the directory.
    none = data.replace(((46 << 9) | (1 << 5) | 2).to_bytes(2, "little"), bytes(2))
    assert len(none) == len(data)
    assert none != data
    (tmp_path / "x.zip").write_bytes(none)
    image = built(home, definition(files=(replace(request, checksum=digest_of(none)),)))
    assert layer_names(home, image, 1)["opt/a"] == b"content"


def test_a_folder_in_a_filter_means_what_lies_in_it(tmp_path):
    home = Home(tmp_path / "home")
    request = zipped(tmp_path, ("d/a", b"1", 0o100644), ("e/a", b"1", 0o100644))
    image = built(home, definition(files=(replace(request, includes=("d",)),)))
    assert {"opt/d/a"} == {name for name, data in layer_names(home, image, 1).items() if data}


def test_a_server_that_gave_up_is_said_where_its_image_or_file_is_named(tmp_path):
    class Unreachable:
        def manifest(self, wanted, platform):
            raise GaveUp(Broken("registry.example", "no answer"), 3, late=True, asked=False)

    home = Home(tmp_path)
    elsewhere = replace(NOTHING_ELSEWHERE, images=Unreachable())
    of = definition(artifacts=(artifact(home, TOOL),))
    options = BuildOptions(Compression.parse("zstd:3"), (AMD64,))
    with pytest.raises(NetworkError, match=r"1\.yaml:7:3: registry\.example/tools:1@sha256:"):
        build_image(of, lock(packages(home, "app")), home, elsewhere, options, Silent())
