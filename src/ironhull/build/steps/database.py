"""The dpkg database: truthful after edits, and complete where apt and dpkg are to work.

A package's layer brings `status.d/<package>` and its md5sums, which is what scanners read of images
without dpkg. An image that keeps dpkg gets the whole of /var/lib/dpkg instead.
"""

from __future__ import annotations

from collections.abc import Iterable

from ironhull.build.layer import DATABASE, status_entry
from ironhull.build.record import Alternative, PackagePart
from ironhull.build.steps.context import StepContext
from ironhull.build.tree import Tree
from ironhull.debian.deb import DebFile
from ironhull.errors import InputError

_DPKG = "var/lib/dpkg"


def package_database(tree: Tree, context: StepContext) -> None:
    """Let the database say what is in the image, no more and no less."""
    if context.definition.keep.package_database == "dpkg":
        _complete(tree, context)
    else:
        for part in context.packages:
            _truthful(tree, part)


def _md5sums(tree: Tree, part: PackagePart) -> str:
    """The package's md5sums without files that are gone or replaced."""
    if part.name not in tree.lost:
        return part.md5sums
    lines = part.md5sums.split("\n")
    return "".join(
        f"{line}\n" for line in lines if tree.owner.get(line.partition("  ")[2]) == part.name
    )


def _truthful(tree: Tree, part: PackagePart) -> None:
    md5sums = _md5sums(tree, part)
    path = f"{DATABASE}/{part.name}.md5sums"
    if md5sums != part.md5sums and path in tree:
        tree.put_file(path, md5sums.encode("utf-8", "surrogateescape"))


def _complete(tree: Tree, context: StepContext) -> None:
    tree.delete(DATABASE)
    status, triggers, automatic = [], _Triggers(), []
    for part in sorted(context.packages, key=lambda part: part.name):
        status.append(status_entry(part.fields, part.conffiles))
        _info(tree, context, part, triggers)
        if part.name not in context.requested:
            automatic.append(
                f"Package: {part.name}\nArchitecture: {context.platform.debian}\n"
                "Auto-Installed: 1\n"
            )
    for name, text in {
        "status": "\n".join(status),
        "available": "",
        "diversions": "",
        "statoverride": "",
        "info/format": "1\n",
        "triggers/File": "".join(sorted(triggers.files)),
        "triggers/Unincorp": "",
    }.items():
        tree.put_file(f"{_DPKG}/{name}", text.encode("utf-8", "surrogateescape"))
    for name, lines in sorted(triggers.named.items()):
        tree.put_file(f"{_DPKG}/triggers/{name}", "".join(lines).encode())
    for folder in ("updates", "parts", "alternatives"):
        tree.put_directory(f"{_DPKG}/{folder}")
    _alternatives(tree, (choice for part in context.parts for choice in part.alternatives))
    if automatic and context.part("apt") is not None:
        tree.put_file("var/lib/apt/extended_states", "\n".join(automatic).encode())
    _apt_folders(tree)


def _apt_folders(tree: Tree) -> None:
    """Apt drops root's rights while it downloads, and wants folders of its own for that."""
    passwd = tree.contents.get("etc/passwd", b"")
    lines = passwd.decode().split("\n")
    uid = next((int(line.split(":")[2]) for line in lines if line.startswith("_apt:")), None)
    if uid is not None:
        for folder in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
            tree.put_directory(folder, 0o700, uid)


class _Triggers:
    """Who is interested in what, as dpkg keeps it (deb-triggers(5))."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.named: dict[str, list[str]] = {}

    def read(self, package: str, text: str) -> None:
        for line in text.splitlines():
            words = line.partition("#")[0].split()
            if len(words) != 2 or not words[0].startswith("interest"):
                continue
            who = package if not words[0].endswith("noawait") else f"{package}/noawait"
            if words[1].startswith("/"):
                self.files.append(f"{words[1]} {who}\n")
            elif "/" not in words[1]:
                self.named.setdefault(words[1], []).append(f"{who}\n")


def _info(tree: Tree, context: StepContext, part: PackagePart, triggers: _Triggers) -> None:
    """info/<package>.*: the list of its paths, and what its control archive holds."""
    path = context.debs.get(part.name)
    if path is None:
        raise InputError(f"{part.name} {part.version}: its .deb is needed and is not in the cache")
    with path.open("rb") as file:
        files = DebFile(file, f"{part.name} {part.version}").control.files
    name = part.name
    if part.fields.get("Multi-Arch") == "same":
        name = f"{part.name}:{part.architecture}"
    prefix = f"{_DPKG}/info/{name}"
    here = [f"/{entry.path}\n" for entry in part.entries[: part.shipped] if entry.path in tree]
    tree.put_file(f"{prefix}.list", "".join(["/.\n", *here]).encode("utf-8", "surrogateescape"))
    for file_name in sorted(files):
        if file_name in ("control", "list", "md5sums") or "/" in file_name:
            continue
        script = file_name in ("preinst", "postinst", "prerm", "postrm", "config")
        tree.put_file(f"{prefix}.{file_name}", files[file_name], 0o755 if script else 0o644)
    if "md5sums" in files:
        # Also if no line is left: dpkg --audit wants the file of every package that had one.
        md5sums = _md5sums(tree, part)
        tree.put_file(f"{prefix}.md5sums", md5sums.encode("utf-8", "surrogateescape"))
    triggers.read(part.name, files.get("triggers", b"").decode("utf-8", "replace"))


def _alternatives(tree: Tree, choices: Iterable[Alternative]) -> None:
    """alternatives/<name>: mode and link, the slaves' names and links, then each choice."""
    by_name: dict[str, list[Alternative]] = {}
    for choice in choices:
        linked = tree.resolve(choice.link, follow_last=False) is not None
        if linked and tree.find(choice.path) is not None:
            by_name.setdefault(choice.name, []).append(choice)
    for name, group in sorted(by_name.items()):
        slaves = sorted({(slave, link) for item in group for link, slave, _ in item.slaves})
        lines = ["auto", group[0].link]
        for slave, link in slaves:
            lines += [slave, link]
        lines.append("")
        for item in sorted(group, key=lambda item: item.path):
            lines += [item.path, str(item.priority)]
            targets = {slave: path for _, slave, path in item.slaves}
            lines += [targets.get(slave, "") for slave, _ in slaves]
        tree.put_file(f"{_DPKG}/alternatives/{name}", ("\n".join(lines) + "\n\n").encode())
