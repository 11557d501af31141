"""What threads decode: types are learnt when a module is loaded, by one thread.

msgspec keeps what it learns of a type before it has learnt all; a second thread that decodes the
same type for the first time then reads what is not there yet, and the process ends.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src/ironhull"
LEARNT = re.compile(r"msgspec\.\w+\.decode\((?:[^()]|\([^()]*\))*type=.*")
# A server has threads, and a Workspace may be shared by those of any program.
ROOMS = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_no_type_is_learnt_while_threads_run(room: str) -> None:
    found = [
        f"{path.relative_to(SOURCE)}: {match[0]}"
        for path in sorted((SOURCE / room).rglob("*.py"))
        for match in LEARNT.finditer(path.read_text())
    ]
    made = [
        f"{path.relative_to(SOURCE)}: {match[0]}"
        for path in sorted((SOURCE / room).rglob("*.py"))
        for match in re.finditer(r"^ +.*msgspec\.\w+\.Decoder\(.*", path.read_text(), re.MULTILINE)
    ]
    assert found + made == []
