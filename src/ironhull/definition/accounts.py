"""`accounts` → users, groups and the user that the image runs as."""

from __future__ import annotations

from ironhull.definition.model import Accounts, Group, Place, User
from ironhull.definition.paths import mode_of, normalised
from ironhull.definition.shape import ReadMap
from ironhull.definition.tree import Problems, did_you_mean

NOLOGIN = "/usr/sbin/nologin"
SHELL = "/bin/sh"


def accounts_of(root: ReadMap, shell: bool, problems: Problems) -> Accounts:
    """The accounts; `shell` is whether the image keeps one."""
    section = root.record("accounts")
    users = _users(section, shell, problems)
    groups = _groups(section, users, problems)
    for user in users:
        if user.gid not in {0, *(group.gid for group in groups)}:
            problems.warn(
                section.at("users"), f"user {user.name!r}: no group has the number {user.gid}"
            )
    return Accounts(
        run_as=_run_as(root, section, users, problems),
        root=bool(section.get("root", False)),
        users=users,
        groups=groups,
    )


def _users(section: ReadMap, shell: bool, problems: Problems) -> tuple[User, ...]:
    users: list[User] = []
    names: dict[str, Place] = {"root": section.place}
    numbers: dict[int, str] = {0: "root"}
    for item in section.items("users"):
        record: ReadMap = item.value
        name, uid = record.get("name"), record.get("uid")
        if name is None or uid is None or "gid" not in record.values:
            continue
        if name == "root" and uid == 0:
            problems.error(item.place, "root exists always: leave it out, or set 'root: true'")
            continue
        if name in names:
            problems.error(record.at("name"), f"user {name!r} is defined twice")
            continue
        if uid in numbers:
            problems.error(record.at("uid"), f"uid {uid} is {numbers[uid]!r} already")
            continue
        names[name], numbers[uid] = item.place, name
        users.append(
            User(
                name=name,
                uid=uid,
                gid=record.get("gid"),
                home=normalised(record.get("home", f"/home/{name}"), record.at("home"), problems),
                shell=normalised(
                    record.get("shell", SHELL if shell else NOLOGIN), record.at("shell"), problems
                ),
                mode=mode_of(record, 0o700, problems),
            )
        )
    return tuple(users)


def _groups(section: ReadMap, users: tuple[User, ...], problems: Problems) -> tuple[Group, ...]:
    groups: list[Group] = []
    names: set[str] = {"root"}
    numbers: dict[int, str] = {0: "root"}
    known = {"root", *(user.name for user in users)}
    for item in section.items("groups"):
        record: ReadMap = item.value
        name, gid = record.get("name"), record.get("gid")
        if name is None or gid is None:
            continue
        if name in names:
            problems.error(record.at("name"), f"group {name!r} is defined twice")
            continue
        if gid in numbers:
            problems.error(record.at("gid"), f"gid {gid} is {numbers[gid]!r} already")
            continue
        names.add(name)
        numbers[gid] = name
        for member in record.items("members"):
            if member.value not in known and _complete(section):
                problems.error(
                    member.place,
                    f"group {name!r}: no user {member.value!r}{did_you_mean(member.value, known)}",
                )
        groups.append(Group(name, gid, record.texts("members")))
    return tuple(groups)


def _run_as(root: ReadMap, section: ReadMap, users: tuple[User, ...], problems: Problems) -> str:
    name = section.get("run-as")
    if not isinstance(name, str):
        if "accounts" not in root.node.entries:
            problems.error(root.place, "the key 'accounts' is missing (with 'run-as' in it)")
        elif "run-as" not in section.node.entries:
            problems.error(section.place, "the key 'run-as' is missing: who does the image run as?")
        return ""
    if name == "root":
        if not section.get("root", False):
            problems.error(
                section.at("run-as"),
                "'run-as: root' needs 'root: true'; better run as a user, for example nonroot",
            )
    elif name not in {user.name for user in users} and _complete(section):
        known = {"root", *(user.name for user in users)}
        problems.error(section.at("run-as"), f"no user {name!r}{did_you_mean(name, known)}")
    return name


def _complete(section: ReadMap) -> bool:
    """Whether the list of users was read without an error, so that a name can be called unknown."""
    if "users" not in section.node.entries:
        return True
    node = section.node.entries["users"].value
    users = section.get("users")
    if users is None:
        return False
    whole = all(isinstance(item.value, ReadMap) and item.value.whole for item in users)
    return whole and len(users) == len(getattr(node, "items", ()))
