"""/etc/passwd, /etc/group and /etc/shadow, and the home folders.

From, in this order: base-passwd's masters where that package is, sysusers.d fragments of packages,
the names in units, tmpfiles and configuration, the definition. An image always has root, so that
names resolve; its password is locked.
"""

from __future__ import annotations

import shlex

from ironhull.build.steps.context import StepContext
from ironhull.build.steps.service_accounts import STATIC, named_accounts
from ironhull.build.tree import Tree
from ironhull.definition.model import Accounts, User
from ironhull.errors import InputError

_NOLOGIN = "/usr/sbin/nologin"
_FIRST_SYSTEM_UID = 999
_NO_ID = (1 << 32) - 1
_ROOT = User("root", 0, 0, "/root", _NOLOGIN)


class _Accounts:
    """passwd and group lines by name, in order of arrival; numbers are unique."""

    def __init__(self) -> None:
        self.users: dict[str, list[str]] = {}
        self.groups: dict[str, list[str]] = {}

    def user(self, fields: list[str]) -> None:
        self.users[fields[0]] = fields

    def group(self, name: str, gid: int, members: list[str]) -> None:
        known = self.groups.get(name)
        if known is not None and known[2] != str(gid):
            raise InputError(f"group {name} is {known[2]} in the packages, {gid} in the definition")
        joined = [*(known[3].split(",") if known and known[3] else []), *members]
        self.groups[name] = [name, "x", str(gid), ",".join(dict.fromkeys(joined))]

    def free(self) -> int:
        """The highest system number that neither a user nor a group has."""
        taken = {int(fields[2]) for fields in [*self.users.values(), *self.groups.values()]}
        return next(number for number in range(_FIRST_SYSTEM_UID, 0, -1) if number not in taken)


def accounts(tree: Tree, context: StepContext) -> None:
    """Write the account files and make the users' homes."""
    known = _Accounts()
    _masters(known, context)
    if "root" not in known.users:
        shell = "/bin/bash" if tree.find("bin/bash") else _NOLOGIN
        known.user(["root", "x", "0", "0", "root", "/root", shell])
        known.group("root", 0, [])
    elif tree.find("bin/bash") is None:
        known.users["root"][6] = _NOLOGIN
    _sysusers(known, context)
    _services(known, context)
    wanted = context.definition.accounts
    for group in wanted.groups:
        known.group(group.name, group.gid, list(group.members))
    for user in wanted.users:
        _definition_user(known, user)
    _write(tree, known)
    for user in wanted.users:
        _home(tree, user)


def _masters(known: _Accounts, context: StepContext) -> None:
    for line in _lines(context, "usr/share/base-passwd/group.master", 4):
        known.groups[line[0]] = [line[0], "x", line[2], line[3]]
    for line in _lines(context, "usr/share/base-passwd/passwd.master", 7):
        known.user([line[0], "x", *line[2:]])


def _lines(context: StepContext, path: str, fields: int) -> list[list[str]]:
    text = (context.captured(path) or b"").decode("utf-8", "replace")
    lines = [line.split(":") for line in text.split("\n") if line]
    for line in lines:
        if len(line) != fields or not all(map(_is_id, line[2 : 3 if fields == 4 else 4])):
            raise InputError(f"/{path}: not a line of {fields} fields: {':'.join(line)!r:.100}")
    return lines


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text[:11]) < _NO_ID


def _sysusers(known: _Accounts, context: StepContext) -> None:
    """Fragments as sysusers.d(5) defines them: kinds u, g and m with literal or free numbers."""
    for part in context.parts:
        for path in sorted(part.captured):
            if path.startswith("usr/lib/sysusers.d/"):
                text = part.captured[path].decode("utf-8", "replace")
                for line in text.split("\n"):
                    words = _words(line, f"/{path} of {part.name}")
                    if len(words) > 1:
                        _sysuser(known, words)


