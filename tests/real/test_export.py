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
from tests.real.tools import tool

from ironhull.engine.interface import Engine, RunOptions
from ironhull.store.export import choose_manifest, write_docker_archive, write_oci_archive
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
