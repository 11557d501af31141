"""No two tests of a machine are given the same port."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.fakes import claims
from tests.fakes.claims import claim, free_port
from tests.unit.checkout.test_collection import ROOT, environment

HOLDER = (
    "import sys; from tests.fakes.claims import claim; print(claim('x', [1, 2]), flush=True);"
    " sys.stdin.read()"
)


def holder(folder: os.PathLike[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=environment(TMPDIR=str(folder), PYTHONPATH=str(ROOT)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_number_is_claimed_by_one_process_until_it_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(claims.tempfile, "gettempdir", lambda: str(tmp_path))
    with holder(tmp_path) as other:
        theirs = int(other.stdout.readline())
        mine = claim("x", [1, 2])
        assert {mine, theirs} == {1, 2}
        with pytest.raises(RuntimeError, match="every x is claimed"):
            claim("x", [1, 2])
        other.kill()
    assert claim("x", [1, 2]) == theirs


def test_ports_differ_and_are_free():
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    assert set(ports) <= set(claims.PORTS)
