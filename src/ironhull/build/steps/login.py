"""PAM's common stacks and /etc/shells, for images that people can log in to: dev and standard."""

from __future__ import annotations

from ironhull.build.steps.context import StepContext
from ironhull.build.tree import Tree

# pam-auth-update's result with the one profile that a fresh system enables, `unix`.
_STACKS = {
    "auth": "auth\t[success=1 default=ignore]\tpam_unix.so nullok\n{tail}",
    "account": "account\t[success=1 new_authtok_reqd=done default=ignore]\tpam_unix.so\n{tail}",
    "password": "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt\n{tail}",
    "session": "session\t[default=1]\tpam_permit.so\n{tail}"
    "session\toptional\tpam_umask.so\nsession\trequired\tpam_unix.so\n",
}
_TAIL = "{kind}\trequisite\tpam_deny.so\n{kind}\trequired\tpam_permit.so\n"
_SHELLS = (
    "/bin/sh",
    "/usr/bin/sh",
    "/bin/bash",
    "/usr/bin/bash",
    "/bin/rbash",
    "/usr/bin/rbash",
    "/usr/bin/dash",
)


def login(tree: Tree, context: StepContext) -> None:
    """What libpam-runtime's and debianutils' postinst write."""
    if context.part("libpam-runtime") is not None:
        for kind, stack in _STACKS.items():
            text = stack.format(tail=_TAIL.format(kind=kind)).encode()
            tree.put_file(f"etc/pam.d/common-{kind}", text)
            if kind == "session":
                tree.put_file("etc/pam.d/common-session-noninteractive", text)
    if context.definition.keep.shell and context.part("debianutils") is not None:
        shells = "".join(f"{shell}\n" for shell in _SHELLS if tree.find(shell))
        tree.put_file("etc/shells", f"# valid login shells\n{shells}".encode())
