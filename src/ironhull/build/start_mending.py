"""Why a program did not start, by what it said: which file asked for what, and lines that mend it.

Programs say such things in their own words; these are the words of many. What no rule knows gets no
remedy: what the program said is shown anyway. The lines are proposals for a definition.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

_NAME = r"[\"'`‘“]?([a-z_][a-z0-9_-]{0,30})\b"
_ACCOUNTS = tuple(
    re.compile(rule, re.IGNORECASE)
    for rule in (
        rf"getpwnam\(?{_NAME}",
        rf"(?:cannot|can't|can not|could not|failed to) (?:find|get|resolve|look ?up) (?:the )?"
        rf"(?:uid (?:for|of) )?user(?:name)?(?: id for)?:? {_NAME}",
        rf"(?:unknown|no such|bad|invalid|missing) user(?: ?name)?:? {_NAME}",
        rf"user(?: ?name)? {_NAME}[\"'`’”]? (?:not found|does not exist|is unknown)",
    )
)
# Only from where a path begins: from each step of a long one the rest would be read again.
_REFUSED = re.compile(
    r"(?<![\w.+-])(/[\w.+-]+(?:/[\w.+-]+)+)[\"'`’”)\],:;]*[^/\n]{0,60}"
    r"(permission denied|read-only file system|no such file or directory)",
    re.IGNORECASE,
)
_REFUSED_FIRST = re.compile(
    r"(permission denied|read-only file system|no such file or directory)[^/\n]{0,60}"
    r"(/[\w.+-]+(?:/[\w.+-]+)+)",
    re.IGNORECASE,
)
_PORT = re.compile(r"(?::|\bport )(\d{1,5})\b(?!\.|:\d)", re.IGNORECASE)
_BINDING = re.compile(r"\b(?:bind|listen|socket)", re.IGNORECASE)
_SHELL = re.compile(
    r"(?:/bin/|\b)(?:ba|da)?sh\b[^\n]{0,40}(?:not found|no such file)|\bpopen\b|"
    r"could not execute command",
    re.IGNORECASE,
)
_LIBRARY = re.compile(r"error while loading shared libraries: ([\w.+-]+)")
_NOT_HERE = re.compile(r"does not listen on ([\d/a-z, ]+) \(it listens on ([\d/a-z, ]+)\)")
_WRITABLE = ("/var/", "/run/", "/srv/", "/data/", "/opt/", "/home/")
_SHARED = frozenset(
    [
        "/run",
        "/run/lock",
        "/var",
        "/var/run",
        "/var/lock",
        "/var/log",
        "/var/lib",
        "/var/cache",
        "/var/spool",
        "/opt",
        "/home",
    ]
)
"""Folders in which each program has a place of its own; none of them is its data."""
_COMMENT = ("#", ";", "//")
_SAID = 1 << 16
"""Signs of what a program said that are looked at: the last ones."""
_MOST = 20
"""Remedies: each is looked for in all of the configuration."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing that hindered a start."""

    cause: str
    """What was asked for, and by which file."""
    lines: str = ""
    """YAML for the definition; empty if no line of it would mend that."""


def remedies(
    reason: str, said: str, user: tuple[int, int], texts: Mapping[str, str]
) -> tuple[Remedy, ...]:
    """What would mend a start that failed for `reason`; each cause once.

    `said` is what the program printed, `user` the image's numbers, `texts` its configuration by
    path.
    """
    said = said[-_SAID:]
    rules: Sequence[Callable[[], Iterable[Remedy]]] = (
        lambda: _accounts(said, texts),
        lambda: _ports(reason, said, texts),
        lambda: _paths(said, user, texts),
        lambda: _shell(said, texts),
        lambda: (
            Remedy(f"no file of the image is the library {name} (add the package that brings it)")
            for name in _LIBRARY.findall(said)
        ),
    )
    found = dict[Remedy, None]()
    for one in (one for rule in rules for one in rule()):
        found[one] = None
        if len(found) == _MOST:
            break
    return tuple(found)


