"""What a definition could say for an image that fails its check: packages and paths to leave out.

These are proposals. Whether a plug-in or a script is needed is for a person to say, or for the
tests of the definition.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence

from ironhull.build.check_result import CheckResult
from ironhull.build.tree import Tree

_DELETED = frozenset({"scripts", "links", "no-shell", "no-package-manager", "no-compiler"})
_ALLOWED = {
    "no-shell": "shell",
    "no-package-manager": "package-manager",
    "no-compiler": "compiler",
}
# Folders that many packages share are never proposed as a whole.
_SHARED_DEPTH = 2


def mending(
    checks: Iterable[CheckResult], tree: Tree, requested: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """By the place in a definition: `packages` to keep out, `delete`, `idle`, `setuid`, `allow`.

    A package is kept out that nobody asked for and whose programs are all refused; what is left is
    named path by path, or as a folder where all of its files are refused. Who asks for bash is to
    have a shell: a package that is asked for and is called as its program is allowed.
    """
    refused: set[str] = set()
    allowed: set[str] = set()
    idle: set[str] = set()
    setuid: set[str] = set()
    for check in checks:
        if any(_asked(path, tree, requested) for path in check.paths) and check.name in _ALLOWED:
            allowed.add(_ALLOWED[check.name])
        elif check.name in _DELETED:
            refused.update(check.paths)
        elif check.name == "libraries":
            idle.update(check.paths)
        elif check.name == "no-setuid":
            setuid.update(check.paths)
    refused |= _links_to(refused, tree)
    packages = _useless(refused, tree, requested)
    left = {path for path in refused if tree.owner.get(path) not in packages}
    return {
        "packages": tuple(sorted(packages)),
        "delete": tuple(f"/{path}" for path in _folded(left, tree)),
        "idle": tuple(f"/{path}" for path in sorted(idle - refused)),
        "setuid": tuple(f"/{path}" for path in sorted(setuid - refused)),
        "allow": tuple(sorted(allowed)),
    }


def _asked(path: str, tree: Tree, requested: Collection[str]) -> bool:
    owner = tree.owner.get(path, "")
    return owner in requested and posixpath.basename(path) == owner


def _links_to(paths: set[str], tree: Tree) -> set[str]:
    """Links that would lead to nothing without the paths: the next check would refuse them."""
    return {
        entry.path
        for entry in tree.entries.values()
        if entry.is_symlink and entry.link.startswith("/") and tree.resolve(entry.path) in paths
    }


def _useless(refused: set[str], tree: Tree, requested: Collection[str]) -> set[str]:
    """Packages that bring programs, all of which are refused, and no library."""
    useful: set[str] = set()
    for path, entry in tree.entries.items():
        works = entry.elf is not None or (entry.is_file and bool(entry.mode & 0o111))
        if works and path not in refused:
            useful.add(tree.owner.get(path, ""))
    owners = {tree.owner.get(path, "") for path in refused}
    return owners - useful - {""} - set(requested)


def _folded(paths: Iterable[str], tree: Tree) -> list[str]:
    """Paths, and in place of many the folder in which there is nothing else."""
    left = set(paths)
    for path in sorted(left):
        folder = posixpath.dirname(path)
        while folder.count("/") >= _SHARED_DEPTH:
            inside = {e.path for e in tree.below(folder) if not e.is_directory}
            if len(inside) < 2 or not inside <= set(paths):
                break
            left = {one for one in left if not one.startswith(f"{folder}/")} | {folder}
            folder = posixpath.dirname(folder)
    return sorted(one for one in left if not _inside(one, left))


def _inside(path: str, folders: Collection[str]) -> bool:
    above = posixpath.dirname(path)
    while above:
        if above in folders:
            return True
        above = posixpath.dirname(above)
    return False


def yaml_lines(found: Mapping[str, Sequence[str]]) -> str:
    """The proposals as they would stand in a definition; empty if there are none."""
    lines: list[str] = []
    if found.get("packages"):
        lines += ["contents:", "  packages:"]
        lines += [f'    - "!{name}"' for name in found["packages"]]
    if found.get("delete"):
        lines.append("paths:")
        lines += [
            f"  - {{type: delete, path: {_quoted(path)}, recursive: true}}"
            for path in found["delete"]
        ]
    kept = [place for place in ("idle", "setuid") if found.get(place)]
    if kept or found.get("allow"):
        lines.append("hardening:")
    lines += [f"  {name}: true" for name in found.get("allow", ())]
    for place in kept:
        lines.append(f"  {place}:")
        lines += [f"    - {_quoted(path)}" for path in found[place]]
    return "".join(f"{line}\n" for line in lines)


def _quoted(path: str) -> str:
    """A path that YAML reads as text, also between brackets."""
    plain = all(c.isalnum() or c in "/._+-" for c in path)
    return path if plain else "'" + path.replace("'", "''") + "'"
