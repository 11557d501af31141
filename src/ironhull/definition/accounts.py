"""`accounts` → users, groups and the user that the image runs as."""

from __future__ import annotations

from ironhull.definition.model import Accounts, Group, User
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


def stage_accounts_of(record: ReadMap, problems: Problems) -> Accounts | None:
    """The accounts of a build stage, whose steps may be anyone's; None where it says none."""
    if "accounts" not in record.node.entries:
        return None
    section = record.record("accounts")
    users = _users(section, True, problems)
    groups = _groups(section, users, problems)
    return Accounts(section.get("run-as", "root"), True, users, groups)


def _users(section: ReadMap, shell: bool, problems: Problems) -> tuple[User, ...]:
    users: dict[str, User] = {}
    numbers: dict[int, str] = {0: "root"}
    for item in section.items("users"):
        record: ReadMap = item.value
        name, uid = record.get("name"), record.get("uid")
        if name is None or uid is None or "gid" not in record.values:
            continue
        if name == "root" and uid == 0:
            problems.error(item.place, "root exists always: leave it out, or set 'root: true'")
            continue
        user = User(
            name=name,
            uid=uid,
            gid=record.get("gid"),
            home=normalised(record.get("home", f"/home/{name}"), record.at("home"), problems),
            shell=normalised(
                record.get("shell", SHELL if shell else NOLOGIN), record.at("shell"), problems
            ),
            mode=mode_of(record, 0o700, problems),
        )
        if user == users.get(name):
            problems.warn(record.at("name"), f"user {name!r} stands twice")
        elif name in (*users, "root"):
            problems.error(record.at("name"), f"user {name!r} is defined twice")
        elif uid in numbers:
            problems.error(record.at("uid"), f"uid {uid} is {numbers[uid]!r} already")
        else:
            users[name], numbers[uid] = user, name
    return tuple(users.values())


def _groups(section: ReadMap, users: tuple[User, ...], problems: Problems) -> tuple[Group, ...]:
    groups: dict[str, Group] = {}
    numbers: dict[int, str] = {0: "root"}
    known = {"root", *_names(users)}
    for item in section.items("groups"):
        record: ReadMap = item.value
        name, gid = record.get("name"), record.get("gid")
        if name is None or gid is None:
            continue
        for member in record.items("members"):
            if member.value not in known and _complete(section):
                problems.error(
                    member.place,
                    f"group {name!r}: no user {member.value!r}{did_you_mean(member.value, known)}",
                )
        group = Group(name, gid, record.texts("members"))
        if group == groups.get(name):
            problems.warn(record.at("name"), f"group {name!r} stands twice")
        elif name in (*groups, "root"):
            problems.error(record.at("name"), f"group {name!r} is defined twice")
        elif gid in numbers:
            problems.error(record.at("gid"), f"gid {gid} is {numbers[gid]!r} already")
        else:
            groups[name], numbers[gid] = group, name
    return tuple(groups.values())


def _names(users: tuple[User, ...]) -> set[str]:
    return {user.name for user in users}


def _run_as(root: ReadMap, section: ReadMap, users: tuple[User, ...], problems: Problems) -> str:
    name = section.get("run-as")
    if not isinstance(name, str):
        if "accounts" not in root.node.entries:
            problems.error(root.place, "the key 'accounts' is missing (with 'run-as' in it)")
        elif "run-as" not in section.node.entries:
            problems.error(section.place, "the key 'run-as' is missing: who does the image run as?")
        return ""
    if name.isdecimal():
        name = _named(int(name), section, users, problems)
    if name == "root":
        if not section.get("root", False):
            problems.error(
                section.at("run-as"),
                "'run-as: root' needs 'root: true'; better run as a user, for example nonroot",
            )
    elif not name.isdecimal() and name not in _names(users) and _complete(section):
        known = {"root", *_names(users)}
        problems.error(section.at("run-as"), f"no user {name!r}{did_you_mean(name, known)}")
    return name


def _named(number: int, section: ReadMap, users: tuple[User, ...], problems: Problems) -> str:
    """The user of this number, who has to be there; the number itself after an error."""
    names = {0: "root", **{user.uid: user.name for user in users}}
    if number not in names and _complete(section):
        known = ", ".join(f"{uid} is {name}" for uid, name in sorted(names.items()))
        problems.error(
            section.at("run-as"), f"no user has the number {number} ({known}): add one to 'users'"
        )
    return names.get(number, str(number))


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
