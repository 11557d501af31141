"""How many bytes an update moves: layers as zstd, and as zstd:chunked of which files are fetched.

`python benchmarks/chunked.py [--json] [--no-podman]`: bytes of bodies that `ironhull serve` sent,
by its own counter, to a machine that has the image before. Exit code 1 if a limit is passed.

fix       node:20 after an openssl fix: one byte of libcrypto.so.3 is another, and the package's
          entry in the database
python    python:3.13, where node:20 is
app       the application of the case study (`npm ci --omit=dev`) as a layer on node:20, where
          node:20 is
app_fix   the same with one more line in server.js, where the application is

layered   a layer for each package, as Ironhull builds by default
one       the same image as one layer (`output: squashed`), as most images have what they install
zstd      `ironhull pull` of layers that are ordinary zstd
chunked   `ironhull pull` of zstd:chunked layers
podman    podman of Debian 13 in a root of its own (mmdebstrap), with partial pulls; needs root
whole     bytes of the new image, chunked: what a machine without any image fetches
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from outside.mmdebstrap import make_root  # noqa: E402
from outside.tools import find  # noqa: E402

from ironhull.build.compose import write_layer  # noqa: E402
from ironhull.build.compression import Compression  # noqa: E402
from ironhull.build.sink import LayerSink  # noqa: E402
from ironhull.oci.descriptor import Descriptor  # noqa: E402
from ironhull.oci.document import Document, canonical  # noqa: E402
from ironhull.oci.media_types import OCI_CONFIG  # noqa: E402
from ironhull.oci.tar import DIRECTORY, FILE, TarReader  # noqa: E402
from ironhull.oci.tar_writer import TarHeader  # noqa: E402
from ironhull.store.choice import choose_manifest  # noqa: E402
from ironhull.store.copy import copy_image  # noqa: E402
from ironhull.store.layers import image_layers, open_layer  # noqa: E402
from ironhull.store.layout import ImageLayout  # noqa: E402

IRONHULL = ROOT / ".venv/bin/ironhull"
LIBRARY = "usr/lib/x86_64-linux-gnu/libcrypto.so.3"
DATABASE = "var/lib/dpkg/status.d/libssl3t64"
NAMES = ("node:20", "python:3.13")
HAD = {"fix": "node:20", "python": "node:20", "app": "node:20", "app_fix": "app:1"}
NEW = {"fix": "node:fix", "python": "python:3.13", "app": "app:1", "app_fix": "app:2"}
LIMITS = {"one.fix.*_ratio": 0.25, "one.python.*_ratio": 0.75, "one.app_fix.*_ratio": 0.6}
"""Of ordinary zstd, for images of one layer. `app` is new to the machine: it has no file of it."""
STORAGE = """[storage]
driver = "overlay"
graphroot = "/pulled"
runroot = "/run/containers/storage"
[storage.options]
pull_options = {enable_partial_images = "true", use_hard_links = "false", ostree_repos = ""}
"""


@dataclass
class Update:
    zstd: int
    chunked: int
    podman: int | None
    whole: int
    chunked_ratio: float
    """Of ordinary zstd."""
    podman_ratio: float | None


@dataclass
class Figures:
    layered: dict[str, Update]
    one: dict[str, Update]
    podman: str
    """Its version; empty where it was left out."""

    def passed(self) -> list[str]:
        found = []
        for pattern, limit in LIMITS.items():
            update = self.one[pattern.split(".")[1]]
            if max(update.chunked_ratio, update.podman_ratio or 0) > limit:
                found.append(f"{pattern}: at most {limit} of zstd")
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-podman", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ih-") as folder:
        figures = Bench(Path(folder), not options.no_podman and os.geteuid() == 0).measure()
    if options.json:
        print(json.dumps({**asdict(figures), "limits": LIMITS}))
    else:
        for shape in ("layered", "one"):
            for name, update in getattr(figures, shape).items():
                print(f"{shape:8} {name:8} {asdict(update)}")
        print(figures.podman, figures.passed())
    return 1 if figures.passed() else 0


class Bench:
    def __init__(self, folder: Path, podman: bool) -> None:
        self.folder = folder
        self.root = folder / "root" if podman else None
        self.images = folder / "images"
        shutil.copytree(ROOT / "images", self.images)
        for lock in self.images.rglob("*.lock.json"):
            lock.unlink()

    def measure(self) -> Figures:
        if self.root is not None:
            self.prepare(self.root)
        app = self.application()
        found: dict[str, dict[str, Update]] = {}
        for shape in ("layered", "one"):
            if shape == "one":
                self.squash()
            layouts = {way: self.made(shape, way, app) for way in ("zstd", "zstd:chunked")}
            found[shape] = self.updates(layouts)
        version = self.inside("podman", "--version").split()[-1] if self.root else ""
        return Figures(found["layered"], found["one"], version)

    # What is pulled.

    def squash(self) -> None:
        for image, stem in (("node", "20"), ("python", "3.13")):
            path = self.images / image / "debian-13" / f"{stem}.yaml"
            path.write_text(path.read_text() + "\noutput: squashed\n")

    def made(self, shape: str, way: str, app: Path) -> ImageLayout:
        """A layout with both images, the fixed one, and the application twice."""
        ironhull(
            self.folder / "home", "build", *NAMES, "--compression", way, "--no-attest",
            "--platform", "linux/amd64", IRONHULL_CATALOG=str(self.images),
        )  # fmt: skip
        store = ImageLayout(self.folder / "home/store")
        layout = ImageLayout(self.folder / f"{shape}-{way}".replace(":", "-"), create=True)
        for name in NAMES:
            copy_image(store, store.find(name), layout, [name])
        base = layout.document(choose_manifest(layout, layout.find("node:20"), None).digest)
        compression = Compression.parse(way)
        layout.tag(fixed(layout, base, compression), ["node:fix"])
        for number in (1, 2):
            more = b"\n// mended\n" if number == 2 else b""

            def write(sink: LayerSink, more: bytes = more) -> None:
                write_tree(sink, app, more)

            layer, diff_id, _ = write_layer(write, compression, layout.blobs)
            layers = [*image_layers(layout, base), (layer, diff_id)]
            layout.tag(image(layout, base, layers), [f"app:{number}"])
        return layout

    def application(self) -> Path:
        folder = self.folder / "app"
        shutil.copytree(ROOT / "examples/node-app", folder)
        subprocess.run(
            ["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        return folder

    # Who pulls it.

    def updates(self, layouts: dict[str, ImageLayout]) -> dict[str, Update]:
        found = {}
        for update, new in NEW.items():
            moved: dict[str, int] = {}
            podman = None
            for way, layout in layouts.items():
                with serving(layout.root) as server:
                    had = f"{server.host}/{HAD[update]}"
                    home = self.folder / f"pulled-{layout.root.name}-{update}"

                    def pull(name: str, home: Path = home) -> None:
                        ironhull(home, "pull", name, "--platform", "linux/amd64")

                    moved[way] = server.counted(pull, had, f"{server.host}/{new}")
                    if way == "zstd:chunked" and self.root is not None:
                        self.forget(self.root)
                        podman = server.counted(self.podman_pull, had, f"{server.host}/{new}")
            layout = layouts["zstd:chunked"]
            manifest = layout.document(choose_manifest(layout, layout.find(new), None).digest)
            whole = sum(layer.size for layer in manifest.layers)
            zstd, chunked = moved["zstd"], moved["zstd:chunked"]
            beside = None if podman is None else podman / zstd
            found[update] = Update(zstd, chunked, podman, whole, chunked / zstd, beside)
        return found

    def prepare(self, root: Path) -> None:
        program = find("mmdebstrap")
        if program is None:
            raise SystemExit("needs mmdebstrap (.ci/tools mmdebstrap), or --no-podman")
        options = ("--variant=minbase", "--include=podman,skopeo,ca-certificates,crun",
                   '--aptopt=Apt::Install-Recommends "false"')  # fmt: skip
        archive = make_root(program, "trixie", options, self.folder / "root.tar")
        root.mkdir()
        subprocess.run(["tar", "-xpf", archive, "-C", root, "--exclude=./dev/*"], check=True)
        archive.unlink()
        for path in ("pulled", "etc/containers"):
            (root / path).mkdir(exist_ok=True)
        (root / "etc/containers/storage.conf").write_text(STORAGE)
        accept = {"default": [{"type": "insecureAcceptAnything"}]}
        (root / "etc/containers/policy.json").write_text(json.dumps(accept))

    def forget(self, root: Path) -> None:
        shutil.rmtree(root / "pulled")
        (root / "pulled").mkdir()

    def podman_pull(self, name: str) -> None:
        said = self.inside("podman", "--log-level=debug", "pull", "--tls-verify=false", name)
        assert "Retrieved partial blob" in said or "already exists" in said, said[-2000:]

    def inside(self, *command: str) -> str:
        """What a program in the root says, in mounts that end with it."""
        script = (
            # A root that is no mount of its own cannot be remounted, as podman does.
            'mount --make-rprivate /; mount --bind "$1" "$1"; cd "$1"; shift; '
            "mount -t proc proc proc; "
            "mount --rbind /sys sys; mount --rbind /dev dev; mount -t tmpfs tmpfs run; "
            'mount -t tmpfs tmpfs tmp; exec chroot . "$@"'
        )
        done = subprocess.run(
            ["unshare", "-m", "sh", "-ec", script, "sh", str(self.root), *command],
            capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": "/tmp"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout + done.stderr


def ironhull(home: Path, *words: Any, **more: str) -> None:
    subprocess.run(
        [IRONHULL, *words], check=True, capture_output=True,
        env={**os.environ, "IRONHULL_HOME": str(home), **more},
    )  # fmt: skip


@dataclass
class Server:
    host: str

    def counted(self, pull: Callable[[str], object], had: str, new: str) -> int:
        """Bytes that the second pull was sent."""
        pull(had)
        before = self.moved("sent")
        pull(new)
        return self.moved("sent") - before

    def moved(self, direction: str) -> int:
        """Bytes of all bodies that the server `received` or `sent`."""
        with urllib.request.urlopen(f"http://{self.host}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        found = re.search(rf'body_bytes_total\{{direction="{direction}"\}} (\d+)', text)
        assert found, text[:500]
        return int(found[1])


@contextmanager
def serving(layout: Path) -> Iterator[Server]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{found.getsockname()[1]}"
    command = [IRONHULL, "serve", "--data", layout, "--listen", host]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server, end = Server(host), time.monotonic() + 60
        while True:
            try:
                server.moved("sent")
                break
            except OSError:
                assert running.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
        yield server
    finally:
        running.terminate()
        running.wait()


# Images that are like others.


def image(layout: ImageLayout, base: Document, layers: list[Any]) -> Descriptor:
    """The base's image with other layers (descriptor, diff_id)."""
    config = {**layout.document(base.config.digest).value}
    config["rootfs"] = {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]}
    config.pop("history", None)
    raw = canonical(config)
    about = Descriptor(OCI_CONFIG, layout.blobs.put(raw), len(raw))
    value = {**base.value, "config": about.json(), "layers": [one.json() for one, _ in layers]}
    document = Document.of(value)
    layout.blobs.put(document.raw)
    return document.descriptor()


