"""`build`, `show`, `cache` from a signed mirror on disk, as a stranger would use them."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.deb import file, program
from tests.fakes.mirror import FakeDeb, SigningKey, archive_key, make_repository, serving

DEFINITION = """\
name: App
image: app
tags: ["1", "1-debian13"]
platforms: [linux/amd64]
contents:
  packages: [app]
accounts:
  run-as: nonroot
  users: [{name: nonroot, uid: 65532, gid: 65532}]
os-release: {name: Debian, id: debian, version-id: "13", version-codename: trixie, pretty-name: App}
cmd: [app]
"""


class Bench:
    """A mirror on disk, a catalog with one image, and a home; `run` is the real command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mirror, self.home = folder / "mirror", folder / "home"
        self.keyring = folder / "key.pgp"
        self.keyring.write_bytes(archive_key().certificate)
        self.file = folder / "images/app/debian-13/1.yaml"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(DEFINITION)
        self.publish(app="1.0-1")

    def publish(self, **versions: str) -> None:
        """Let the mirror have these packages, signed today."""
        debs = [
            FakeDeb.make(name, version, files={
                f"usr/bin/{name}": program("#!/bin/nothing" if name == "tool" else version),
                f"usr/share/doc/{name}/copyright": file("MIT"),
            })
            for name, version in versions.items()
        ]  # fmt: skip
        shutil.rmtree(self.mirror, ignore_errors=True)
        now = datetime.now(UTC)
        for suite in ("trixie", "trixie-updates", "trixie-security"):
            make_repository(
                self.mirror, debs if suite == "trixie" else [], suite=suite, date=now,
            )  # fmt: skip

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ironhull.cli", *arguments],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=120,
            env={
                **os.environ, "IRONHULL_HOME": str(self.home), "IRONHULL_MIRROR": str(self.mirror),
                "IRONHULL_KEYRING": str(self.keyring), **environment,
            },
        )  # fmt: skip

    def build(self, *more: str, **environment: str) -> dict:
        made = self.run("build", "app:1", "--json", *more, **environment)
        assert made.returncode == 0, made.stderr
        return json.loads(made.stdout)


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def test_build_locks_builds_and_says_what_it_made(bench):
    value = bench.build()
    (image,) = value["images"]
    assert image["name"] == "app"
    assert image["tags"][:2] == ["1", "1-debian13"]
    (platform,) = image["platforms"]
    assert {"platform", "digest", "compressed_size", "layers"} <= set(platform)
    assert (value["layers_made"], value["layers_reused"]) == (1, 0)
    assert bench.file.with_name("1.lock.json").is_file()
    again = bench.build()
    assert again["images"][0]["digest"] == image["digest"]
    assert again["layers_made"] == 0


def test_show_says_what_is_in_the_image(bench):
    bench.build()
    shown = bench.run("show", "app:1", "--json")
    value = json.loads(shown.stdout)
    assert value["user"] == "65532:65532"
    assert value["cmd"] == ["app"]
    assert value["packages"][0] | {"size": 0} == {
        "name": "app", "version": "1.0-1", "architecture": "amd64", "source": "app",
        "source_version": "1.0-1", "size": 0,
    }  # fmt: skip
    assert all(check["ok"] for check in value["checks"])
    text = bench.run("show", "app").stdout + bench.run("show", "app:1").stdout
    assert "none (looked at" in text
    assert "\x1b[" not in text


def test_show_never_shows_a_secret_that_the_image_carries(bench):
    secret = "correct-horse-battery"
    bench.file.write_text(
        DEFINITION.replace("cmd: [app]", f"cmd: [app, --password={secret}]")
        + f"environment: {{APP_MODE: fast, DB_PASSWORD: {secret}}}\n"
    )
    bench.build()
    shown = bench.run("show", "app:1", "--json").stdout
    assert secret not in shown + bench.run("show", "app:1").stdout
    value = json.loads(shown)
    assert {"APP_MODE=fast", "DB_PASSWORD=[secret]"} <= set(value["environment"])
    assert value["cmd"] == ["app", "--password=[secret]"]


def test_other_surroundings_give_the_same_digest(bench, tmp_path):
    digest = bench.build()["images"][0]["digest"]
    old = os.umask(0o077)
    try:
        other = bench.build(
            "--jobs", "1", TZ="Pacific/Kiritimati", LC_ALL="C", PYTHONHASHSEED="7",
            IRONHULL_HOME=str(tmp_path / "elsewhere"), HOME=str(tmp_path), USER="nobody",
        )  # fmt: skip
    finally:
        os.umask(old)
    assert other["images"][0]["digest"] == digest
    assert other["layers_made"] == 1


def test_the_lock_holds_until_it_is_updated(bench):
    first = bench.build()["images"][0]["digest"]
    bench.publish(app="1.0-2")
    assert bench.build()["images"][0]["digest"] == first
    assert bench.build("--update")["images"][0]["digest"] != first


def test_a_package_that_is_nowhere_any_more_stops_the_build_with_the_way_out(bench):
    bench.build()
    bench.publish(app="1.0-2")
    shutil.rmtree(bench.home)
    failed = bench.run("build", "app:1")
    assert failed.returncode in (2, 3)
    assert "app 1.0-1" in failed.stderr
    assert "--update" in failed.stderr
    assert bench.run("show", "app:1").returncode == 2


