"""What enters a running sandbox is Python itself: who may not run it is told so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ironhull.errors import EngineError
from ironhull.sandbox import entering


def test_a_python_that_the_user_may_not_run_is_an_engines_error(monkeypatch, tmp_path):
    kept = tmp_path / "python3"
    kept.write_text("")
    monkeypatch.setattr(sys, "executable", str(kept))
    with pytest.raises(EngineError, match="python3 cannot be started to enter a sandbox"):
        entering._started("execute", [], [], (subprocess.DEVNULL,) * 3)
