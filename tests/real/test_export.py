"""What we export, read by tools of others: umoci, skopeo, tar, podman, docker."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest
from tests.fakes.image import Directory, File, Files, Hardlink, Symlink, make_image, unpack
from tests.fakes.running_server import serving
from tests.real.tools import tool

from ironhull import Workspace
from ironhull.engine.interface import Engine, RunOptions
from ironhull.oci.descriptor import Descriptor
from ironhull.store.choice import choose_manifest
from ironhull.store.export import write_docker_archive, write_oci_archive
from ironhull.store.layout import ImageLayout
from ironhull.store.rootfs import write_rootfs

# Whatever a layer can do to the ones below it, in one image.
LAYERS: list[Files] = [
    {
        "bin": Directory(),
        "bin/app": File(b"app\n", mode=0o755),
        "etc": Directory(),
        "etc/config": "old",
        "etc/gone": "gone",
        "usr/lib": Directory(),
        "usr/lib/real": File(b"real", mode=0o640, uid=3, gid=4),
        "lib": Symlink("usr/lib"),
        "opaque": Directory(0o700, 65532, 65532),
        "opaque/one": "1",
        "opaque/sub/two": "2",
        "links/a": "same inode",
        "links/b": Hardlink("links/a"),
        "becomes-dir": "file",
        "becomes-file/x": "x",
        "tmp": Directory(0o1777),
        "mail": Directory(0o2775, 0, 8),
    },
    {
        "etc/config": "new",
        "etc/.wh.gone": "",
        "opaque": Directory(0o750, 1, 1),
        "opaque/.wh..wh..opq": "",
        "opaque/three": "3",
        ".wh.becomes-dir": "",
        ".wh.becomes-file": "",
        "links/.wh.a": "",
    },
    {
        "becomes-dir/inside": "now a folder",
        "becomes-file": "now a file",
        "usr/lib/more": "more",
        "etc/ünïcode": "é",
        "long/" + "n" * 150 + "/" + "m" * 120: "long names",
    },
]


def _image(layout: ImageLayout, compression: str) -> None:
    make_image(layout, LAYERS, compression=compression, names=["app:1"], index=False)


def _listing(root: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content: object = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        kind = stat.S_IFMT(status.st_mode)
        mode = 0 if path.is_symlink() else status.st_mode & 0o7777
        owner = (status.st_uid, status.st_gid)
        found[str(path.relative_to(root))] = (kind, mode, owner, content)
    return found


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_our_root_file_system_is_umoci_s(tmp_path: Path, compression: str) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    _image(layout, compression)
    bundle = tmp_path / "bundle"
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    subprocess.run(
        [tool("umoci"), "unpack", *rootless, "--image", f"{layout.root}:app:1", bundle],
        check=True,
        capture_output=True,
    )
    write_rootfs(layout, layout.find("app:1"), tmp_path / "ours")
    assert _listing(tmp_path / "ours") == _listing(bundle / "rootfs")


def test_the_rootfs_tar_unpacks_with_tar_to_the_same_tree(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    _image(layout, "zstd")
    write_rootfs(layout, layout.find("app:1"), tmp_path / "ours")
    write_rootfs(layout, layout.find("app:1"), tmp_path / "ours.tar")
    (tmp_path / "tar").mkdir()
    command = ["tar", "-xpf", tmp_path / "ours.tar", "-C", tmp_path / "tar", "--numeric-owner"]
    done = subprocess.run(command, check=True, capture_output=True)
    assert done.stderr == b""
    assert _listing(tmp_path / "tar") == _listing(tmp_path / "ours")


def _skopeo(source: str) -> dict[str, object]:
    done = subprocess.run(
        [tool("skopeo"), "inspect", "--raw", source], check=True, capture_output=True
    )
    value: dict[str, object] = json.loads(done.stdout)
    return value


def test_skopeo_reads_both_archives_and_copies_them(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    _image(layout, "zstd")
    image = layout.find("app:1")
    with (tmp_path / "oci.tar").open("wb") as file:
        write_oci_archive(layout, image, "localhost/app:1", file)
    with (tmp_path / "docker.tar").open("wb") as file:
        write_docker_archive(layout, image, ["localhost/app:1"], file)
    found = _skopeo(f"oci-archive:{tmp_path}/oci.tar:localhost/app:1")
    assert found == layout.document(image.digest).value
    assert len(_skopeo(f"docker-archive:{tmp_path}/docker.tar")["layers"]) == 3  # type: ignore[arg-type]
    for source in (f"oci-archive:{tmp_path}/oci.tar", f"docker-archive:{tmp_path}/docker.tar"):
        subprocess.run(
            [
                *(tool("skopeo"), "--insecure-policy", "copy", "-q", source),
                f"oci:{tmp_path}/{source[:3]}:x",
            ],
            check=True,
            capture_output=True,
        )


def test_crane_finds_every_digest_of_a_docker_archive_right(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    _image(layout, "zstd")
    with (tmp_path / "docker.tar").open("wb") as file:
        write_docker_archive(layout, layout.find("app:1"), ["localhost/app:1"], file)
    command = [tool("crane"), "validate", "--tarball", tmp_path / "docker.tar"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "PASS" in done.stdout


def test_oras_reads_an_exported_layout(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    image = make_image(layout, LAYERS, platforms=["linux/amd64", "linux/arm64"], names=["app:1"])
    with (tmp_path / "oci.tar").open("wb") as file:
        write_oci_archive(layout, image, "app", file)
    copy = tmp_path / "copy"
    with tarfile.open(tmp_path / "oci.tar") as tar:
        unpack(tar, copy)
    done = subprocess.run(
        [tool("oras"), "manifest", "fetch", "--oci-layout", f"{copy}:app"],
        check=True,
        capture_output=True,
    )
    assert json.loads(done.stdout) == layout.document(image.digest).value


THREE = ["linux/amd64", "linux/arm64", "linux/arm/v7"]
RELEASE = "ID=debian\nVERSION_ID=13\nVERSION_CODENAME=trixie\n"
STATUS = """\
Package: base-files
Status: install ok installed
Maintainer: Nobody <nobody@example.invalid>
Architecture: amd64
Version: 13.8
Description: of a test
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """A workspace with app:1 for three platforms."""
    shop = Workspace.open(home=tmp_path / "home", images=tmp_path / "images")
    files: Files = {"etc/os-release": RELEASE, "var/lib/dpkg/status": STATUS}
    make_image(shop.home.store, [files], compression="gzip", platforms=THREE, names=["app:1"])
    return shop


