"""zstd:chunked layers with engines that know nothing of them; `make chunked` asks one that does."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
from tests.fakes.image import Directory, File, Symlink, make_image
from tests.fakes.running_server import serving
from tests.real.conftest import storage
from tests.real.tools import tool

from ironhull.chunked.format import POSITION
from ironhull.store.layout import ImageLayout

pytestmark = pytest.mark.real

DATA = random.Random(1).randbytes(3 << 20)


def run(*command):
    ended = subprocess.run(
        [str(part) for part in command], capture_output=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode()


def assert_whole(root):
    assert (root / "etc/motd").read_text() == "hello\n"
    assert (root / "srv/data").read_bytes() == DATA
    assert (root / "srv/empty").read_bytes() == b""
    assert (root / "bin/sh").readlink().name == "busybox"


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    """An image of two chunked layers with a large file in it."""
    layout = ImageLayout(tmp_path_factory.mktemp("chunked") / "store", create=True)
    make_image(
        layout,
        [
            {
                "bin": Directory(),
                "bin/busybox": File(b"not really", mode=0o4755),
                "bin/sh": Symlink("busybox"),
            },
            {"etc/motd": "hello\n", "srv/data": DATA, "srv/empty": ""},
        ],
        compression="zstd:chunked",
        names=["team/app:1"],
    )
    return layout


def test_an_older_podman_pulls_it_whole(layout, scratch):
    if os.geteuid() != 0:
        pytest.skip("needs root: podman with storage of its own")
    podman = (tool("podman"), *storage(scratch))
    with serving(layout.root) as server:
        pulled = run(*podman, "pull", "-q", "--tls-verify=false", f"{server.host}/team/app:1")
    root = Path(run(*podman, "image", "mount", pulled.strip()).strip())
    try:
        assert_whole(root)
    finally:
        run(*podman, "image", "umount", pulled.strip())


def test_skopeo_copies_it_with_what_its_descriptors_say_and_umoci_unpacks_it(layout, tmp_path):
    copy, bundle = tmp_path / "copy", tmp_path / "bundle"
    with serving(layout.root) as server:
        source = ("--src-tls-verify=false", f"docker://{server.host}/team/app:1")
        run(tool("skopeo"), "--insecure-policy", "copy", "-q", *source, f"oci:{copy}:1")
    copied = ImageLayout(copy)
    layers = copied.document(copied.find("1").digest).layers
    assert all(POSITION in layer.annotations for layer in layers)
    rootless = () if os.geteuid() == 0 else ("--rootless",)
    run(tool("umoci"), "unpack", *rootless, "--image", f"{copy}:1", bundle)
    assert_whole(bundle / "rootfs")
