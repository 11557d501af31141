"""nginx's configuration out of the context: its port raised in a stage before the final one."""

from __future__ import annotations

import posixpath
import re

from ironhull.migrate.dockerfile.instruction import Instruction
from ironhull.migrate.dockerfile.stages import From
from ironhull.migrate.draft import Draft, DraftStage, Line
from ironhull.migrate.model import Confidence, Rung
from ironhull.migrate.plan import Base
from ironhull.migrate.rules.reading import resolved
from ironhull.migrate.rules.rule import Rule
from ironhull.migrate.rules.split import shift_numbers

CONFIGURATION = Rule(
    "nginx-configuration",
    "nginx's own configuration listens above 1024",
    "the file in the context is not touched: a build stage changes the port in its copy",
    Confidence.LIKELY,
    "COPY default.conf /etc/nginx/conf.d/default.conf",
    "FROM localhost/nginx:1.26-dev AS config\n"
    "COPY default.conf /etc/nginx/conf.d/default.conf\n"
    "RUN sed -i -E 's/(listen\\s+)80\\b/\\18080/' /etc/nginx/conf.d/default.conf\n\n"
    "FROM localhost/nginx:1.26\n"
    "COPY --from=config /etc/nginx/conf.d/default.conf /etc/nginx/conf.d/default.conf",
)
MAX_FILES = 20
"""Of configurations that are read."""
_LISTEN = r"(listen\s+(?:\[::\]:|\*:|\d+\.\d+\.\d+\.\d+:)?){port}\b"
_SED = r"s/(listen\s+(\[::\]:|\*:|[0-9.]+:)?){port}\b/\1{new}/"
_USER = re.compile(r"^[ \t]*user\s+\S", re.MULTILINE)
_PID = re.compile(r"^[ \t]*pid\s+\S", re.MULTILINE)


def raise_configured(draft: Draft, number: int, new: int) -> None:
    """Change the port in every configuration that the final stage copies out of the context."""
    read = 0
    for line, instruction in draft.stages[draft.final].instructions("COPY"):
        words = instruction.json or tuple(instruction.body.split())
        if instruction.flag("from") is not None or len(words) != 2 or read == MAX_FILES:
            continue
        name = posixpath.normpath(words[0])
        if not name.endswith((".conf", ".template")) or name not in draft.context.names:
            continue
        read += 1
        text = (draft.context.read(name) or b"").decode("utf-8", "replace")
        if re.search(_LISTEN.format(port=number), text):
            _in_a_stage(draft, line, instruction, text, number, new)


def _in_a_stage(
    draft: Draft, line: Line, instruction: Instruction, text: str, number: int, new: int
) -> None:
    dev = draft.plan.dev
    if dev is None or draft.rung is Rung.DEV or instruction.keyword != "COPY":
        CONFIGURATION.refuse(
            draft, line.line, f"the configuration that it copies listens on {number}",
            f"write `listen {new};` there",
        )  # fmt: skip
        return
    words = instruction.json or tuple(instruction.body.split())
    place = resolved(words[1], draft.plan.directory, draft.plan.variables)
    if words[1].endswith("/"):
        place = posixpath.join(place, posixpath.basename(words[0]))
    program = [_SED.format(port=number, new=new)]
    program += [r"/^\s*user\s/d"] if _USER.search(text) else []
    program += [r"s#^(\s*pid\s+)[^;]*;#\1/tmp/nginx.pid;#"] if _PID.search(text) else []
    edits = " ".join(f"-e '{part}'" for part in program) if program[1:] else f"'{program[0]}'"
    stage = _stage(draft, dev.reference)
    copied = draft.made(f"COPY {words[0]} {place}")
    changed = draft.made(f"RUN sed -i -E {edits} {place}")
    if not stage.lines:
        stage.lines.append(draft.made(""))
    stage.lines[-1:-1] = [copied, changed]
    shown = f"{stage.start.text}{copied.text}{changed.text}"
    CONFIGURATION.changed(draft, 0, "", shown, test=f"that it answers on {new}")
    name = stage.source.name
    CONFIGURATION.rewrite(draft, line, f"{instruction.written} --from={name} {place} {place}")


def _stage(draft: Draft, image: str) -> DraftStage:
    """The stage that changes configurations: the one before the final one, made if need be."""
    before = draft.stages[draft.final - 1] if draft.final else None
    if before is not None and before.start.line == 0 and before.source.image == image:
        return before
    used = {stage.source.name.lower() for stage in draft.stages if stage.source.name}
    name = "config" if "config" not in used else "nginx-config"
    stage = DraftStage(draft.made(f"FROM {image} AS {name}"), From(image, name, None), [])
    shift_numbers(draft)
    draft.stages.insert(draft.final, stage)
    draft.plan.bases.insert(draft.final, Base(image, image, hardened=True))
    chain = draft.plan.chain
    draft.plan.chain = [index + 1 if index >= draft.final else index for index in chain]
    draft.final += 1
    return stage
