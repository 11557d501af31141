"""Try, in a running container, what an attacker who can run code in the application would try.

The code is `attack.js`, run by the application's own Node.js: whoever has found a hole in a
JavaScript application has exactly that.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from ironhull.demo.model import Attack, Attempt
from ironhull.engine.interface import Container
from ironhull.errors import EngineError
from ironhull.reports.text import harmless

TITLES = {
    "shell": "run a shell",
    "npm": "run npm",
    "apt": "run apt, apk or dpkg",
    "download": "run curl or wget",
    "compiler": "run a compiler",
    "code": "change the application's code",
    "program": "replace a program (node)",
    "etc": "write to /etc",
    "root": "be or become root",
    "setuid": "find setuid programs",
    "shadow": "read /etc/shadow",
    "own": "run a program put into /tmp",
    "tmp": "write to /tmp",
}
"""What attack.js tries, in the order to show it."""

NEEDED = frozenset({"tmp"})
"""What the application itself needs, so that no hardening takes it away."""

_SECONDS = 120
_LONGEST = 200


def attack(container: Container) -> Attack:
    """Run the attack; EngineError if the code itself could not run or said nothing readable."""
    code = files("ironhull.demo").joinpath("attack.js").read_text("utf-8")
    done = container.execute(["node", "-e", code], timeout=_SECONDS)
    if done.exit_code != 0:
        said = (done.stderr or done.stdout).strip()[-500:]
        raise EngineError(f"the attack did not run (exit code {done.exit_code}): {said}")
    return parse(done.stdout)


def parse(text: str) -> Attack:
    """What attack.js printed; it ran in a container, so nothing about it is taken on trust."""
    try:
        value = json.loads(text)
        found = value["attempts"]
        return Attack(
            uid=_number(value["uid"]),
            capabilities=_number(value["capabilities"]),
            no_new_privileges=value["noNewPrivileges"] is True,
            node=_text(value["node"]),
            attempts=tuple(
                Attempt(name, title, found[name]["done"] is True, _text(found[name]["detail"]))
                for name, title in TITLES.items()
            ),
        )
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise EngineError(f"the attack's answer cannot be read: {error!r:.200}") from None


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a number was expected, got {value!r:.50}")
    return value


def _text(value: Any) -> str:
    """One printable line."""
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, got {value!r:.50}")
    return harmless(value[:_LONGEST])
