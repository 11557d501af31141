"""The verbs that take no time load nothing that they do not use (benchmarks/startup.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# What makes layers, solves, reaches servers, opens archives, reads other people's images.
_ELSEWHERE = (
    "ironhull.archive.fetch",
    "ironhull.archive.debian",
    "ironhull.attest",
    "ironhull.engine",
    "ironhull.registry",
    "ironhull.signing",
    *(f"ironhull.transport.{part}" for part in ("exchange", "pools", "redirects", "receive")),
    "concurrent.futures",
    "urllib3",
    "sqlalchemy",
    "alembic",
)
_MAKING = ("ironhull.build.compose", "ironhull.build.steps", "ironhull.lock.solve")
# Each takes as long to load as all else that a light verb needs.
_SLOW = ("cryptography", "msgspec", "typing_extensions", "jinja2", "rich")
_LIGHT = (*_SLOW, "inspect")
_EXAMINING = ("ironhull.inventory.cataloguers", "ironhull.oci.tar", "packaging", "zstandard")


@pytest.mark.parametrize(
    ("verb", "needless"),
    [
        ("build", (*_ELSEWHERE, *_MAKING, *_LIGHT, "ironhull.advisories", "ironhull.inventory")),
        ("scan", (*_ELSEWHERE, *_EXAMINING, *_LIGHT, "yaml", "ironhull.build", "ironhull.lock")),
        ("migrate", (*_ELSEWHERE, *_MAKING, *_EXAMINING, "yaml", "ironhull.compare")),
        ("explain", (*_ELSEWHERE, *_EXAMINING, *_LIGHT, "yaml", "ironhull.build")),
        ("show", (*_ELSEWHERE, *_MAKING, *_LIGHT, "yaml", "ironhull.advisories", "ironhull.lock")),
    ],
)
def test_a_verb_that_takes_no_time_loads_nothing_needless(
    verb: str, needless: tuple[str, ...]
) -> None:
    code = f"import sys, ironhull.cli.{verb}; print(*sys.modules)"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = asked.stdout.split()
    assert f"ironhull.cli.{verb}" in loaded
    assert [name for name in loaded if name.startswith(needless)] == []


@pytest.mark.parametrize("module", ["ironhull.cli.history", "ironhull.workspace.workspace"])
def test_who_does_not_watch_loads_no_database(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [n for n in asked.stdout.split() if n.startswith(("sqlalchemy", "alembic"))] == []


def test_a_policy_that_asks_nothing_of_files_loads_nothing_that_reads_them() -> None:
    modules = "ironhull.cli.verify, ironhull.verify.judge, ironhull.workspace.verify_facts"
    code = f"import sys, {modules}, ironhull.verify.policy.reader; print(*sys.modules)"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    needless = ("ironhull.inventory", "ironhull.scan.model", "ironhull.vex", "ironhull.transport")
    assert [name for name in asked.stdout.split() if name.startswith(needless)] == []


@pytest.mark.parametrize("module", ["workspace.signed_here", "workspace.rebuilt"])
def test_what_is_attached_is_listed_without_what_opens_it(module: str) -> None:
    code = f"import sys, ironhull.{module}; print(*sys.modules)"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in asked.stdout.split() if name.startswith(_SLOW)] == []


@pytest.mark.parametrize(("state", "signs"), [("active", True), ("retired", False)])
def test_whether_a_home_signs_is_known_without_loading_what_signs(
    tmp_path: Path, state: str, signs: bool
) -> None:
    (tmp_path / "keys").mkdir()
    key = {"state": state, "private": True, "pem": "", "uri": ""}
    (tmp_path / "keys" / "keys.json").write_text(json.dumps({"keys": {"one": key}}))
    code = (
        "import sys; from pathlib import Path; from ironhull.settings import Settings;"
        " from ironhull.workspace.machine import Machine;"
        f" print(Machine(Settings(Path({str(tmp_path)!r}), Path())).signs, *sys.modules)"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, *loaded = asked.stdout.split()
    assert said == str(signs)
    assert [name for name in loaded if name.startswith(_SLOW)] == []
