"""Links, folders and small files that base packages' scripts make."""

from __future__ import annotations

from ironhull.build.steps.context import StepContext
from ironhull.build.transform import ALIASED
from ironhull.build.tree import Tree
from ironhull.errors import InputError


def merge_usr(tree: Tree, context: StepContext) -> None:
    """/bin, /lib and the like are links into /usr (base-files since Debian 13, usrmerge before)."""
    for name in ALIASED:
        entry = tree.get(name)
        if entry is not None and entry.link.lstrip("/") != f"usr/{name}":
            found = f"leads to {entry.link}" if entry.is_symlink else "is a folder or a file"
            raise InputError(
                f"/{name} has to be a link to usr/{name} and {found} "
                f"(from {tree.owner[name]}: keep that package out with !name)"
            )
        needed = name in ("bin", "sbin", "lib") or f"usr/{name}" in tree
        if entry is None and needed:
            tree.put_symlink(name, f"usr/{name}")
            if f"usr/{name}" not in tree:
                tree.put_directory(f"usr/{name}")


def base_folders(tree: Tree, context: StepContext) -> None:
    """What base-files' postinst makes: /run and /var/run agree, /tmp, mount points, /usr/local."""
    for path, mode in (
        ("dev", 0o755),
        ("etc", 0o755),
        ("proc", 0o755),
        ("run", 0o755),
        ("run/lock", 0o1777),
        ("sys", 0o755),
        ("tmp", 0o1777),
        ("var/tmp", 0o1777),
    ):
        tree.put_directory(path, mode)
    tree.put_symlink("var/run", "/run")
    tree.put_symlink("var/lock", "/run/lock")
    if context.part("base-files") is None:
        return
    for path in ("home", "media", "mnt", "opt", "srv", "etc/opt", "var/opt"):
        if path not in tree:
            tree.put_directory(path)
    for name in ("bin", "etc", "games", "include", "lib", "libexec", "sbin", "share", "src"):
        tree.put_directory(f"usr/local/{name}")
    tree.put_directory("root", 0o700)
    tree.put_symlink("usr/local/man", "share/man")
    tree.put_directory("usr/local/share/man")
    if "etc/dpkg/origins/debian" in tree and "etc/dpkg/origins/default" not in tree:
        tree.put_symlink("etc/dpkg/origins/default", "debian")
    tree.put_directory("var/mail", 0o2775, 0, 8)
    if "var/spool/mail" not in tree:
        tree.put_symlink("var/spool/mail", "../mail")
    if context.definition.keep.shell:
        _shell_profiles(tree, context)


def _shell_profiles(tree: Tree, context: StepContext) -> None:
    for source, target in (
        ("profile", "etc/profile"),
        ("motd", "etc/motd"),
        ("dot.bashrc", "root/.bashrc"),
        ("dot.profile", "root/.profile"),
    ):
        data = context.captured(f"usr/share/base-files/{source}")
        if data is not None and target not in tree:
            tree.put_file(target, data)


def name_service(tree: Tree, context: StepContext) -> None:
    """/etc/nsswitch.conf (libc-bin's postinst copies it), /etc/hosts (netbase's writes it)."""
    if context.part("libc6") is not None and "etc/nsswitch.conf" not in tree:
        data = context.captured("usr/share/libc-bin/nsswitch.conf") or _NSSWITCH
        tree.put_file("etc/nsswitch.conf", data)
    if context.part("netbase") is not None and "etc/hosts" not in tree:
        tree.put_file("etc/hosts", b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n")


_NSSWITCH = b"""passwd:         files
group:          files
shadow:         files
hosts:          files dns
networks:       files
protocols:      files
services:       files
"""


def local_time(tree: Tree, context: StepContext) -> None:
    """/etc/localtime is UTC, as tzdata's postinst leaves it when nobody is asked."""
    if "usr/share/zoneinfo/Etc/UTC" in tree and "etc/localtime" not in tree:
        tree.put_symlink("etc/localtime", "/usr/share/zoneinfo/Etc/UTC")


def os_release(tree: Tree, context: StepContext) -> None:
    """/usr/lib/os-release as the definition says; /etc/debian_version stays, scanners need it."""
    fields = context.definition.os_release
    lines = [f"{key}={_quoted(value)}\n" for key, value in fields.items()]
    tree.put_file("usr/lib/os-release", "".join(lines).encode())
    if "etc/os-release" not in tree:
        tree.put_symlink("etc/os-release", "../usr/lib/os-release")


def _quoted(value: str) -> str:
    """A value as os-release(5) wants it: quoted as a shell would read it."""
    if value and all(c.isascii() and (c.isalnum() or c in "._-") for c in value):
        return value
    for special in ("\\", '"', "$", "`"):
        value = value.replace(special, f"\\{special}")
    return f'"{value}"'


def alternatives(tree: Tree, context: StepContext) -> None:
    """The links of update-alternatives: of each name, the alternative with the highest priority."""
    best: dict[str, tuple[int, int]] = {}
    choices = [choice for part in context.parts for choice in part.alternatives]
    for index, choice in enumerate(choices):
        known = best.get(choice.name)
        if tree.find(choice.path) is not None and (known is None or choice.priority > known[0]):
            best[choice.name] = (choice.priority, index)
    for _, index in sorted(best.values(), key=lambda item: choices[item[1]].name):
        choice = choices[index]
        for link, name, path in ((choice.link, choice.name, choice.path), *choice.slaves):
            # A slave is often a manual page, which is not here.
            if tree.find(path) is None or tree.resolve(link, follow_last=False) is not None:
                continue
            # /lib/cpp is usr/lib/cpp: the tree has a merged /usr.
            parent, _, base = link.strip("/").rpartition("/")
            folder = tree.resolve(parent) or parent
            tree.put_symlink(f"etc/alternatives/{name}", path)
            tree.put_symlink(f"{folder}/{base}", f"/etc/alternatives/{name}")
