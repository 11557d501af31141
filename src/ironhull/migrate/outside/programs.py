"""Which commands need what a hardened image does not have."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

_SHELLS = frozenset(("sh", "bash", "ash", "dash", "busybox"))
_TOOLS = frozenset(
    ("curl", "wget", "nc", "netcat", "cat", "ls", "test", "grep", "ps", "pgrep", "echo", "true",
     "npm", "npx", "yarn", "pnpm", "stat", "sleep", "env", "[")
)  # fmt: skip


def needs_shell(words: Sequence[str], *, string_is_shell: bool) -> bool:
    """Whether a command (with compose's CMD or CMD-SHELL in front, or without) needs one.

    `string_is_shell`: it was written as one string, where that means a shell.
    """
    left = list(words)
    kind = left.pop(0) if left and left[0] in ("CMD", "CMD-SHELL", "NONE") else ""
    if kind == "NONE" or not left:
        return False
    if kind == "CMD-SHELL" or string_is_shell:
        return True
    return posixpath.basename(left[0]) in _SHELLS | _TOOLS
