import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.deb import file, make_deb
from tests.fakes.definition import AMD64, definition, lock, locked, place
from tests.unit.build.test_image import app, built

from ironhull import Workspace
from ironhull.build.origins import Origin, OriginKind, Origins, read_origins
from ironhull.definition.model import FileRequest, Keep, PathEdit, PathKind
from ironhull.oci.digest import digest_of, hex_of
from ironhull.store.clean import prune
from ironhull.store.home import Home
from ironhull.workspace.exporting import export_files


def origins(tmp_path: Path, **changes) -> tuple[Home, Origins]:
    home = Home(tmp_path / "home")
    conf = make_deb("conf", "1.0-1", files={"etc/x.conf": file("x"), "usr/lib/y": file("y")})
    packages = [locked(home, "app", app()), locked(home, "conf", conf)]
    given = tmp_path / "given.txt"
    given.write_bytes(b"given")
    defined = definition(
        cmd=("app",),
        files=(FileRequest(given.as_uri(), digest_of(b"given"), "/opt/given", place()),),
        paths=(PathEdit(PathKind.FILE, "/etc/own", place(), content=b"own"),),
        **changes,
    )
    image = built(home, defined, lock(packages))
    found = read_origins(home, image.platforms[0].digest)
    assert found is not None
    return home, found


def test_every_path_of_a_built_image_has_an_origin(tmp_path):
    _, found = origins(tmp_path)
    paths = found.paths
    assert paths["usr/bin/app"] == Origin(OriginKind.PACKAGE, "app")
    assert paths["etc/x.conf"] == Origin(OriginKind.PACKAGE, "conf")
    assert paths["opt/given"] == Origin(OriginKind.FETCHED, "given.txt (/opt/given)")
    assert paths["etc/own"] == Origin(OriginKind.DEFINITION, "/etc/own")
    assert paths["etc/passwd"] == Origin(OriginKind.STEP, "accounts")
    assert paths["usr/lib/os-release"] == Origin(OriginKind.STEP, "os-release")
    assert paths["var/lib/dpkg/status.d/app"] == Origin(OriginKind.STEP, "package-database")
    assert all(origin.name for origin in paths.values())
    assert "unknown" not in {origin.name for origin in paths.values()}
    # Where the definition lies on this machine is in no image's record.
    (fetched,) = found.fetched
    assert (fetched.url, fetched.digest) == ("given.txt", digest_of(b"given"))
    assert [package.name for package in found.packages] == ["app", "conf"]


@pytest.mark.parametrize("changes", [{"squashed": True}, {"keep": Keep(package_database="dpkg")}])
def test_the_origins_are_those_of_the_files_that_the_image_has(tmp_path, changes):
    home, found = origins(tmp_path, **changes)
    workspace = Workspace.open(home=home.root, images=tmp_path)
    document = json.loads(workspace.sbom("app:1"))
    held = {
        inner["name"]: component["name"]
        for component in document["components"]
        for inner in component.get("components", ())
    }
    assert "files of no package" not in held.values()
    export_files(workspace.machine, "app:1", tmp_path / "root.tar")
    with tarfile.open(tmp_path / "root.tar") as tar:
        members = {
            f"/{member.name}": member.isreg() or member.islnk()
            for member in tar
            if not member.isdir()
        }
    assert set(held) == {path for path, is_file in members.items() if is_file}
    assert {f"/{path}" for path in found.paths} == set(members)
    assert (held["/usr/bin/app"], held["/etc/own"]) == ("app", "/etc/own")


def test_names_that_are_not_utf_8_have_an_owner_too(tmp_path):
    home = Home(tmp_path / "home")
    odd = {"usr/lib/\udcff\udcfe": file("odd"), "usr/lib/grün": file("green")}
    image = built(home, definition(cmd=("app",)), lock([locked(home, "app", app(files=odd))]))
    found = read_origins(home, image.platforms[0].digest)
    assert found is not None
    assert found.paths["usr/lib/\\xff\\xfe"].name == "app"
    document = json.loads(Workspace.open(home=home.root, images=tmp_path).sbom("app:1"))
    (held,) = (
        {inner["name"] for inner in component["components"]}
        for component in document["components"]
        if component["name"] == "app"
    )
    assert {"/usr/lib/\\xff\\xfe", "/usr/lib/grün", "/usr/bin/app"} <= held


def test_damaged_and_foreign_records_count_as_none_and_clean_up_takes_those_without_image(tmp_path):
    home, _ = origins(tmp_path)
    (record,) = home.origins.iterdir()
    manifest = digest_of(b"none")
    assert read_origins(home, manifest) is None
    whole = record.read_bytes()
    for damaged in (b"", whole[:-5], b"{}", whole[:20] + b"xx" + whole[22:]):
        record.write_bytes(damaged)
        assert read_origins(home, digest_of(b"x")) is None
        key = f"sha256:{record.name.partition('.')[0]}"
        assert read_origins(home, key) is None
    record.write_bytes(whole)
    stray = home.origins / f"{hex_of(manifest)}.zst"
    stray.write_bytes(whole)
    prune(home, layers=False, packages=False, unused=True, grace=0)
    assert record.exists()
    assert not stray.exists()


def test_a_platform_has_only_what_was_fetched_for_it(tmp_path):
    from ironhull.build.origins import fetched_files
    from ironhull.oci.platform import Platform

    request = FileRequest("https://example.org/a.tar.gz", digest_of(b"a"), "/opt/", place())
    other = replace(request, url="https://example.org/b.tar.gz", platforms=(AMD64,))
    arm = Platform("linux", "arm64")
    assert [one.name for one in fetched_files((request, other), arm)] == ["a.tar.gz (/opt/)"]
    assert len(fetched_files((request, other), AMD64)) == 2
