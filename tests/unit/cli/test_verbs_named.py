"""Messages and help send people to verbs that exist."""

from __future__ import annotations

import re
from pathlib import Path

from ironhull.cli import VERBS

SOURCE = Path(__file__).parents[3] / "src/ironhull"
# Where the command's name is the first word of a sentence or a name of something else.
_NAMED = re.compile(r"(?:`|: |run:? |with |run )ironhull ([a-z][a-z-]*)")


def test_every_verb_that_a_message_names_is_there() -> None:
    named = {
        (path.relative_to(SOURCE).as_posix(), verb)
        for path in SOURCE.rglob("*.py")
        for verb in _NAMED.findall(path.read_text())
    }
    assert len(named) > 20
    assert {(path, verb) for path, verb in named if verb not in VERBS} == set()