def _entry(shop: Workspace, number: int) -> Descriptor:
    store = shop.home.store
    return store.document(store.find("app:1").digest).manifests[number]


def test_syft_and_skopeo_read_an_archive_of_one_platform(shop: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "one.tar"
    shop.export("app:1", path, platforms=["linux/arm64"])
    done = subprocess.run(
        [tool("syft"), "scan", "-q", f"oci-archive:{path}", "-o", "syft-json"],
        check=True,
        capture_output=True,
    )
    found = json.loads(done.stdout)
    assert found["source"]["metadata"]["manifestDigest"] == _entry(shop, 1).digest
    assert [package["name"] for package in found["artifacts"]] == ["base-files"]
    raw = shop.home.store.document(_entry(shop, 1).digest).value
    assert _skopeo(f"oci-archive:{path}") == raw


def test_crane_and_skopeo_take_an_archive_of_some_platforms_whole(
    shop: Workspace, tmp_path: Path
) -> None:
    path, folder = tmp_path / "some.tar", tmp_path / "some"
    shop.export("app:1", path, platforms=["linux/amd64,linux/arm/v7"])
    with tarfile.open(path) as tar:
        unpack(tar, folder)
    wanted = [_entry(shop, 0).digest, _entry(shop, 2).digest]
    with serving(tmp_path / "served") as server:
        place = server.host
        subprocess.run(
            [
                *(tool("skopeo"), "--insecure-policy", "copy", "-q", "--all"),
                *("--dest-tls-verify=false", f"oci-archive:{path}", f"docker://{place}/skopeo:1"),
            ],
            check=True,
            capture_output=True,
        )
        pushed = [tool("crane"), "push", "--index", "--insecure", folder, f"{place}/crane:1"]
        subprocess.run(pushed, check=True, capture_output=True)
        for name in ("skopeo", "crane"):
            done = subprocess.run(
                [tool("crane"), "validate", "--insecure", "--remote", f"{place}/{name}:1"],
                check=True,
                capture_output=True,
                text=True,
            )
            assert "PASS" in done.stdout
        read = [tool("crane"), "manifest", "--insecure", f"{place}/skopeo:1"]
        index = json.loads(subprocess.run(read, check=True, capture_output=True).stdout)
    assert [entry["digest"] for entry in index["manifests"]] == wanted


def test_both_engines_run_what_the_archives_hold(
    runner: Engine, shell_layout: ImageLayout, tmp_path: Path
) -> None:
    manifest = choose_manifest(shell_layout, shell_layout.find("shell:1"))
    name = "localhost/archived:1"
    with (tmp_path / "docker.tar").open("wb") as file:
        write_docker_archive(shell_layout, manifest, [name], file)
    runner.line.ask("load", "-i", str(tmp_path / "docker.tar"))  # type: ignore[attr-defined]
    assert runner.run(name, RunOptions(network="none")).stdout == "hello\n65532\n"
    runner.remove(name)
