"""What a language's build gives: a program, an archive, an environment; not the whole tree."""

from __future__ import annotations

import posixpath
import re

from ironhull.migrate.draft import Draft, DraftStage
from ironhull.migrate.rules.artifacts import Artifacts
from ironhull.migrate.rules.assess import SYSTEM
from ironhull.migrate.rules.reading import Step, below, normal, resolved

_ASSETS = frozenset((
    "templates", "static", "public", "assets", "views", "migrations", "web", "config",
    "configs", "locales", "i18n", "www", "html", "db", "data", "resources", "conf", "etc",
    "swagger", "certs",
))  # fmt: skip
_BINARIES = {"go": "/go/bin", "rust": "/usr/local/cargo/bin"}


def outputs(draft: Draft, steps: list[Step], found: Artifacts, stage: DraftStage) -> None:
    """Narrow what is copied to what the language's build gives, where that is known."""
    language = draft.plan.language
    if draft.plan.venv:
        found.trees.append(draft.plan.venv)
    if language == "ruby":
        found.trees.append("/usr/local/bundle")
    family = draft.plan.bases[draft.plan.chain[0]].family
    if language in ("go", "rust") and family is not None and family.language == language:
        _program(draft, steps, found, stage)
    elif language == "java":
        _archive(draft, found)


def _program(draft: Draft, steps: list[Step], found: Artifacts, stage: DraftStage) -> None:
    """A compiled program alone, with folders of the context that it may read at run time."""
    start = draft.plan.start
    words = (start.entrypoint or start.cmd or ()) if start else ()
    built = _built(draft, steps)
    program = ""
    if words and "/" in words[0]:
        program = resolved(words[0], draft.plan.directory, draft.plan.variables)
    elif words and draft.plan.language in _BINARIES:
        place = f"{_BINARIES[draft.plan.language]}/{words[0]}"
        known = [path for path in built if posixpath.basename(path) == words[0]]
        program = known[0] if known else place
    if not program or program in SYSTEM:
        return
    folder = draft.plan.directory
    tops = {name.partition("/")[0] for name in draft.context.names if "/" in name}
    assets = [normal(f"{folder}/{top}") for top in sorted(tops & _ASSETS)] if folder != "/" else []
    # What was placed outside of the source folder was meant to be there.
    outside = [
        tree
        for tree in found.trees
        if not below(program, tree)
        and tree != folder
        and not tree.startswith(("/go", "/usr/local/cargo"))
    ]
    found.trees = [program, *assets, *outside]
    if program.startswith(tuple(_BINARIES.values())):
        found.trees.remove(program)
        target = f"/usr/local/bin/{posixpath.basename(program)}"
        found.lines.append(draft.made(f"COPY --from={{build}} {program} {target}"))


def _built(draft: Draft, steps: list[Step]) -> list[str]:
    """Programs that `go build -o` names."""
    made = []
    for step in steps:
        for command in step.commands:
            values = command.values
            if values[:2] == ("go", "build") and "-o" in values[:-1]:
                target = values[values.index("-o") + 1]
                made.append(resolved(target, step.directory, draft.plan.variables))
    return made


def _archive(draft: Draft, found: Artifacts) -> None:
    """The .jar that is started, if it is a single file by name."""
    start = draft.plan.start
    words = (*(start.entrypoint or ()), *(start.cmd or ())) if start else ()
    if "-jar" not in words[:-1]:
        return
    name = words[words.index("-jar") + 1]
    if not re.search(r"[*?$]", name) and name.endswith((".jar", ".war")):
        place = resolved(name, draft.plan.directory, draft.plan.variables)
        outside = [tree for tree in found.trees if not below(place, tree)]
        found.trees = [place, *(tree for tree in outside if not tree.startswith("/root"))]
