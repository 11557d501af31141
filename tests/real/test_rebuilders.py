"""Two small source packages of Debian, really built again: what came out, attested and counted.

One gives the archive's bytes in today's release, the other was built with an older compiler: both
answers are needed. What the rebuild gave is kept for as long as archive and sources are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from outside.kept import kept
from outside.mmdebstrap import make_root
from tests.real.tools import tool
from tests.unit.verify.test_rebuilders import Rebuilder, write

from ironhull.archive.mirror import find_repositories

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
SOURCES = ("netbase", "hostname")
IMAGE = "rebuilt:1"
INCLUDE = "--include=build-essential,debhelper,fakeroot"
BUILD = """set -e
cd /tmp
for name in "$@"; do
    dpkg-source --no-check -x "$name"_*.dsc "src-$name"
    (cd "src-$name" && dpkg-buildpackage -us -uc -b)
done
"""


class Shop:
    """An image of those packages, and what rebuilding them gave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("key", "generate", "--no-passphrase")
        text = (ROOT / "images/static/debian-13/13.yaml").read_text()
        head, _, _ = text.partition("tags:")
        head = head.replace("image: static", "image: rebuilt").replace("../../", "")
        packages = "".join(f"    - {name}\n" for name in SOURCES)
        definition = f'{head}tags: ["1"]\ncontents:\n  packages:\n{packages}'
        (folder / "images").mkdir()
        shutil.copytree(ROOT / "images/_shared", folder / "images/_shared")
        self.file = folder / "images" / "rebuilt.yaml"
        self.file.write_text(definition)
        self.run("build", str(self.file), "--platform", "linux/amd64")

    def run(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [ROOT / ".venv/bin/ironhull", *words],
            env=os.environ
            | {
                "IRONHULL_HOME": str(self.folder / "home"),
                "IRONHULL_CATALOG": str(self.folder / "images"),
            },
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def packages(self) -> list[dict[str, Any]]:
        said = json.loads(self.run("attestations", IMAGE, "--read", "provenance"))
        listed = said["buildDefinition"]["resolvedDependencies"]
        return [each for each in listed if each["uri"].startswith("pkg:deb/")]

    def locked(self) -> dict[str, str]:
        """Name of the package → sha256 of the archive's file."""
        return {
            each["name"].partition("_")[0]: each["digest"]["sha256"] for each in self.packages()
        }

    def sources(self) -> dict[str, bytes]:
        """The files of the source packages, from where the archive has the binary ones."""
        found = {}
        for each in self.packages():
            name, version, _ = each["name"].split("_")
            if name in SOURCES:
                pool = each["annotations"]["path"].rpartition("/")[0]
                dsc = f"{name}_{version}.dsc"
                found[dsc] = fetched(f"{pool}/{dsc}")
                for digest, file in _LISTED.findall(found[dsc]):
                    data = fetched(f"{pool}/{file.decode()}")
                    assert hashlib.sha256(data).hexdigest() == digest.decode()
                    found[file.decode()] = data
        assert len(found) >= 2 * len(SOURCES)
        return found


_LISTED = re.compile(rb"^ ([0-9a-f]{64}) \d+ (\S+)$", re.MULTILINE)


def fetched(path: str) -> bytes:
    """A file of the mirror's pool."""
    repository = find_repositories("debian-13")[0]
    with urllib.request.urlopen(f"{repository.uri.rstrip('/')}/{path}", timeout=60) as answer:
        data: bytes = answer.read()
    return data


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("rebuilt"))


@pytest.fixture(scope="module")
def rebuilt(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """File → sha256 of what `dpkg-buildpackage` made of the sources, in today's release."""
    folder = tmp_path_factory.mktemp("sources")
    files = shop.sources()
    root = make_root(tool("mmdebstrap"), "trixie", ["--variant=apt", INCLUDE], folder / "root.tar")

    def answer() -> bytes:
        inside = folder / "root"
        inside.mkdir()
        subprocess.run(["tar", "-xf", root, "-C", inside], check=True)
        for name, data in files.items():
            (inside / "tmp" / name).write_bytes(data)
        subprocess.run(
            ["chroot", inside, "sh", "-c", BUILD, "sh", *SOURCES], check=True, capture_output=True
        )
        made = (inside / "tmp").glob("*.deb")
        found = {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in made}
        return json.dumps(found).encode()

    with root.open("rb") as file:
        state = hashlib.file_digest(file, "sha256").hexdigest()
    found: dict[str, str] = json.loads(kept([state, BUILD, *files.values()], answer))
    return found


def test_one_package_came_out_as_it_is_in_the_archive(shop: Shop, rebuilt: dict[str, str]) -> None:
    locked = shop.locked()
    same = {name for name, digest in locked.items() if digest in rebuilt.values()}
    assert "netbase" in same
    # It was built before today's compiler; should it ever be built anew, this test says so.
    assert "hostname" not in same
    assert any(name.startswith("hostname_") for name in rebuilt)


def test_what_was_rebuilt_is_attested_shown_and_verified(
    shop: Shop, rebuilt: dict[str, str], tmp_path: Path
) -> None:
    one, two = Rebuilder(), Rebuilder()
    for who, rebuilder in (("one", one), ("two", two)):
        write(tmp_path / "links", who, rebuilder.link(rebuilt))
        (tmp_path / f"{who}.pub").write_bytes(rebuilder.public.pem)
    keys = [word for who in ("one", "two") for word in ("--rebuilder-key", f"{tmp_path}/{who}.pub")]
    shop.run("attest", IMAGE, "--type", "rebuilds", "--rebuilders", f"{tmp_path}/links", *keys)
    shown: Any = json.loads(shop.run("show", IMAGE, "--json"))["rebuilt"]
    assert shown == {"2": 1, "0": len(shop.locked()) - 1}
    (tmp_path / "ours.pub").write_text(shop.run("key", "public"))
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\nname: rebuilt\n"
        "keys: {ours: ours.pub, one: one.pub, two: two.pub}\n"
        "inputs: {reproduced-by: 2, of: [one, two]}\n"
    )
    verdict = json.loads(shop.run("verify", IMAGE, "--policy", str(policy), "--json", code=1))
    (failed,) = (each for each in verdict["rules"] if each["status"] == "fail")
    assert failed["rule"] == "inputs"
    assert failed["found"].startswith(f"1 of {len(shop.locked())} packages; not known of ")
    assert "netbase" not in failed["found"]