def _services(known: _Accounts, context: StepContext) -> None:
    """System accounts for what units, tmpfiles and configuration name and nothing else makes."""
    replaced = {edit.path.lstrip("/") for edit in context.definition.paths}
    wanted = {user.name for user in context.definition.accounts.users}
    groups = {group.name for group in context.definition.accounts.groups}
    for part in context.packages:
        captured = {path: d for path, d in part.captured.items() if path not in replaced}
        for name, is_user in named_accounts(part.name, captured):
            if name not in known.groups and name not in groups:
                number = STATIC.get(name)
                known.group(name, known.free() if number is None else number, [])
            if is_user and name not in known.users and name not in wanted and name in known.groups:
                gid = known.groups[name][2]
                known.user([name, "x", gid, gid, "", "/nonexistent", _NOLOGIN])


def _words(line: str, where: str) -> list[str]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise InputError(f"{where}: {error}: {line!r:.100}") from None
    uid, _, gid = (words[2] if len(words) > 2 and words[0][0] in "ug" else "").partition(":")
    numbers = [text for text in (uid, gid) if text[:1].isdecimal()]
    # A colon or a line feed would be a field or an account more than the line says.
    if any(c in word for word in [*words[1:2], *words[3:]] for c in ":\n") or not all(
        map(_is_id, numbers)
    ):
        raise InputError(f"{where}: not a line of sysusers.d(5): {line!r:.100}")
    return words


def _sysuser(known: _Accounts, words: list[str]) -> None:
    kind, name, number, comment, home, shell = (*words, "-", "-", "-", "-")[:6]
    numeric = number[:1].isdecimal()
    if kind == "g" and name not in known.groups:
        known.group(name, int(number) if numeric else known.free(), [])
    elif kind.startswith("u") and name not in known.users:
        uid, _, gid = number.partition(":")
        if not numeric:
            uid = str(known.free())
        if gid and not gid.isdecimal():
            gid = known.groups[gid][2] if gid in known.groups else ""
        if not gid:
            existing = known.groups.get(name)
            gid = existing[2] if existing else uid
            known.group(name, int(gid), [])
        texts = [
            "" if comment == "-" else comment,
            "/" if home == "-" else home,
            _NOLOGIN if shell == "-" else shell,
        ]
        known.user([name, "x", uid, gid, *texts])
    elif kind == "m" and number in known.groups:
        known.group(number, int(known.groups[number][2]), [name])


def _definition_user(known: _Accounts, user: User) -> None:
    if not any(fields[2] == str(user.gid) for fields in known.groups.values()):
        name = user.name if user.name not in known.groups else f"{user.name}-{user.gid}"
        known.groups[name] = [name, "x", str(user.gid), ""]
    known.user([user.name, "x", str(user.uid), str(user.gid), "", user.home, user.shell])


def _write(tree: Tree, known: _Accounts) -> None:
    passwd = "".join(":".join(fields) + "\n" for fields in known.users.values())
    group = "".join(":".join(fields) + "\n" for fields in known.groups.values())
    # No password opens any account; the date of change is left empty, it would be a time of build.
    shadow = "".join(f"{name}:*::0:99999:7:::\n" for name in known.users)
    tree.put_file("etc/passwd", passwd.encode())
    tree.put_file("etc/group", group.encode())
    shadow_group = known.groups.get("shadow")
    gid = int(shadow_group[2]) if shadow_group else 0
    tree.put_file("etc/shadow", shadow.encode(), 0o640, 0, gid)
    gshadow = "".join(f"{fields[0]}:*::{fields[3]}\n" for fields in known.groups.values())
    tree.put_file("etc/gshadow", gshadow.encode(), 0o640, 0, gid)


def _home(tree: Tree, user: User) -> None:
    home = tree.resolve(user.home) or user.home.strip("/")
    if home and home not in ("nonexistent", "dev/null") and user.uid:
        tree.put_directory(home, user.mode, user.uid, user.gid)


def run_as(wanted: Accounts) -> str:
    """The numeric `uid:gid` of the user that the image runs as."""
    for user in (*wanted.users, _ROOT):
        if user.name == wanted.run_as:
            return f"{user.uid}:{user.gid}"
    raise InputError(f"accounts.run-as names {wanted.run_as!r}, which is not among the users")
