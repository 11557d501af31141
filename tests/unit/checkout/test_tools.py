"""No tool of the house passes over a file because of its folder's name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from hatchling.builders.wheel import WheelBuilder
from mypy.find_sources import create_source_list
from mypy.options import Options
from tests.unit.checkout.test_collection import NAMES
from vulture.utils import get_modules

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src"
BIN = Path(sys.executable).parent


def files(*folders: str) -> Iterator[Path]:
    """What lies below these folders, but for what Python writes."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    return {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in files("src")
        if path.suffix == ".py"
    }


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of the same settings, with a module in a folder of each name."""
    for name in ("pyproject.toml", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
    for name in NAMES:
        for folder in ("src/ironhull", "tests/unit", "docs"):
            (tmp_path / folder / name).mkdir(parents=True)
            (tmp_path / folder / name / "part.py").touch()
    return tmp_path


def named(checkout: Path) -> list[str]:
    return sorted(path.relative_to(checkout).as_posix() for path in checkout.rglob("part.py"))


def test_ruff_looks_at_every_python_file_in_the_folders_that_hold_some(checkout):
    assert ruffs(ROOT) >= {
        path for path in files("src", "tests", "benchmarks", "docs", "outside") if python(path)
    }
    assert ruffs(checkout) == {checkout / name for name in [*named(checkout), "pyproject.toml"]}


def python(path: Path) -> bool:
    return path.suffix in (".py", ".pyi")


def ruffs(folder: Path) -> set[Path]:
    for verb in (["check"], ["format", "--check"]):
        assert " ".join(verb) in (ROOT / "Makefile").read_text()
    said = subprocess.run(
        [BIN / "ruff", "check", "--show-files"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(map(Path, said.stdout.splitlines()))


def test_mypy_looks_at_every_module(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = {source.module: Path(source.path) for source in create_source_list(["src"], Options())}
    # Where a stub stands beside a module, it is the stub that says the types.
    stubs = {
        name: stub
        for name, path in modules().items()
        if (stub := path.with_suffix(".pyi")).exists()
    }
    assert {name: SOURCE.parent / path for name, path in found.items()} == modules() | stubs
    assert stubs.keys() <= {"ironhull"}


def test_vulture_looks_at_every_module():
    assert {path for path in get_modules([SOURCE / "ironhull"]) if path.suffix == ".py"} == {
        *modules().values()
    }
    assert 'paths = ["src/ironhull"]' in (ROOT / "pyproject.toml").read_text()


def test_the_import_rules_see_every_module():
    seen = grimp.build_graph("ironhull", cache_dir=None).modules
    assert sorted(modules().keys() ^ seen) == []


def test_the_wheel_holds_every_file_of_the_package():
    (folder,) = WheelBuilder(str(ROOT)).config.packages
    packed = {Path(each.path) for each in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert ROOT / folder == SOURCE / "ironhull"
    assert sorted(set(files("src")) - packed) == []


def test_a_setup_compiles_every_module(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "src"],
        cwd=ROOT, env=os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path)}, check=True,
    )  # fmt: skip
    assert "-m compileall -q src" in (ROOT / "Makefile").read_text()
    below = tmp_path / SOURCE.relative_to("/")
    tag = f".{sys.implementation.cache_tag}"
    compiled = {below_source(path, below).removesuffix(tag) for path in below.rglob("*.pyc")}
    assert compiled == {below_source(path, SOURCE) for path in modules().values()}


def below_source(path: Path, source: Path) -> str:
    return path.relative_to(source).with_suffix("").as_posix()


def test_git_ignores_no_file_below_a_folder_of_the_project(checkout):
    subprocess.run(["git", "init", "-q", checkout], check=True)
    folders = {
        path.parent.relative_to(ROOT)
        for path in files("src", "tests", "docs", "benchmarks", "outside")
    }
    asked = [*named(checkout), *(f"{folder.as_posix()}/part.py" for folder in folders)]
    asked += [
        path.relative_to(ROOT).as_posix() for path in files("src", "tests", "docs", "outside")
    ]
    said = subprocess.run(
        ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "--no-index", "--stdin"],
        cwd=checkout, input="\n".join(asked), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (said.returncode, said.stdout) == (1, "")