def remedy_lines(found: Iterable[Remedy]) -> list[str]:
    """For people: each cause, and below it the lines of a definition."""
    shown = []
    for one in found:
        shown.append(one.cause)
        shown += [f"    {line}" for line in one.lines.splitlines()]
    return shown


def _accounts(said: str, texts: Mapping[str, str]) -> Iterable[Remedy]:
    for name in dict.fromkeys(name for rule in _ACCOUNTS for name in rule.findall(said)):
        yield Remedy(
            f"it asks for the user {name}, which the image has not{_named(name, texts)}",
            f"accounts:\n  users:\n    - {{name: {name}, uid: 65533, gid: 65533}}\n"
            f"  groups:\n    - {{name: {name}, gid: 65533}}\n",
        )


def _ports(reason: str, said: str, texts: Mapping[str, str]) -> Iterable[Remedy]:
    for line in said.splitlines():
        # A time may stand before it.
        port = int((_PORT.findall(line) or ["0"])[-1])
        if 0 < port < 1024 and "denied" in line.lower() and _BINDING.search(line):
            yield Remedy(
                f"it binds port {port}, which under 1024 is root's{_named(str(port), texts)}; "
                "let it listen on a higher one",
                f"ports:\n  - {8000 + port}/tcp\n",
            )
    elsewhere = _NOT_HERE.search(reason)
    if elsewhere is None:
        return
    if elsewhere[2] == "no port":
        yield Remedy(
            f"nothing listens on {elsewhere[1]}: its configuration names no such port, or it "
            "listens only when it is told to (entrypoint, cmd, environment)"
        )
        return
    found = elsewhere[2].split(", ")
    number = found[0].partition("/")[0]
    yield Remedy(
        f"it listens on {elsewhere[2]}{_named(number, texts)}; the definition says {elsewhere[1]}",
        "ports:\n" + "".join(f"  - {port}\n" for port in found),
    )


def _paths(said: str, user: tuple[int, int], texts: Mapping[str, str]) -> Iterable[Remedy]:
    hits = [(path, why) for path, why in _REFUSED.findall(said)]
    hits += [(path, why) for why, path in _REFUSED_FIRST.findall(said)]
    for path, why in dict(hits).items():
        if not path.startswith(_WRITABLE):
            continue
        folder = posixpath.dirname(path)
        missing = why.lower().startswith("no such")
        what = "is not there" if missing else f"user {user[0]} cannot write"
        if folder in _SHARED:
            own, kind = posixpath.splitext(path)
            what += f", and is not its own; give it {own}"
            what += f", and let the file be {own}/{posixpath.basename(path)}" if kind else ""
            folder = own
        yield Remedy(
            f"it wants {path}, and {posixpath.dirname(path)} {what}{_named(path, texts)}",
            f'paths:\n  - {{type: directory, path: {folder}, mode: "0750", uid: {user[0]}, '
            f"gid: {user[1]}}}\nvolumes:\n  - {folder}\n",
        )


def _shell(said: str, texts: Mapping[str, str]) -> Iterable[Remedy]:
    if _SHELL.search(said):
        yield Remedy(
            f"it starts something by way of /bin/sh, which the image has not"
            f"{_named('/bin/sh', texts)}; start that directly, or keep a shell",
            "contents:\n  packages: [dash]\nhardening:\n  shell: true\n",
        )


def _named(word: str, texts: Mapping[str, str]) -> str:
    """Where a whole word stands: ` (/etc/x.conf:3 names it)`; empty if nowhere."""
    exact = re.compile(rf"(?<![\w./-]){re.escape(word)}(?![\w/-])")
    # What an administrator writes comes before what packages bring elsewhere.
    for path in sorted(texts, key=lambda one: (not one.startswith("/etc/"), one)):
        for number, line in enumerate(texts[path].splitlines(), 1):
            if exact.search(line) and not line.lstrip().startswith(_COMMENT):
                return f" ({path}:{number} names it)"
    return ""
