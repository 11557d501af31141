"""HEALTHCHECK without curl, wget and a shell."""

from __future__ import annotations

import json
import re

from ironhull.migrate.dockerfile.shell import read_shell
from ironhull.migrate.draft import Draft, Line
from ironhull.migrate.model import Confidence, Outside, Rung
from ironhull.migrate.rules.rule import Rule

HEALTH = Rule(
    "healthcheck",
    "The health check asks with the language's own client",
    "the runtime has neither curl nor a shell",
    Confidence.LIKELY,
    "HEALTHCHECK CMD curl -f http://localhost:3000/health || exit 1",
    'HEALTHCHECK CMD ["node", "-e", "fetch(\'http://127.0.0.1:3000/health\').then(r=>'
    'process.exit(r.ok?0:1),()=>process.exit(1))"]',
)
_ADDRESS = re.compile(r"https?://[^\s'\"|;&]+")
_CLIENTS = ("curl", "wget")


def health(draft: Draft) -> None:
    """Rewrite a HEALTHCHECK that asks an address; take one out that nothing here can do."""
    if draft.plan.hardened or draft.rung is Rung.DEV or draft.plan.runtime is None:
        return
    for index in draft.plan.chain:
        stage = draft.stages[index]
        for line, instruction in stage.instructions("HEALTHCHECK"):
            if instruction.body.upper() == "NONE":
                continue
            new = _command(draft, line)
            if new is None:
                continue
            if not new:
                stage.lines.remove(line)
                HEALTH.changed(
                    draft,
                    line.line,
                    line.text,
                    "",
                    "nothing in the runtime can ask; the orchestrator's probe can",
                )
                draft.outside.append(
                    Outside(
                        "probe", "the health check is gone: use an HTTP or TCP probe from outside"
                    )
                )
                continue
            start = instruction.body_start
            edit = (
                start,
                start + len(instruction.body),
                f"CMD {json.dumps(list(new), ensure_ascii=False)}",
            )
            HEALTH.rewrite(draft, line, draft.edited(line, [edit]), test="that it becomes healthy")


def _command(draft: Draft, line: Line) -> tuple[str, ...] | None:
    """The new words; empty for none, None if the old ones are fine."""
    instruction = line.instruction
    if instruction is None:
        return None
    text = re.sub(r"^(?i:cmd)\s+", "", instruction.body)
    words = instruction.json
    if words is None:
        script = read_shell(text)
        commands = [command for command in script.commands if command.name not in ("exit", "true")]
        if len(commands) == 1 and commands[0].plain and commands[0].name not in _CLIENTS:
            return _runnable(draft, commands[0].values)
    elif words and words[0].rpartition("/")[2] not in (*_CLIENTS, "sh", "bash"):
        return None
    else:
        text = " ".join(words)
    found = _ADDRESS.search(text)
    if found is None or not re.search(r"\b(?:curl|wget)\b", text):
        return ()
    return _asking(draft, _moved(draft, found[0].replace("//localhost", "//127.0.0.1")))


def _moved(draft: Draft, address: str) -> str:
    """The address with the port that the application listens on now."""
    moved = {each.before: each.after for each in draft.outside if each.kind == "port"}
    found = re.match(r"(https?)://([^/:]+)(?::(\d+))?", address)
    if found is None:
        return address
    port = found[3] or {"http": "80", "https": "443"}[found[1]]
    if port not in moved:
        return address
    return f"{found[1]}://{found[2]}:{moved[port]}{address[found.end() :]}"


def _runnable(draft: Draft, words: tuple[str, ...]) -> tuple[str, ...]:
    programs = {"node": ("node",), "python": ("python", "python3")}.get(draft.plan.language, ())
    runs = "/" in words[0] and not words[0].endswith(".sh")
    return words if runs or words[0] in programs else ()


def _asking(draft: Draft, address: str) -> tuple[str, ...]:
    if "$" in address or "'" in address:
        return ()
    if draft.plan.language == "node":
        code = f"fetch('{address}').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"
        return ("node", "-e", code)
    if draft.plan.language == "python":
        return ("python3", "-c", f"import urllib.request as u;u.urlopen('{address}',timeout=3)")
    if draft.plan.language == "ruby":
        code = f"exit Net::HTTP.get_response(URI('{address}')).is_a?(Net::HTTPSuccess)"
        return ("ruby", "-rnet/http", "-e", code)
    return ()
