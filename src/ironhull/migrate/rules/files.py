"""COPY, ADD and WORKDIR: nothing unpacked by accident, nothing in root's home, nothing relative."""

from __future__ import annotations

import re

from ironhull.migrate.dockerfile.variables import replaced
from ironhull.migrate.draft import Draft
from ironhull.migrate.model import Confidence, Outside, Rung
from ironhull.migrate.rules.native import build_stages
from ironhull.migrate.rules.rule import Rule

ADD = Rule(
    "add-copy",
    "ADD of local files is COPY",
    "ADD also unpacks archives and fetches addresses; COPY does what is meant",
    Confidence.CERTAIN,
    "ADD . /app",
    "COPY . /app",
)
HOME = Rule(
    "root-home",
    "The application does not live in root's home",
    "nobody but root may enter /root",
    Confidence.LIKELY,
    "WORKDIR /root/\nCOPY --from=build /app/server .",
    "WORKDIR /app\nCOPY --from=build /app/server .",
)
RELATIVE = Rule(
    "absolute-workdir",
    "WORKDIR is absolute",
    "a relative folder depends on what the base image says, and the base image is another one",
    Confidence.CERTAIN,
    "WORKDIR app",
    "WORKDIR /app",
)
CONTEXT = Rule(
    "dockerignore",
    "What does not belong into the image is kept out of the context",
    "COPY . . copies everything that .dockerignore does not name",
    Confidence.CHECK,
    "COPY . .",
    "COPY . .",
)
_ARCHIVE = re.compile(r"\.(?:tar|tgz|tbz2?|txz|tar\.\w+|gz|bz2|xz|zst)\b")


def plain_copies(draft: Draft) -> None:
    """ADD → COPY where nothing is fetched or unpacked."""
    for index in build_stages(draft):
        for line, instruction in draft.stages[index].instructions("ADD"):
            body = instruction.body
            if "://" in body or "git@" in body or _ARCHIVE.search(body) or "$" in body:
                if "://" in body and instruction.flag("checksum") is None:
                    ADD.remark(
                        draft,
                        line.line,
                        "it fetches a file that may change",
                        "name its digest: ADD --checksum=sha256:…",
                    )
                continue
            if any(word.strip("\"',[]").endswith("*") for word in body.split()[:-1]):
                continue
            names = {flag.name for flag in instruction.flags}
            if names <= {"chown", "chmod", "link"} and not instruction.heredocs:
                start = instruction.logical.upper().index("ADD")
                word = "COPY" if instruction.written.isupper() else "copy"
                ADD.rewrite(draft, line, draft.edited(line, [(start, start + 3, word)]))


def folders(draft: Draft) -> None:
    """WORKDIR in the final stage: absolute, and not below /root."""
    plan = draft.plan
    if plan.hardened or draft.rung is Rung.DEV:
        return
    for index in plan.chain:
        stage = draft.stages[index]
        text = " ".join(line.text for line in stage.lines if line.keyword != "WORKDIR")
        current = ""
        for line, instruction in stage.instructions("WORKDIR"):
            folder = instruction.body.strip("\"'")
            if re.fullmatch(r"/root/?", folder) and not re.search(r"/root\b", text):
                HOME.rewrite(
                    draft, line, f"{instruction.written} /app", test="that it finds its files"
                )
                plan.directory = "/app"
            elif not folder.startswith(("/", "$", "~")) and not current:
                RELATIVE.rewrite(draft, line, f"{instruction.written} /{folder}")
            current = folder


def look_at_context(draft: Draft) -> None:
    """Remark on a context that is copied whole without a .dockerignore that keeps waste out."""
    lines = [
        (line, instruction)
        for index in build_stages(draft)
        for line, instruction in draft.stages[index].instructions("COPY", "ADD")
        if instruction.flag("from") is None and instruction.body.split()[:1] in (["."], ["./"])
    ]
    if not lines or not draft.context.names:
        return
    ignored = draft.context.read(".dockerignore")
    text = (ignored or b"").decode("utf-8", "replace")
    wanted = [".git", ".env"] + (["node_modules"] if draft.plan.language == "node" else [])
    missing = [name for name in wanted if name not in text]
    if ignored is None or missing:
        where = "there is no .dockerignore" if ignored is None else ".dockerignore lacks something"
        names = ", ".join(missing or wanted)
        CONTEXT.remark(
            draft,
            lines[0][0].line,
            f"the whole context is copied, and {where}",
            f"name there: {names}",
        )
        draft.outside.append(Outside("ignore-file", f".dockerignore: add {names}", "", names))


def volumes(draft: Draft) -> None:
    """Folders of VOLUME in a stage that stays belong to root unless somebody gives them away."""
    plan, runtime = draft.plan, draft.plan.runtime
    if runtime is None or plan.hardened or draft.rung is Rung.DEV:
        return
    known = {each.before for each in draft.outside if each.kind == "volume"}
    for _, instruction in draft.stages[draft.final].instructions("VOLUME"):
        for word in instruction.json or tuple(instruction.body.split()):
            place = replaced(word, plan.variables) or word
            if place not in known:
                draft.outside.append(
                    Outside(
                        "volume",
                        f"volumes mounted at {place} have to belong to {runtime.owner}",
                        place,
                        runtime.owner,
                    )
                )
