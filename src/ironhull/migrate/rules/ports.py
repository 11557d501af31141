"""Ports under 1024: the application listens higher, wherever it learns that from."""

from __future__ import annotations

import json
import re

from ironhull.migrate.dockerfile.variables import pairs, replaced
from ironhull.migrate.draft import Draft, Line
from ironhull.migrate.model import Confidence, Outside
from ironhull.migrate.rules.nginx import raise_configured
from ironhull.migrate.rules.rule import Rule

PORTS = Rule(
    "ports",
    "The application listens above 1024",
    "a user without rights may not open lower ports everywhere (podman, host networks)",
    Confidence.LIKELY,
    'EXPOSE 80\nCMD ["gunicorn", "-b", "0.0.0.0:80", "app:app"]',
    'EXPOSE 8080\nCMD ["gunicorn", "-b", "0.0.0.0:8080", "app:app"]',
)
_VARIABLES = re.compile(
    r"(?:\w*_)?PORT|ASPNETCORE_(?:URLS|HTTP_PORTS)|(?:HTTP_|SERVER_)?(?:BIND|LISTEN)(?:_ADDR\w*)?|ADDR(?:ESS)?"
)


def raise_ports(draft: Draft) -> None:
    """EXPOSE, and ENV, CMD or a configuration that says the same port."""
    if draft.plan.hardened or draft.plan.runtime is None:
        return
    exposed = [
        (line, number)
        for index in draft.plan.chain
        for line, instruction in draft.stages[index].instructions("EXPOSE")
        for number in _numbers(instruction.body, draft.plan.variables)
        if number < 1024
    ]
    if draft.plan.language == "nginx" and not exposed:
        _unsaid(draft)
    for _, number in dict.fromkeys((0, number) for _, number in exposed):
        new = number + 8000
        if draft.plan.language == "nginx":
            _nginx(draft, number, new, [line for line, each in exposed if each == number])
        elif _said(draft, number, new) or _by_base(draft, number):
            for line, each in exposed:
                if each == number:
                    _expose(draft, line, number, new)
            _outside(draft, number, new)
        else:
            PORTS.remark(
                draft,
                exposed[0][0].line,
                f"it listens on port {number}, and nothing here says where it learns that",
                f"let it listen on {new}; all but docker's bridge refuse {number} to such users",
            )


def _by_base(draft: Draft, number: int) -> bool:
    """ASP.NET Core listens where a variable of the base image says: the same is said here."""
    variable = "ASPNETCORE_HTTP_PORTS"
    known = draft.plan.environment
    if draft.plan.language != "dotnet" or "ASPNETCORE_URLS" in known:
        return False
    if number == 80 and variable not in known:
        final = draft.stages[draft.final]
        text = f"ENV {variable}=8080"
        final.lines.insert(0, draft.made(text))
        known[variable] = "8080"
        PORTS.changed(draft, 0, "", text)
    return number in (80, 443)


def _numbers(text: str, variables: dict[str, str]) -> list[int]:
    plain = replaced(text, variables)
    words = (text if plain is None else plain).split()
    found = [word.partition("/")[0] for word in words]
    return [int(word) for word in found if word.isdigit() and 0 < int(word) < 65536]


def _expose(draft: Draft, line: Line, number: int, new: int) -> None:
    instruction = line.instruction
    if instruction is None:
        return
    start = instruction.body_start
    edits = [
        (start + match.start(), start + match.end(), str(new))
        for match in re.finditer(rf"(?<![\w$]){number}(?![\w-])", instruction.body)
    ]
    if edits:
        PORTS.rewrite(draft, line, draft.edited(line, edits), test=f"that it answers on {new}")


def _said(draft: Draft, number: int, new: int) -> bool:
    """Change where the port is said: ENV and ARG, or the start command; False if nowhere."""
    done = False
    said = re.compile(rf"(?<![\d.\w]){number}(?![\d.\w])")
    for index in draft.plan.chain:
        stage = draft.stages[index]
        for line, instruction in stage.instructions("ENV", "ARG"):
            names = [name for name, value in pairs(instruction) if said.search(value)]
            if names and all(_VARIABLES.fullmatch(name) for name in names):
                edits = [(*match.span(), str(new)) for match in said.finditer(instruction.logical)]
                PORTS.rewrite(draft, line, draft.edited(line, edits))
                done = True
        for line, instruction in stage.instructions("CMD", "ENTRYPOINT"):
            words = instruction.json
            changed = tuple(_argument(words, at, said, new) for at in range(len(words or ())))
            if words is not None and changed != words:
                text = f"{instruction.written} {json.dumps(list(changed), ensure_ascii=False)}"
                PORTS.rewrite(draft, line, text)
                done = True
    return done


_OPTION = re.compile(r"--?(?:p|port|b|bind|l|listen|address|addr|http|host|http-port|server\.port)")


def _argument(words: tuple[str, ...] | None, at: int, said: re.Pattern[str], new: int) -> str:
    word = (words or ())[at]
    before = (words or ())[at - 1] if at else ""
    option, equals, value = word.partition("=")
    if equals and _OPTION.fullmatch(option.replace("-D", "--")):
        return f"{option}={said.sub(str(new), value)}"
    address = re.fullmatch(r"(?:https?://)?(?:\[?[\w.:*]*\]?:)?\d+", word)
    if address and (_OPTION.fullmatch(before) or ":" in word):
        return said.sub(str(new), word)
    return word


def _unsaid(draft: Draft) -> None:
    """The conventional nginx listens on 80 whether EXPOSE says so or not."""
    before = len(draft.changes)
    raise_configured(draft, 80, 8080)
    own = any(
        ".conf" in instruction.body or "/etc/nginx" in instruction.body
        for _, instruction in draft.stages[draft.final].instructions("COPY", "ADD")
    )
    if len(draft.changes) > before or not own:
        _outside(draft, 80, 8080)


def _nginx(draft: Draft, number: int, new: int, lines: list[Line]) -> None:
    """nginx: the base's default server is on 8080 already; one's own configuration has to move."""
    raise_configured(draft, number, new)
    for line in lines:
        _expose(draft, line, number, new)
    _outside(draft, number, new)


def _outside(draft: Draft, number: int, new: int) -> None:
    draft.outside.append(
        Outside(
            "port",
            f"the container listens on {new} instead of {number}: ports of compose,"
            " targetPort and probes of Kubernetes, load balancers",
            str(number),
            str(new),
        )
    )