def test_a_snapshot_archive_has_what_the_mirror_dropped(bench, tmp_path):
    digest = bench.build()["images"][0]["digest"]
    created = json.loads(bench.file.with_name("1.lock.json").read_text())["created"]
    moment = datetime.fromisoformat(created).strftime("%Y%m%dT%H%M%SZ")
    shutil.copytree(bench.mirror, tmp_path / "snapshots/debian" / moment)
    bench.publish(app="1.0-2")
    shutil.rmtree(bench.home)
    (bench.folder / "ironhull.toml").write_text(
        f'snapshot = "file:{tmp_path}/snapshots/{{archive}}/{{timestamp}}"\n'
    )
    assert bench.build()["images"][0]["digest"] == digest


def test_everything_that_is_locked_and_stored_builds_offline(bench):
    digest = bench.build()["images"][0]["digest"]
    shutil.rmtree(bench.mirror)
    shutil.rmtree(bench.home / "store")
    shutil.rmtree(bench.home / "cache/layers")
    assert bench.build("--offline")["images"][0]["digest"] == digest


def test_an_output_folder_is_a_plain_layout_of_the_image(bench):
    value = bench.build("-o", "out")
    index = json.loads((bench.folder / "out/index.json").read_text())
    assert {item["digest"] for item in index["manifests"]} == {value["images"][0]["digest"]}
    (bench.folder / "full").mkdir()
    (bench.folder / "full/x").write_text("")
    refused = bench.run("build", "app:1", "-o", "full")
    assert (refused.returncode, "not empty" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("build",), 2, "Missing argument"),
        (("build", "ap:1"), 2, "app"),
        (("build", "app:2"), 2, "app:1"),
        (("build", "none.yaml"), 2, "none.yaml"),
        (("build", "app:1", "--platform", "linux/arm64"), 2, "it is for: linux/amd64"),
        (("build", "app:1", "--platform", "amd64"), 2, "not a platform"),
        (("build", "app:1", "--compression", "lz4"), 2, "unknown compression"),
        (("build", "app:1", "--update", "--locked"), 2, "excludes"),
        (("build", "app:1", "--locked"), 2, "has no lock"),
        (("build", "app:1", "--mirror", "/nowhere"), 2, "/nowhere"),
        (("show", "app:1"), 2, "ironhull build app:1"),
        (("cache", "prune"), 2, "say what to prune"),
        (("biuld",), 2, "Did you mean 'build'?"),
    ],
)
def test_wrong_use_gets_one_clear_error(bench, arguments, code, words):
    failed = bench.run(*arguments)
    assert (failed.returncode, failed.stdout) == (code, "")
    assert words in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_failed_check_ends_with_one_and_publishes_nothing(bench):
    bench.file.write_text(DEFINITION.replace("packages: [app]", "packages: [app, tool]"))
    bench.publish(app="1.0-1", tool="1")
    failed = bench.run("build", "app:1")
    assert failed.returncode == 1
    assert "/usr/bin/tool needs /bin/nothing" in failed.stderr
    assert bench.run("show", "app:1").returncode == 2
    suggested = bench.run("build", "app:1", "--suggest", "--json")
    assert suggested.returncode == 1
    assert json.loads(suggested.stdout)["mending"]["delete"] == ["/usr/bin/tool"]


def test_the_cache_is_listed_pruned_and_verified(bench):
    bench.build()
    listed = json.loads(bench.run("cache", "list", "--json").stdout)
    files = {item["name"]: item["files"] for item in listed["usage"]}
    assert (files["packages"], files["changelogs of packages"]) == (1, 1)
    assert bench.run("cache", "verify").returncode == 0
    assert json.loads(bench.run("cache", "prune", "--packages", "--json").stdout)["files"] == 2
    blob = next((bench.home / "store/blobs/sha256").iterdir())
    blob.write_bytes(b"x")
    damaged = bench.run("cache", "verify")
    assert damaged.returncode == 1
    assert "is damaged" in damaged.stderr


def test_a_repository_of_the_definition_s_own_is_trusted_by_its_own_key(bench, tmp_path):
    key = SigningKey.generate()
    deb = FakeDeb.make("extra", "2.0-1", files={"usr/lib/extra": file("1")})
    make_repository(tmp_path / "vendor", [deb], suite="stable", key=key, date=datetime.now(UTC))
    vendor = bench.file.with_name("vendor.pgp")
    with serving(tmp_path / "vendor") as server:
        contents = (
            f"packages: [app, extra]\n  repositories: ['deb {server.url} stable main']\n"
            "  keyring: [vendor.pgp]"
        )
        bench.file.write_text(DEFINITION.replace("packages: [app]", contents))
        vendor.write_bytes(SigningKey.generate().certificate)
        refused = bench.run("build", "app:1")
        assert refused.returncode == 2
        assert "not in the keyring" in refused.stderr
        vendor.write_bytes(key.certificate)
        value = bench.build()
    assert value["images"][0]["platforms"][0]["packages"] == 2


def test_a_key_is_never_fetched_without_tls(bench, tmp_path):
    contents = (
        "packages: [app]\n  repositories: ['deb http://127.0.0.1:1/x stable main']\n"
        "  keyring: ['http://127.0.0.1:1/key.pgp']"
    )
    bench.file.write_text(DEFINITION.replace("packages: [app]", contents))
    refused = bench.run("build", "app:1")
    assert refused.returncode == 2
    assert "https" in refused.stderr
