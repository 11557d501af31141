"""Stages that come from Alpine to Debian: apk's commands become apt's."""

from __future__ import annotations

import re

from ironhull.migrate.dockerfile.shell import Command
from ironhull.migrate.draft import Draft, DraftStage
from ironhull.migrate.model import Confidence, Rung
from ironhull.migrate.rules.bases import stays
from ironhull.migrate.rules.editing import Edit, commands_of, edit_commands
from ironhull.migrate.rules.native import build_stages, root_of
from ironhull.migrate.rules.packages import debian_name
from ironhull.migrate.rules.programs import installed_by
from ironhull.migrate.rules.rule import Rule

APK = Rule(
    "apk-apt",
    "apk becomes apt where the dev image is Debian's",
    "the runtime is built from Debian's packages, and what is compiled for it has to be too",
    Confidence.LIKELY,
    "RUN apk add --no-cache build-base python3",
    "RUN apt-get update && apt-get install -y --no-install-recommends build-essential python3",
)


def debian_commands(draft: Draft) -> None:
    """Rewrite apk in every stage that left Alpine."""
    if draft.plan.hardened:
        return
    for index in build_stages(draft):
        root, stage = root_of(draft, index), draft.stages[index]
        base = draft.plan.bases[root]
        if not base.musl or stays(draft, root):
            continue
        if index == root:
            _tools(draft, stage)
        for line, instruction in stage.instructions("RUN"):
            if not re.search(r"\bapk\b", instruction.logical):
                continue
            if not commands_of(line):
                APK.refuse(
                    draft,
                    line.line,
                    "a RUN with apk in it cannot be taken apart",
                    "write it for apt: the stage stands on Debian now",
                )
                continue
            edit_commands(draft, stage, line, _edit(draft, stage, line.line), APK)


def _tools(draft: Draft, stage: DraftStage) -> None:
    """Programs that Alpine's busybox has, and Debian's dev images do not."""
    text = " ".join(instruction.logical for _, instruction in stage.instructions("RUN"))
    installed = " ".join(re.findall(r"\bapk\b[^&|;]*", text))
    wanted = [
        name
        for name in ("wget", "unzip", "bzip2")
        if re.search(rf"(?:^|&&|;|\|\||RUN)\s*{name}\s", text)
        and not re.search(rf"\b{name}\b", installed)
    ]
    if wanted:
        names = " and ".join(wanted)
        APK.refuse(
            draft,
            stage.start.line,
            f"Alpine has {names} in its busybox, the dev image has not",
            f"install {names} in this stage with apt-get, or use curl",
        )


def _edit(draft: Draft, stage: DraftStage, line: int) -> Edit:
    first = True

    def edit(command: Command) -> str | None:
        nonlocal first
        if command.name != "apk":
            return None
        installed = installed_by(command)
        if installed is None:
            return ""
        names: list[str] = []
        for name in installed.names:
            known = debian_name(name)
            if known is None:
                APK.refuse(
                    draft,
                    line,
                    f"nobody here knows Debian's name of Alpine's {name:.40}",
                    "write it into the apt-get install of the new Dockerfile",
                )
                known = name
            if known and known not in names:
                names.append(known)
        if not names:
            return ""
        install = f"apt-get install -y --no-install-recommends {' '.join(names)}"
        made = f"apt-get update && {install}" if first else install
        if first and draft.rung is Rung.DEV:
            made += " && rm -rf /var/lib/apt/lists/*"
        first = False
        return made

    return edit
