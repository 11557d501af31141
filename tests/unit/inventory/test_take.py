"""Images of every kind and every damage, from IMAGE as a person writes it to the inventory."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import zstandard
from tests.fakes.image import File, Files, Hardlink, Symlink, layer_tar, make_image, make_manifest

from ironhull.errors import (
    EnvironmentProblem,
    InputError,
    MalformedError,
    NotFoundError,
    UntrustedError,
)
from ironhull.inventory import take
from ironhull.inventory.model import Inventory
from ironhull.inventory.stream import StreamLimits
from ironhull.inventory.take import Limits, Taker
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_CONFIG, OCI_MANIFEST
from ironhull.oci.platform import Platform
from ironhull.oci.tar import TarLimits
from ironhull.store.export import write_docker_archive, write_oci_archive
from ironhull.store.home import Home
from ironhull.store.layout import ImageLayout

MakeTaker = Callable[..., Taker]

OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian 12"\n'
STATUS = (
    "Package: bash\nStatus: install ok installed\nArchitecture: amd64\n"
    "Source: bash (5.2.15-2)\nVersion: 5.2.15-2+b13\n\n"
)
CURL = "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7.88.1-10\n\n"
BASE: Files = {
    "usr/lib/os-release": OS_RELEASE,
    "etc/os-release": Symlink("../usr/lib/os-release"),
    "etc/debian_version": "12.15\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\napp:x:1000:1000::/app:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\napp:x:1000:\nextra:x:7:app\n",
    "var/lib/dpkg/status": STATUS,
    "var/lib/dpkg/info/bash.list": "/.\n/bin\n/bin/bash\n/usr/lib/python3/a-1.egg-info\n",
    "usr/bin/bash": File(b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + b"\2\0" + bytes(46), 0o755),
    "usr/lib/python3/a-1.egg-info": "Name: a\nVersion: 1\n",
    "usr/local/lib/b-2.dist-info/METADATA": "Name: b\nVersion: 2\n",
}
TOP: Files = {
    "var/lib/dpkg/status": STATUS + CURL,
    "app/package.json": '{"name": "app", "version": "1.0.0"}',
    "usr/local/lib/b-2.dist-info/.wh.METADATA": "",
}
CONFIG = {
    "User": "app",
    "Env": ["PATH=/bin", "API_TOKEN=abc"],
    "ExposedPorts": {"8080/tcp": {}},
    "Entrypoint": ["/app/run"],
    "Cmd": ["--help"],
    "Labels": {"a": "b"},
    "Healthcheck": {"Test": ["CMD", "true"]},
}


def packages(found: Inventory) -> dict[str, str]:
    return {package.name: package.version for package in found.packages}


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_an_image_of_the_store_is_taken_whole(
    home: Home, taker: MakeTaker, compression: str
) -> None:
    image = make_image(home.store, [BASE, TOP], config=CONFIG, compression=compression)
    found = taker().take("app:1")
    assert found.image.kind == "store"
    assert found.image.digest == image.digest
    assert str(found.image.platform) == "linux/amd64"
    assert found.distribution.label == "debian-12"
    assert packages(found) == {
        "bash": "5.2.15-2+b13",
        "curl": "7.88.1-10",
        "a": "1",
        "app": "1.0.0",
    }
    assert found.config.user == "app"
    assert found.config.ports == ("8080/tcp",)
    assert found.config.healthcheck == ("CMD", "true")
    assert [user.name for user in found.users] == ["root", "app"]
    assert [layer.created_by for layer in found.layers] == ["layer 0", "layer 1"]
    assert found.remarks == ()
    [duplicate] = [item for item in found.duplicates if item.path == "/var/lib/dpkg/status"]
    assert duplicate.wasted == len(STATUS)


def test_purls_are_those_of_the_reference(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE, TOP])
    purls = {package.name: package.purl for package in taker().take("app:1").packages}
    assert purls["bash"] == (
        "pkg:deb/debian/bash@5.2.15-2%2Bb13?arch=amd64&distro=debian-12&upstream=bash%405.2.15-2"
    )
    assert purls["curl"] == "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12"
    assert purls["app"] == "pkg:npm/app@1.0.0"


def test_each_package_knows_the_layer_that_brought_it(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE, TOP])
    found = taker().take("app:1")
    lower, upper = (layer.digest for layer in found.layers)
    layers = {package.name: package.layer for package in found.packages}
    assert layers == {"bash": lower, "curl": upper, "a": lower, "app": upper}


def test_trap_19_files_of_distribution_packages_are_owned(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE])
    found = taker().take("app:1")
    assert {package.name: package.owned_by for package in found.packages} == {
        "bash": "",
        "a": "bash",
        "b": "",
    }
    assert [finding.owned_by for finding in found.surface.shells] == ["bash"]


def test_a_file_list_without_its_package_owns_nothing(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [dict(BASE) | {"var/lib/dpkg/status": CURL}])
    owners = {package.name: package.owned_by for package in taker().take("app:1").packages}
    assert owners["a"] == ""


def test_trap_20_status_d_makes_packages_and_owners(home: Home, taker: MakeTaker) -> None:
    files: Files = {
        "etc/os-release": OS_RELEASE,
        "var/lib/dpkg/status.d/python3-a": "Package: python3-a\nVersion: 1-1\n",
        "var/lib/dpkg/status.d/python3-a.md5sums": "0" * 32 + "  usr/lib/python3/a-1.egg-info\n",
        "usr/lib/python3/a-1.egg-info": "Name: a\nVersion: 1\n",
    }
    make_image(home.store, [files])
    found = taker().take("app:1")
    assert {(item.type, item.name, item.owned_by) for item in found.packages} == {
        ("deb", "python3-a", ""),
        ("pypi", "a", "python3-a"),
    }


def test_trap_21_two_architectures_of_a_package_are_two(home: Home, taker: MakeTaker) -> None:
    both = CURL + CURL.replace("amd64", "i386")
    make_image(home.store, [{"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": both}])
    found = taker().take("app:1")
    assert [package.architecture for package in found.packages] == ["amd64", "i386"]


def test_a_package_in_status_and_status_d_counts_once(home: Home, taker: MakeTaker) -> None:
    files: Files = {
        "etc/os-release": OS_RELEASE,
        "var/lib/dpkg/status": CURL,
        "var/lib/dpkg/status.d/curl": CURL,
    }
    make_image(home.store, [files])
    [package] = taker().take("app:1").packages
    assert package.location == "/var/lib/dpkg/status"


def test_trap_22_removed_files_leave_an_installed_package(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE, {"usr/bin/.wh.bash": ""}])
    found = taker().take("app:1")
    assert "bash" in packages(found)
    assert found.surface.shells == ()


def test_trap_23_sid_without_version_id_is_known(home: Home, taker: MakeTaker) -> None:
    release = 'ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\nVERSION_CODENAME=forky\n'
    make_image(
        home.store,
        [
            {
                "etc/os-release": release,
                "etc/debian_version": "forky/sid",
                "var/lib/dpkg/status": CURL,
            }
        ],
    )
    found = taker().take("app:1")
    assert found.distribution.known
    assert (found.distribution.version_id, found.distribution.codename) == ("", "forky")
    assert found.packages[0].purl.endswith("?arch=amd64&distro=debian")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"bin/x": "x"}, "neither"),
        ({"etc/os-release": "NAME=x\n"}, "no usable ID"),
        ({"etc/os-release": 'ID="../evil"\n'}, "no usable ID"),
        ({"etc/debian_version": "what?"}, "debian_version says"),
    ],
)
def test_trap_23_an_unknown_distribution_says_why(
    home: Home, taker: MakeTaker, files: Files, reason: str
) -> None:
    make_image(home.store, [files])
    found = taker().take("app:1")
    assert not found.distribution.known
    assert reason in found.distribution.reason
    assert any(reason in remark.message for remark in found.remarks)


def test_debian_is_known_by_debian_version_alone(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [{"etc/debian_version": "12.5\n", "var/lib/dpkg/status": CURL}])
    assert taker().take("app:1").distribution.label == "debian-12"


def test_a_derivative_keeps_its_own_name(home: Home, taker: MakeTaker) -> None:
    release = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION="24.04 LTS (Noble Numbat)"\n'
    make_image(home.store, [{"etc/os-release": release, "var/lib/dpkg/status": CURL}])
    found = taker().take("app:1")
    assert (found.distribution.id, found.distribution.id_like) == ("ubuntu", ("debian",))
    assert found.distribution.codename == "noble"
    assert found.packages[0].purl.startswith("pkg:deb/ubuntu/curl@")


def test_alpine_packages_own_their_files(home: Home, taker: MakeTaker) -> None:
    database = (
        "P:py3-a\nV:1-r0\nA:noarch\no:py-a\nF:usr/lib/a-1.dist-info\nR:METADATA\n\nP:broken\n\n"
    )
    files: Files = {
        "etc/os-release": "ID=alpine\nVERSION_ID=3.19.1\n",
        "lib/apk/db/installed": database,
        "usr/lib/a-1.dist-info/METADATA": "Name: a\nVersion: 1\n",
    }
    make_image(home.store, [files])
    found = taker().take("app:1")
    apk, pypi = found.packages
    assert apk.purl == ("pkg:apk/alpine/py3-a@1-r0?arch=noarch&distro=alpine-3.19.1&upstream=py-a")
    assert pypi.owned_by == "py3-a"
    assert len(found.unparsed) == 1


def test_a_lock_file_counts_only_without_installed_modules(home: Home, taker: MakeTaker) -> None:
    lock = json.dumps({"packages": {"node_modules/a": {"version": "1.0.0"}}})
    files: Files = {
        "bundle/package-lock.json": lock,
        "app/package-lock.json": lock,
        "app/node_modules/a/package.json": '{"name":"a","version":"1.0.0"}',
    }
    make_image(home.store, [files])
    assert [package.location for package in taker().take("app:1").packages] == [
        "/app/node_modules/a/package.json",
        "/bundle/package-lock.json",
    ]


def test_broken_stanzas_are_counted(home: Home, taker: MakeTaker) -> None:
    make_image(
        home.store, [{"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": CURL + "Oops: 1\n"}]
    )
    found = taker().take("app:1")
    assert packages(found) == {"curl": "7.88.1-10"}
    assert "stanza 2" in found.unparsed[0].message
    assert found.unparsed[0].layer == found.layers[0].digest


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("var/lib/rpm/rpmdb.sqlite", "rpm"),
        ("var/lib/chisel/manifest.wall", "chisel"),
        ("var/lib/pacman/local", "pacman"),
    ],
)
def test_a_database_that_nobody_reads_is_not_zero_packages(
    home: Home, taker: MakeTaker, path: str, kind: str
) -> None:
    files: Files = {"etc/os-release": "ID=fedora\nVERSION_ID=40\n", path: "x"}
    make_image(home.store, [files])
    found = taker().take("app:1")
    assert [kind in remark.message for remark in found.unparsed] == [True]


@pytest.mark.parametrize("release", [OS_RELEASE, "ID=alpine\n", "ID=x\nID_LIKE=debian\n"])
def test_trap_20_a_distribution_without_its_database_is_not_zero_packages(
    home: Home, taker: MakeTaker, release: str
) -> None:
    make_image(home.store, [{"etc/os-release": release, "app/package.json": '{"name":"a"}'}])
    found = taker().take("app:1")
    assert ["without a package database" in item.message for item in found.unparsed] == [True]


def test_a_file_that_may_not_be_read_is_a_remark(
    taker: MakeTaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: object, flags: int, *more: object, **named: object) -> int:
        if path == "locked.json":
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *more, **named)  # type: ignore[arg-type]

    (tmp_path / "locked.json").write_text("x")
    (tmp_path / "package.json").write_text('{"name":"a","version":"1"}')
    monkeypatch.setattr("ironhull.inventory.sources.rootfs.os.open", refuse)
    found = taker().take(f"rootfs:{tmp_path}")
    assert packages(found) == {"a": "1"}
    assert ["Permission denied" in remark.message for remark in found.unparsed] == [True]


def test_a_disk_that_fails_is_no_bug_of_ours(
    home: Home, taker: MakeTaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> object:
        raise OSError(28, "No space left on device")

    make_image(home.store, [BASE])
    monkeypatch.setattr(take, "read_layer", full)
    with pytest.raises(EnvironmentProblem, match="No space left"):
        taker().take("app:1")


# Places.


def test_a_layout_an_archive_and_a_docker_archive_give_the_same(
    home: Home, taker: MakeTaker, tmp_path: Path
) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    image = make_image(layout, [BASE, TOP], config=CONFIG, index=False)
    oci, docker = tmp_path / "oci.tar", tmp_path / "docker.tar"
    with oci.open("wb") as file:
        write_oci_archive(layout, image, "app:1", file)
    with docker.open("wb") as file:
        write_docker_archive(layout, image, ["app:1"], file)
    takes = taker()
    results = [
        takes.take(text)
        for text in (
            str(layout.root),
            f"oci:{layout.root}:app:1",
            str(oci),
            f"oci-archive:{oci}",
            str(docker),
            f"docker-archive:{docker}:app:1",
        )
    ]
    assert {found.image.kind for found in results} == {"layout", "archive"}
    assert len({found.image.config for found in results}) == 1
    for found in results:
        assert packages(found) == packages(results[0])
        assert found.surface.files == results[0].surface.files


def docker_archive(path: Path, layer: bytes, diff_id: str | None = None) -> Path:
    """What an old `docker save` writes of one layer; `diff_id` is what the config says of it."""
    said = diff_id or "sha256:" + hashlib.sha256(layer).hexdigest()
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": [said]}}
    manifest = [{"Config": "abc.json", "RepoTags": ["old:1"], "Layers": ["def/layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        for name, data in {
            "def/layer.tar": layer,
            "def/VERSION": b"1.0",
            "abc.json": json.dumps(config).encode(),
            "manifest.json": json.dumps(manifest).encode(),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_a_legacy_docker_archive_is_read(taker: MakeTaker, tmp_path: Path) -> None:
    path = docker_archive(tmp_path / "old.tar", layer_tar(BASE))
    assert "bash" in packages(taker().take(str(path)))


@pytest.mark.parametrize("forgotten", [(), ("inventories",), ("inventories", "records")])
def test_a_docker_archive_with_anothers_config_is_not_taken_for_the_other(
    home: Home, taker: MakeTaker, tmp_path: Path, forgotten: tuple[str, ...]
) -> None:
    honest, other = layer_tar(BASE), layer_tar(BASE | TOP)
    said = "sha256:" + hashlib.sha256(honest).hexdigest()
    takes = taker(kept=True)
    first = takes.take(str(docker_archive(tmp_path / "a.tar", honest)))
    assert [layer.digest for layer in first.layers] == [said]
    for name in forgotten:
        shutil.rmtree(home.root / name)
    lying = docker_archive(tmp_path / "b.tar", other, said)
    with pytest.raises(UntrustedError, match="layer"):
        takes.take(str(lying))
    assert takes.take(str(docker_archive(tmp_path / "c.tar", honest))).layers == first.layers


def test_a_compressed_layer_of_a_docker_archive_has_the_digest_of_its_bytes(
    taker: MakeTaker, tmp_path: Path
) -> None:
    layer = layer_tar(BASE)
    packed = gzip.compress(layer)
    diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
    [found] = taker().take(str(docker_archive(tmp_path / "a.tar", packed, diff_id))).layers
    assert found.digest == "sha256:" + hashlib.sha256(packed).hexdigest()
    assert (found.diff_id, found.size, found.uncompressed) == (diff_id, len(packed), len(layer))


def test_a_root_file_system_is_read_without_following_links_out(
    taker: MakeTaker, tmp_path: Path
) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    (outside / "x").mkdir(parents=True)
    (outside / "x/package.json").write_text('{"name":"outside","version":"1"}')
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text(OS_RELEASE)
    (root / "app").mkdir()
    (root / "app/package.json").write_text('{"name":"inside","version":"1"}')
    (root / "linked").symlink_to(outside)
    (root / "linked.json").symlink_to(outside / "x/package.json")
    (root / "loop").symlink_to("loop")
    (root / "app/again.egg-info").write_text("Name: n\nVersion: 1\n")
    (root / "app/package.json").chmod(0o666)
    found = taker().take(f"rootfs:{root}")
    assert found.image.kind == "rootfs"
    assert packages(found) == {"inside": "1", "n": "1"}
    assert found.layers == ()
    assert [item.path for item in found.surface.world_writable] == ["/app/package.json"]
    assert taker().take(str(root)).packages == found.packages


def test_hard_links_of_a_folder_count_once(taker: MakeTaker, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"name":"a","version":"1"}')
    (tmp_path / "z.json").hardlink_to(tmp_path / "package.json")
    found = taker().take(f"rootfs:{tmp_path}")
    assert packages(found) == {"a": "1"}
    assert found.surface.size == len('{"name":"a","version":"1"}')


@pytest.mark.parametrize(
    "text", ["", "nothing:1", "rootfs:/does/not/exist", "oci:/does/not/exist", "/no/such.tar"]
)
def test_what_is_not_there_is_said(taker: MakeTaker, text: str) -> None:
    with pytest.raises(InputError):
        taker().take(text)


def test_the_platform_is_chosen_from_an_index(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE], platforms=("linux/amd64", "linux/arm64"))
    found = taker().take("app:1", Platform.parse("linux/arm64"))
    assert found.image.platform == Platform("linux", "arm64", "v8")
    with pytest.raises(NotFoundError, match="linux/amd64, linux/arm64"):
        taker().take("app:1", Platform.parse("linux/s390x"))


def test_a_single_image_of_another_platform_is_taken_unless_one_was_asked_for(
    home: Home, taker: MakeTaker
) -> None:
    make_image(home.store, [BASE], platforms=("linux/riscv64",))
    assert str(taker().take("app:1").image.platform) == "linux/riscv64"
    with pytest.raises(NotFoundError, match="linux/riscv64"):
        taker().take("app:1", Platform.parse("linux/amd64"))


def test_an_artifact_is_no_image(home: Home, taker: MakeTaker) -> None:
    empty = home.store.blobs.put(b"{}")
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/example",
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": empty,
                "size": 2,
            },
            "layers": [],
        }
    )
    home.store.blobs.put(document.raw)
    home.store.tag(document.descriptor(), ["thing:1"])
    with pytest.raises(InputError, match="application/example"):
        taker().take("thing:1")


# Keeping.


def test_a_stored_inventory_answers_without_the_layers(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE, TOP])
    takes = taker(kept=True)
    first = takes.take("app:1")
    for layer in first.layers:
        home.store.blobs.remove(layer.digest)  # type: ignore[arg-type]
    assert takes.take("app:1") == first


def test_a_second_image_reads_only_the_layers_that_it_does_not_share(
    home: Home, taker: MakeTaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_image(home.store, [BASE], names=["one:1"])
    make_image(home.store, [BASE, TOP], names=["two:1"])
    takes, read = taker(kept=True), []
    real = take.read_layer

    def counted(chunks: object, where: str, limits: object) -> object:
        read.append(where)
        return real(chunks, where, limits)  # type: ignore[arg-type]

    monkeypatch.setattr(take, "read_layer", counted)
    takes.take("one:1")
    fresh = taker().take("two:1")
    read.clear()
    assert takes.take("two:1") == fresh
    assert len(read) == 1


def test_a_damaged_record_is_made_again(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE])
    takes = taker(kept=True)
    first = takes.take("app:1")
    assert takes.cache is not None
    for damage in (b"", b"garbage", takes.cache.path(first.layers[0].digest).read_bytes()[:-5]):
        takes.cache.path(first.layers[0].digest).write_bytes(damage)
        assert takes.stored is not None
        takes.stored.remove(first.image.key)
        assert takes.take("app:1") == first


def test_a_record_of_another_format_is_made_again(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE])
    takes = taker(kept=True)
    first = takes.take("app:1")
    assert takes.cache is not None
    digest, diff_id = first.layers[0].digest, first.layers[0].diff_id
    path = takes.cache.path(digest)
    old = msgspec.msgpack.decode(zstandard.decompress(path.read_bytes())) | {"format": "0-0"}
    path.write_bytes(zstandard.compress(msgspec.msgpack.encode(old)))
    assert takes.cache.get(digest, diff_id) is None


def test_again_reads_layers_that_are_known(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE])
    takes = taker(kept=True)
    first = takes.take("app:1")
    home.store.blobs.remove(first.layers[0].digest)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        takes.take("app:1", again=True)


def test_a_cached_record_does_not_hide_a_wrong_diff_id(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE], names=["good:1"])
    takes = taker(kept=True)
    good = takes.take("good:1")
    lying = _with_diff_id(home.store, good, "sha256:" + "0" * 64)
    home.store.tag(lying.descriptor(), ["bad:1"])
    with pytest.raises(UntrustedError, match="diff_id"):
        takes.take("bad:1")


def _with_diff_id(layout: ImageLayout, found: Inventory, diff_id: str) -> Document:
    config = json.dumps(
        {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [diff_id]}}
    ).encode()
    [layer] = found.layers
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": OCI_CONFIG,
                "digest": layout.blobs.put(config),
                "size": len(config),
            },
            "layers": [{"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}],
        }
    )
    layout.blobs.put(document.raw)
    return document


# Bad images.


def test_a_corrupt_layer_is_refused_and_not_cached(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE])
    digest = taker().take("app:1").layers[0].digest
    path = home.store.blobs.path(digest)  # type: ignore[arg-type]
    data = bytearray(path.read_bytes())
    data[-10] ^= 0xFF
    path.write_bytes(bytes(data))
    takes = taker(kept=True)
    with pytest.raises((UntrustedError, MalformedError), match=digest):
        takes.take("app:1")
    assert takes.cache is not None
    assert not takes.cache.path(digest).exists()


def test_a_layer_of_another_size_is_refused(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE])
    digest = taker().take("app:1").layers[0].digest
    path = home.store.blobs.path(digest)  # type: ignore[arg-type]
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(UntrustedError, match=digest):
        taker().take("app:1")


def test_a_bomb_is_refused(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [{"zeros": bytes(8 << 20)}], compression="gzip")
    limits = Limits(stream=StreamLimits(ratio=100, ratio_from=1 << 20))
    with pytest.raises(MalformedError, match="bomb"):
        taker(limits=limits).take("app:1")


def test_a_layer_of_too_many_files_is_refused(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [{f"file{number}": "" for number in range(200)}])
    with pytest.raises(MalformedError, match="more than 100 members"):
        taker(limits=Limits(tar=TarLimits(members=100))).take("app:1")


def test_names_and_whiteouts_that_climb_are_reported_and_left_out(
    home: Home, taker: MakeTaker
) -> None:
    hostile: Files = [
        ("../../etc/passwd", "x"),
        ("a/../../b", "x"),
        ("d/.wh...", ""),
        ("d/.wh.", ""),
        ("../.wh.bin", ""),
        ("link", Hardlink("../../etc/shadow")),
        ("/abs//./file", "kept"),
    ]
    make_image(home.store, [BASE, hostile])
    found = taker().take("app:1")
    assert "bash" in packages(found)
    assert len(found.unparsed) == 6
    assert [user.name for user in found.users] == ["root", "app"]


def test_a_manifest_with_other_layers_than_its_config_is_refused(
    home: Home, taker: MakeTaker
) -> None:
    good = make_manifest(home.store, [BASE])
    value = dict(home.store.document(good.digest).value)
    value["layers"] = value["layers"] * 2
    document = Document.of(value)
    home.store.blobs.put(document.raw)
    home.store.tag(document.descriptor(), ["odd:1"])
    with pytest.raises(MalformedError, match="2 layers, the config 1 diff_ids"):
        taker().take("odd:1")


def test_the_same_layer_twice_is_read_once_and_counts_twice(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [BASE, TOP, BASE])
    found = taker().take("app:1")
    assert len(found.layers) == 3
    assert packages(found) == {"bash": "5.2.15-2+b13", "a": "1", "app": "1.0.0", "b": "2"}


def test_random_bytes_as_a_layer_are_refused(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [random.Random(3).randbytes(4096)], compression="none")
    with pytest.raises(MalformedError):
        taker().take("app:1")


def test_a_config_of_wrong_types_is_read_as_far_as_it_makes_sense(
    home: Home, taker: MakeTaker
) -> None:
    config = {"User": 7, "Env": "PATH=/bin", "ExposedPorts": [], "Labels": {"a": 1}, "Cmd": [1]}
    make_image(home.store, [BASE], config=config)
    found = taker().take("app:1").config
    assert (found.user, found.env, found.ports, found.labels) == ("", (), (), {})


def test_a_path_that_is_not_there_is_not_looked_for_in_the_store(taker: MakeTaker) -> None:
    with pytest.raises(NotFoundError, match=r"^/no/such/rootfs: no such file or folder$"):
        taker().take("/no/such/rootfs")


def test_a_file_that_looks_like_a_name_is_pointed_at(
    taker: MakeTaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rootfs").mkdir()
    with pytest.raises(NotFoundError, match=r"folder of that name: \./rootfs\)"):
        taker().take("rootfs")
