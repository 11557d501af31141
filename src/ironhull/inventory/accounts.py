"""The accounts of an image, and who its default user is."""

from __future__ import annotations

from ironhull.inventory.files import GROUP, PASSWD
from ironhull.inventory.model import PasswdEntry, Remark
from ironhull.inventory.view import View

_MAX_USERS = 10_000


def users_of(view: View) -> tuple[tuple[PasswdEntry, ...], list[Remark]]:
    """Accounts by uid, and a remark for each line of etc/passwd that is none (passwd(5))."""
    users: list[PasswdEntry] = []
    remarks: list[Remark] = []
    for number, line in enumerate((view.text(PASSWD) or "").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split(":")
        if len(parts) != 7 or not parts[2].isdigit() or not parts[3].isdigit():
            remarks.append(Remark("warning", PASSWD, f"line {number} is not an account"))
        elif len(parts[2]) < 11 and len(parts[3]) < 11 and len(users) < _MAX_USERS:
            users.append(PasswdEntry(parts[0], int(parts[2]), int(parts[3]), parts[5], parts[6]))
    return tuple(sorted(users, key=lambda user: (user.uid, user.name))), remarks[:20]


def ids_of(
    view: View, users: tuple[PasswdEntry, ...], user: str
) -> tuple[int, frozenset[int]] | None:
    """Uid and groups of the config's `user[:group]` (image-spec config.md); None if not in passwd.

    An empty user is root, as engines take it.
    """
    name, _, group = user.partition(":")
    found = next((item for item in users if name in (item.name, str(item.uid))), None)
    groups = _groups(view)
    if not name or name == "0":
        return 0, frozenset({0})
    if found is None and not name.isdigit():
        return None
    uid = found.uid if found else int(name[:10])
    if group:
        number = int(group[:10]) if group.isdigit() else groups.get(group, (-1, ()))[0]
        return uid, frozenset({number})
    gids = {found.gid} if found else {0}
    if found:
        gids |= {gid for gid, members in groups.values() if found.name in members}
    return uid, frozenset(gids)


def _groups(view: View) -> dict[str, tuple[int, tuple[str, ...]]]:
    groups = {}
    for line in (view.text(GROUP) or "").splitlines():
        parts = line.split(":")
        if len(parts) == 4 and parts[2].isdigit() and len(parts[2]) < 11:
            groups[parts[0]] = (int(parts[2]), tuple(parts[3].split(",")))
    return groups
