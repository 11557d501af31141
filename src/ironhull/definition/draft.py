"""The text of a new definition, from what a person says of a program, or of an image to change.

What it gives is a definition like those that people write: it is read, built and kept like them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

DISTRIBUTION = "debian-13"
_OWNER = 65532
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GROUND = """platforms:
  - linux/amd64
  - linux/arm64
os-release:
  name: Debian GNU/Linux
  id: debian
  version-id: "13"
  version-codename: trixie
accounts:
  run-as: nonroot
  users:
    - {name: nonroot, uid: 65532, gid: 65532}
  groups:
    - {name: nonroot, gid: 65532, members: [nonroot]}
"""
_GROUND_PACKAGES = ("base-files", "ca-certificates", "netbase", "tzdata")
_NEVER = ("mawk", "gawk", "original-awk", "debconf", "cdebconf", "openssl")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a definition is to say; `left_out` and what follows is what its check has taught."""

    image: str
    tag: str
    packages: tuple[str, ...]
    command: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    data: str = ""
    """A folder that it keeps its data in; empty: none."""
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Path in the image → text."""
    http: str = ""
    """A path that the server answers with 200; empty: it speaks something else."""
    proof: tuple[str, ...] = ()
    """A command that shows that the program does its job, and ends with 0."""
    left_out: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()


def draft_text(draft: Draft) -> str:
    """The definition, alone in its file: it includes nothing."""
    excluded = dict.fromkeys((*_NEVER, *draft.left_out))
    wanted = dict.fromkeys((*_GROUND_PACKAGES, *draft.packages))
    packages = [*wanted, *(f"!{name}" for name in excluded if name not in wanted)]
    lines = [
        "# syntax=ironhull/build:1-debian13",
        f"name: {_text(draft.image)}",
        f"image: {_text(draft.image)}",
        "tags:",
        *(f"  - {_text(tag)}" for tag in (draft.tag, f"{draft.tag}-debian13")),
        *_GROUND.splitlines(),
        "contents:",
        "  packages:",
        *(f"    - {_text(package)}" for package in packages),
        *_mapping("environment", {"LANG": "C.UTF-8", **draft.environment}),
        *_paths(draft),
        *_list("volumes", [draft.data] if draft.data else []),
        *([f"cmd: {_flow(draft.command)}"] if draft.command else []),
        *([f"work-dir: {_text(draft.data)}"] if draft.data else []),
        *_list("ports", draft.ports),
        *_list("hardening:\n  idle", draft.idle, "    "),
        *_tests(draft),
    ]
    return "".join(f"{line}\n" for line in lines)


def _paths(draft: Draft) -> Iterable[str]:
    edits = [
        "/etc/update-motd.d",
        "/usr/sbin/update-ca-certificates",
        *(path for path in draft.deleted),
    ]
    yield "paths:"
    for path in dict.fromkeys(edits):
        yield f"  - {{type: delete, path: {_text(path)}, recursive: true}}"
    if draft.data:
        yield (
            f"  - {{type: directory, path: {_text(draft.data)}, "
            f'mode: "0750", uid: {_OWNER}, gid: {_OWNER}}}'
        )
    for path, content in draft.files.items():
        yield f"  - {{type: file, path: {_text(path)}, content: {_text(content)}}}"


def _tests(draft: Draft) -> Iterable[str]:
    yield "tests:"
    if draft.http and draft.ports:
        port = draft.ports[0].partition("/")[0]
        yield "  - name: it answers"
        yield f"    http: {{port: {port}, path: {_text(draft.http)}}}"
    if draft.proof:
        yield "  - name: it does its job"
        yield f"    commands: [{_flow(draft.proof)}]"
    if not draft.http and not draft.proof:
        yield "  - name: its user is known"
        yield "    reader: true"
        yield "    commands: [[/dev/ironhull-read, /etc/passwd]]"
        yield '    output: "nonroot:x:65532"'


@dataclass(frozen=True, slots=True)
class Change:
    """An image of a catalog as somebody else wants it."""

    original: str
    """Path of its definition, relative to that of the new one."""
    image: str
    packages: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    authorities: Sequence[str] = ()
    """Names, ending with .crt, of files with certificates beside the definition."""


def change_text(change: Change) -> str:
    """A definition that includes the original one and says what is different."""
    lines = [
        "# syntax=ironhull/build:1-debian13",
        "includes:",
        f"  - {_text(change.original)}",
        f"name: {_text(change.image)}",
        f"image: {_text(change.image)}",
        *_list("contents:\n  packages", change.packages, "    "),
        *_mapping("environment", change.environment),
    ]
    if change.authorities:
        lines.append("paths:")
    for name in change.authorities:
        path = f"/usr/local/share/ca-certificates/{name}"
        lines.append(f"  - {{type: file, path: {_text(path)}, source: {_text(name)}}}")
    return "".join(f"{line}\n" for line in lines)


def _list(head: str, items: Sequence[str], indent: str = "  ") -> list[str]:
    return [f"{head}:", *(f"{indent}- {_text(item)}" for item in items)] if items else []


def _mapping(head: str, items: Mapping[str, str]) -> list[str]:
    found = [f"  {_key(name)}: {_text(value)}" for name, value in items.items()]
    return [f"{head}:", *found] if found else []


def _key(name: str) -> str:
    """A key as people write it; what is no name of a variable stays one text that is refused."""
    return name if _PLAIN.fullmatch(name) else _text(name)


def _flow(words: Sequence[str]) -> str:
    return f"[{', '.join(_text(word) for word in words)}]"


def _text(value: str) -> str:
    """A text that YAML reads as this text, and in which nothing is a variable of ours."""
    # JSON's strings are YAML's, but for what the definition format replaces itself.
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("#{", "##{")