def fixed(layout: ImageLayout, base: Document, compression: Compression) -> Descriptor:
    """The image with another libcrypto."""
    layers = []
    for layer, diff_id in image_layers(layout, base):
        with open_layer(layout, layer) as stream:
            there = any(member.name == LIBRARY for member in TarReader(stream, "a layer"))
        if there:
            layer, diff_id, _ = write_layer(
                lambda sink, layer=layer: mend(layout, layer, sink), compression, layout.blobs
            )
        layers.append((layer, diff_id))
    return image(layout, base, layers)


def mend(layout: ImageLayout, layer: Descriptor, sink: LayerSink) -> None:
    with open_layer(layout, layer) as stream:
        reader = TarReader(stream, "a layer")
        for member in reader:
            data = reader.read(1 << 30) or b""
            if member.name == LIBRARY:
                data = data[:-1] + bytes([data[-1] ^ 1])
            if member.name == DATABASE:
                data += b" "
            header = TarHeader(
                member.name.rstrip("/"), member.kind, member.mode, member.uid, member.gid,
                len(data), member.mtime, member.link, member.xattrs or {},
            )  # fmt: skip
            sink.member(header, data)


def write_tree(sink: LayerSink, folder: Path, more: bytes) -> None:
    sink.member(TarHeader("app", DIRECTORY, 0o755))
    for path in sorted(folder.rglob("*")):
        name = f"app/{path.relative_to(folder)}"
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            continue
        if path.is_dir():
            sink.member(TarHeader(name, DIRECTORY, 0o755))
            continue
        data = path.read_bytes() + (more if path == folder / "server.js" else b"")
        sink.member(TarHeader(name, FILE, 0o644, size=len(data)), data)


if __name__ == "__main__":
    sys.exit(main())
