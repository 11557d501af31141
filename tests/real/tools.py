"""A real tool for a test, or the reason why the test is skipped."""

from __future__ import annotations

from pathlib import Path

import pytest
from outside.tools import find


def tool(name: str) -> Path:
    """The tool's path; skips the running test if it is not there."""
    found = find(name)
    if found is None:
        pytest.skip(f"needs {name} (to get it: .ci/tools {name})")
    return found
