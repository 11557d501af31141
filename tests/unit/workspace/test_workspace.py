"""The Python API on a signed mirror on disk: two workspaces, threads, no environment."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.deb import program
from tests.fakes.mirror import FakeDeb, archive_key, make_repository
from tests.fakes.running_server import serving

import ironhull
from ironhull import Workspace
from ironhull.errors import EnvironmentProblem, InputError, LockError, NotFoundError

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


class Recorder:
    """Progress that keeps what it was told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.notes: list[str] = []

    def start(self, step: str, total: int | None, unit: str) -> Callable[[int], None]:
        self.steps.append(step)
        return lambda amount: None

    def note(self, text: str) -> None:
        self.notes.append(text)


def mirror(folder: Path, version: str) -> Path:
    """A signed mirror with one package `app`."""
    deb = FakeDeb.make("app", version, files={"usr/bin/app": program(version)})
    for suite in ("trixie", "trixie-updates", "trixie-security"):
        make_repository(
            folder, [deb] if suite == "trixie" else [], suite=suite, date=datetime.now(UTC)
        )
    return folder


def workspace(folder: Path, version: str = "1.0-1", **more: object) -> Workspace:
    """A workspace of its own below `folder`, with its own catalog, mirror and key."""
    file = folder / "images/app/debian-13/1.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(DEFINITION)
    key = folder / "key.pgp"
    key.write_bytes(archive_key().certificate)
    return Workspace.open(
        home=folder / "home",
        images=folder / "images",
        mirror=str(mirror(folder / "mirror", version)),
        keyring=key,
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture(autouse=True)
def misleading_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that would break everything if anything below cli looked at them."""
    for name in ("HOME", "CATALOG", "MIRROR", "KEYRING", "CONFIG", "PODMAN_ARGS"):
        monkeypatch.setenv(f"IRONHULL_{name}", str(tmp_path / "nowhere" / name))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "ironhull.toml").write_text("not a setting")
    monkeypatch.chdir(elsewhere)


def test_an_image_is_locked_built_shown_and_pushed_in_a_few_lines(tmp_path: Path) -> None:
    watched = Recorder()
    with workspace(tmp_path, progress=watched) as shop:
        with pytest.raises(LockError, match="has no lock"):
            shop.build("app:1", locked=True)
        assert shop.lock("app:1").status == "made"
        image = shop.build("app:1")
        assert image.tags[:2] == ("1", "1-debian13")
        assert shop.build("app:1", platforms=["linux/amd64"]) == image
        shown = shop.show("app:1")
        assert shown.image.descriptor == image.descriptor
        assert shown.config["config"]["User"] == "65532:65532"
        assert [package.name for package in shop.inventory("app:1").packages] == ["app"]
        with serving(tmp_path / "served") as server:
            (pushed,) = shop.push("app:1", f"{server.host}/base/app")
            assert pushed.done.root.digest == image.descriptor.digest
            assert shop.tags(f"{server.host}/base/app") == ["1"]
            assert shop.pull(f"{server.host}/base/app:1").done.blobs_moved == 0
            assert shop.tree(f"{server.host}/base/app:1").role == "index"
            shop.copy(f"{server.host}/base/app:1", str(tmp_path / "app.tar"))
        assert (tmp_path / "app.tar").is_file()
    assert watched.steps


def test_two_workspaces_of_one_process_do_not_know_of_each_other(tmp_path: Path) -> None:
    one, two = workspace(tmp_path / "one", "1.0-1"), workspace(tmp_path / "two", "2.0-1")
    first, second = one.build("app:1"), two.build("app:1")
    assert first.descriptor.digest != second.descriptor.digest
    versions = [shop.show("app:1").built.packages[0].version for shop in (one, two)]
    assert versions == ["1.0-1", "2.0-1"]
    with pytest.raises(NotFoundError):
        workspace(tmp_path / "three").show("app:1")


def test_of_several_folders_the_first_that_has_an_image_gives_it(tmp_path: Path) -> None:
    one = workspace(tmp_path)
    own = tmp_path / "own"
    settings = one.settings
    several = Workspace.open(
        home=tmp_path / "home", images=[own, tmp_path / "images"], mirror=settings.mirror,
        keyring=settings.keyring,
    )  # fmt: skip
    assert several.settings.catalogs == (own, tmp_path / "images")
    with pytest.raises(NotFoundError, match=r"no catalog at .*own, one of several folders"):
        several.build("app:1", update=True)
    own.mkdir()
    built = several.build("app:1", update=True)
    assert (tmp_path / "images/app/debian-13/1.lock.json").is_file()
    assert built.descriptor == several.build("app:1").descriptor
    (own / "app/debian-13").mkdir(parents=True)
    (own / "app/debian-13/1.yaml").write_text(f"{DEFINITION}labels: {{whose: ours}}\n")
    assert several.build("app:1", update=True).descriptor != built.descriptor
    with pytest.raises(NotFoundError, match=r"own/app/debian-13/1\.yaml defines it"):
        Workspace(replace(several.settings, home=tmp_path / "empty")).show("app:1")
    with pytest.raises(InputError, match="no folder of definitions"):
        Workspace.open(home=tmp_path, images=[])


def test_a_workspace_is_safe_in_threads(tmp_path: Path) -> None:
    shops = [workspace(tmp_path / name, version) for name, version in (("a", "1"), ("b", "2"))]
    shops[0].lock("app:1")
    shops[1].lock("app:1")
    with ThreadPoolExecutor(8) as pool:
        built = list(pool.map(lambda number: shops[number % 2].build("app:1"), range(24)))
        held = list(pool.map(lambda number: shops[number % 2].inventory("app:1"), range(24)))
    for number in range(2):
        assert len({image.descriptor.digest for image in built[number::2]}) == 1
        assert {found.packages[0].version for found in held[number::2]} == {str(number + 1)}


def test_a_later_call_sees_what_the_archive_has_then(tmp_path: Path) -> None:
    shop = workspace(tmp_path, "1.0-1")
    before = shop.build("app:1")
    shutil.rmtree(tmp_path / "mirror")
    mirror(tmp_path / "mirror", "1.0-2")
    assert shop.lock("app:1", check=True).status == "stale"
    assert shop.build("app:1").descriptor == before.descriptor
    assert shop.build("app:1", update=True).descriptor != before.descriptor


def test_offline_asks_nobody(tmp_path: Path) -> None:
    shop = workspace(tmp_path, offline=True)
    with pytest.raises((EnvironmentProblem, InputError)):
        shop.build("app:1")


def test_the_library_changes_nothing_of_the_process(tmp_path: Path) -> None:
    before = dict(os.environ), Path.cwd(), sorted(os.listdir())
    workspace(tmp_path).build("app:1")
    assert (dict(os.environ), Path.cwd(), sorted(os.listdir())) == before


def test_every_public_name_loads_and_type_checkers_see_the_same(tmp_path: Path) -> None:
    stub = ast.parse(Path(ironhull.__file__).with_suffix(".pyi").read_text())
    seen = {
        alias.asname: (node.module, alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    names = [name for name in dir(ironhull) if name != "__version__"]
    assert sorted(names) == sorted(seen)
    for name in names:
        value = getattr(ironhull, name)
        assert (value.__module__, value.__name__) == seen[name]
    with pytest.raises(AttributeError, match="no attribute 'Shop'"):
        _ = ironhull.Shop  # type: ignore[attr-defined]
    (tmp_path / "use.py").write_text(
        "from ironhull import Workspace\n"
        "def use(shop: Workspace) -> str:\n"
        "    return shop.build('a').descriptor.digest\n"
        "def wrong(shop: Workspace) -> int:\n"
        "    return shop.build('a').descriptor.digest\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", "use.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.stdout.count("error:") == 1, checked.stdout
    assert "use.py:5" in checked.stdout


def test_the_package_itself_loads_nothing(tmp_path: Path) -> None:
    code = "import sys, ironhull; print([m for m in sys.modules if m.startswith('ironhull.')])"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "[]"
