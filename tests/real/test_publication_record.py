"""The record of publications in two registries, read by us, by oras, and by cosign."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.claims import free_port
from tests.fakes.running_server import serving
from tests.fakes.signed_image import SignedImage
from tests.real.test_registry_client import docker_registry, process
from tests.real.tools import tool

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
TAG = "ironhull-publications"


class Shop:
    """A home with a key and four images, and a registry to publish them to."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder, self.host = folder, host
        for number in range(1, 5):
            made = SignedImage(
                folder / f"image{number}", layers=[{"version": str(number)}], names=["shop:1"]
            )
            (folder / f"index{number}").write_bytes(made.layout.blobs.read(made.root.digest))
        self.run("key", "generate", "--no-passphrase")
        (folder / "key.pub").write_text(self.run("key", "public"))

    def start(self, *words: str, home: str = "home") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [ROOT / ".venv/bin/ironhull", *words],
            env=os.environ
            | {
                "IRONHULL_HOME": str(self.folder / home),
                "IRONHULL_CATALOG": str(self.folder),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, home: str = "home", code: int = 0) -> str:
        running = self.start(*words, home=home)
        out, err = running.communicate()
        assert running.returncode == code, err
        return err if code else out

    def publish(self, number: int, *words: str) -> tuple[str, ...]:
        return ("copy", f"oci:{self.folder}/image{number}/layout:shop:1", self.place, *words)

    @property
    def place(self) -> str:
        return f"{self.host}/base/shop:1"

    def history(self, *words: str, code: int = 0) -> Any:
        """Somebody else reads it."""
        key = str(self.folder / "key.pub")
        said = self.run(
            *("history", f"{self.host}/base/shop", "--key", key, "--json", *words),
            home="client",
            code=code,
        )
        return said if code else json.loads(said)


@pytest.fixture(params=["ironhull", "docker-registry"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    if request.param == "ironhull":
        with serving(tmp_path / "registry") as server:
            yield Shop(tmp_path, server.host)
        return
    tool("docker-registry")
    port = free_port()
    (tmp_path / "registry").mkdir()
    with process(docker_registry(tmp_path / "registry", port), port, tmp_path / "log"):
        yield Shop(tmp_path, f"127.0.0.1:{port}")


def test_what_is_published_is_recorded_and_whatever_is_taken_back_is_refused(shop: Shop) -> None:
    assert ", record 1" in shop.run(*shop.publish(1))
    first = shop.folder / "first"
    subprocess.run(
        [*oras("pull"), f"{shop.host}/base/shop:{TAG}", "-o", first],
        check=True,
        capture_output=True,
    )
    assert ", record 2" in shop.run(*shop.publish(2))
    found = shop.history()
    assert [each["state"] for each in found["records"]] == ["replaced", "current"]
    assert {len(each["statements"]) for each in found["records"]} == {3}
    # The tag is moved back behind the record's back, then the record with it.
    shop.run(*shop.publish(1, "--no-record"))
    assert "rolled-back: 1 is" in shop.history(code=1)
    subprocess.run(
        [
            *oras("push"),
            f"{shop.host}/base/shop:{TAG}",
            *("--artifact-type", "application/vnd.ironhull.publications.v1"),
            "tiles/000000.jsonl:application/vnd.ironhull.publications.tile.v1+jsonl",
        ],
        check=True,
        capture_output=True,
        cwd=first,
    )
    assert "record 2 (sha256:" in shop.history(code=2)
    # The publisher repairs both by publishing again.
    shop.run(*shop.publish(2))
    assert shop.history()["newest"] == 2


def test_others_read_the_chain_and_verify_each_record(shop: Shop) -> None:
    shop.run(*shop.publish(1))
    shop.run(*shop.publish(2))
    out = shop.folder / "pulled"
    subprocess.run(
        [*oras("pull"), f"{shop.host}/base/shop:{TAG}", "-o", out], check=True, capture_output=True
    )
    first, second = (out / "tiles/000000.jsonl").read_bytes().splitlines()
    assert "2 records" in shop.run("history", str(out))
    payload = json.loads(second)["dsseEnvelope"]["payload"]
    said = subprocess.run(["base64", "-d"], input=payload.encode(), capture_output=True, check=True)
    digest = "sha256:" + hashlib.sha256(first).hexdigest()
    assert json.loads(said.stdout)["predicate"]["previous"] == digest
    for number, line in enumerate((first, second), 1):
        (shop.folder / "bundle").write_bytes(line)
        for image, code in ((number, 0), (3 - number, 1)):
            done = subprocess.run(
                [
                    *(tool("cosign"), "verify-blob-attestation", "--insecure-ignore-tlog"),
                    *("--key", shop.folder / "key.pub", "--bundle", shop.folder / "bundle"),
                    *("--type", "https://ironhull.io/attestation/publication/v1"),
                    shop.folder / f"index{image}",
                ],
                check=False,
                capture_output=True,
                text=True,
                env={"HOME": str(shop.folder), "PATH": os.defpath},
            )
            assert bool(done.returncode) == bool(code), done.stderr


def test_an_export_is_read_where_there_is_no_registry(shop: Shop) -> None:
    shop.run(*shop.publish(1))
    export = shop.folder / "export"
    shop.history("--export", str(export))
    key = str(shop.folder / "key.pub")
    said = shop.run("history", str(export), "--key", key, home="far away")
    assert "1 record of base/shop" in said
    shutil.rmtree(export / "tiles")
    shop.run("history", str(export), "--key", key, home="far away", code=2)


def test_pushes_killed_at_any_moment_are_repaired_by_the_next(shop: Shop) -> None:
    shop.run(*shop.publish(1))
    started = time.monotonic()
    shop.run(*shop.publish(2))
    whole = time.monotonic() - started
    for part in range(1, 6):
        running = shop.start(*shop.publish(1 + part % 2))
        time.sleep(whole * (0.5 + part / 10))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        shop.run(*shop.publish(1 + part % 2))
        found = shop.history()
        assert found["complaints"] == []
        assert found["records"][-1]["state"] == "current"


def test_pushes_at_once_from_one_home_are_all_recorded(shop: Shop) -> None:
    # docker-registry loses blobs that are uploaded twice at once: they are there before.
    for number in range(1, 5):
        shop.run(*shop.publish(number, "--no-record"))
    running = [
        shop.start(*shop.publish(number)[:2], f"{shop.host}/base/shop:t{number}")
        for number in range(1, 5)
    ]
    for each in running:
        _, err = each.communicate()
        assert each.returncode == 0, err
    found = shop.history()
    assert found["complaints"] == []
    tags = sorted(tag for each in found["records"] for tag in each["tags"])
    assert tags == ["t1", "t2", "t3", "t4"]


def oras(verb: str) -> list[str]:
    return [str(tool("oras")), verb, "--plain-http"]
