"""An entrypoint script → what it does before it starts the program, if that is known."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINES = 400
_SKIPPED = re.compile(
    r"(?:set\s+[-+]\w+(?:\s+pipefail)?|echo\b.*|printf\b.*|true|:|umask\s+\d+|fi"
    r"|rm\s+-r?f\s+\S*\.pid|[a-z_]+=\d+)$"
)
_DEFAULTS = (
    re.compile(r':\s+"?\$\{(?P<name>[A-Za-z_]\w*):?=(?P<value>[^}$`]*)\}"?$'),
    re.compile(
        r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)=\"?\$\{(?P=name):?[-=](?P<value>[^}$`]*)\}\"?$"
    ),
    re.compile(r"export\s+(?P<name>[A-Za-z_]\w*)=(?P<value>[^$`\s]+|\"[^$`\"]*\"|'[^']*')$"),
)
_EXPORT = re.compile(r"export((?:\s+[A-Za-z_]\w*)+)")
_WAITS = re.compile(
    r"(?:\./|/\S*/)?(?:wait-for-it|wait-for|wait_for_it|wait_for|dockerize|wait-for-postgres)"
    r"(?:\.sh)?\b|pg_isready\b|(?:nc|netcat)\s+-\w*z"
)
_LOOP = re.compile(r"(?:until|while)\b(?P<condition>.*)")
_LOOP_WAITS = re.compile(r"\b(?:nc|netcat|pg_isready|curl|wget|mysqladmin|redis-cli|psql|ping)\b")
_ONCE = re.compile(
    r"(?:(?:poetry|pipenv|uv|pdm)\s+run\s+)?(?:"
    r"python3?\s+(?:\./)?manage\.py\s+(?:migrate|collectstatic|createcachetable|compilemessages|check)"
    r"|alembic\s+upgrade|flask\s+db\s+upgrade|(?:npx\s+|yarn\s+|pnpm\s+)?(?:prisma\s+(?:migrate|db|generate)"
    r"|sequelize\S*\s+db:migrate|knex\s+migrate|typeorm\s+migration|drizzle-kit)"
    r"|(?:bundle\s+exec\s+)?(?:\./bin/|bin/)?(?:rails|rake)\s+(?:db:\S+|assets:\S+)"
    r"|php\s+artisan\s+(?:migrate|config:cache|route:cache|view:cache|storage:link|optimize)"
    r"|(?:npm|yarn|pnpm)\s+run\s+(?:db:)?migrat\S*).*"
)
_OWNERS = re.compile(r"(?:chown|chmod|mkdir)\s+.*")
_EXEC_ALL = re.compile(
    r'exec\s+(?:(?:gosu|su-exec|tini|dumb-init)\s+(?:\S+\s+)?(?:--\s+)?)?"?\$[@*]"?$'
)


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """What an entrypoint script does."""

    environment: tuple[tuple[str, str], ...]
    waits: bool
    once: tuple[str, ...]
    """Commands that prepare data: migrations and the like."""
    owners: bool
    """It changes owners or makes folders."""
    start: str
    """The shell text of what it starts; empty: what CMD says."""


def read_script(data: bytes) -> ScriptFacts | str:
    """The facts of a script, or the first line that is not understood."""
    lines = data.decode("utf-8", "replace").replace("\\\n", " ").splitlines()
    if len(lines) > MAX_LINES:
        return f"it has {len(lines)} lines"
    environment: dict[str, str] = {}
    exported: set[str] = set()
    once: list[str] = []
    waits = owners = False
    rest = [line.strip() for line in lines]
    while rest:
        line = rest.pop(0)
        if not line or line.startswith("#") or _SKIPPED.match(line):
            continue
        default = next((found for each in _DEFAULTS if (found := each.match(line))), None)
        if default:
            environment[default["name"]] = default["value"].strip("\"'")
            exported |= {default["name"]} if line.startswith("export") else set()
        elif exports := _EXPORT.fullmatch(line):
            exported |= set(exports[1].split())
        elif _EXEC_ALL.match(line):
            return ScriptFacts(_given(environment, exported, ""), waits, tuple(once), owners, "")
        elif _waits(line, rest):
            waits = True
        elif _ONCE.fullmatch(line):
            once.append(line)
        elif _OWNERS.fullmatch(line) and "$(" not in line:
            owners = True
        elif not any(rest) or line.startswith("exec "):
            given = _given(environment, exported, line)
            return ScriptFacts(given, waits, tuple(once), owners, line)
        else:
            return f"it has the line: {line:.60}"
    return "it starts nothing"


def _given(
    environment: dict[str, str], exported: set[str], start: str
) -> tuple[tuple[str, str], ...]:
    """What the program sees of the script's variables: what is exported, or in its own line."""
    return tuple(
        (name, value)
        for name, value in environment.items()
        if name in exported or re.search(rf"\$\{{?{name}\b", start)
    )


def _waits(line: str, rest: list[str]) -> bool:
    """Whether a line waits for a service; takes the lines of its loop."""
    if _WAITS.match(line):
        return " -- " not in line
    loop = _LOOP.match(line)
    if not loop or not _LOOP_WAITS.search(loop["condition"]):
        return False
    while rest and not re.search(r"\bdone\b", line):
        line = rest.pop(0)
    return True
