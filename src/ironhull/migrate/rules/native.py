"""Programs that are compiled: whether they need a C library at run time, and whose."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.migrate.dockerfile.instruction import Instruction
from ironhull.migrate.dockerfile.shell import read_shell
from ironhull.migrate.draft import Draft, Line
from ironhull.migrate.model import Confidence
from ironhull.migrate.rules.rule import Rule

CGO = Rule(
    "go-static",
    "Go programs are linked statically",
    "the static runtime has no C library; without cgo a Go program needs none",
    Confidence.LIKELY,
    "RUN go build -o /app .",
    "RUN CGO_ENABLED=0 go build -o /app .",
)
_CGO_MODULES = (
    b"mattn/go-sqlite3",
    b"confluent-kafka-go",
    b"h2non/bimg",
    b"davidbyttow/govips",
    b"libgit2/git2go",
    b"gopkg.in/rana/ora",
    b"godror/godror",
    b"tensorflow",
    b"go-gl/",
)
_COMPILERS = ("gcc", "build-base", "musl-dev", "g++", "build-essential", "libc6-dev")


def sources(draft: Draft, index: int) -> Iterator[int]:
    """Earlier stages that a stage copies from, by name or number."""
    names = {
        stage.source.name.lower(): at
        for at, stage in enumerate(draft.stages[:index])
        if stage.source.name
    }
    for _, instruction in draft.stages[index].instructions("COPY", "ADD"):
        name = (instruction.flag("from") or "").lower()
        if name in names:
            yield names[name]
        elif name.isdigit() and int(name) < index:
            yield int(name)


def root_of(draft: Draft, index: int) -> int:
    """The stage at the beginning of a stage's chain."""
    parent = draft.plan.bases[index].parent
    while parent is not None:
        index, parent = parent, draft.plan.bases[parent].parent
    return index


def compiled_language(draft: Draft) -> str:
    """The language of what the final stage copies from its build stages: go, rust, c or empty."""
    for index in reversed(draft.plan.chain):
        for source in sources(draft, index):
            family = draft.plan.bases[root_of(draft, source)].family
            if family is not None and family.language in ("go", "rust", "c"):
                return family.language
    return ""


def build_stages(draft: Draft) -> list[int]:
    """Stages whose results reach the image, the chain too."""
    found: list[int] = []
    waiting = list(draft.plan.chain)
    while waiting:
        index = waiting.pop()
        if index in found:
            continue
        found.append(index)
        waiting += sources(draft, index)
        parent = draft.plan.bases[index].parent
        if parent is not None:
            waiting.append(parent)
    return sorted(found)


def needs_libc(draft: Draft, language: str) -> bool:
    """Whether a compiled program needs a C library when it runs."""
    texts = [
        instruction.logical
        for index in build_stages(draft)
        for _, instruction in draft.stages[index].instructions("RUN", "ENV", "ARG")
    ]
    joined = " ".join(texts)
    if language == "static":
        return False
    if language == "go":
        return needs_cgo(draft, joined)
    musl = any(draft.plan.bases[index].musl for index in build_stages(draft))
    if language == "rust":
        return not (musl or "-musl" in joined)
    return "-static" not in joined


def needs_cgo(draft: Draft, text: str) -> bool:
    """Whether a Go program is linked with C: said so, or by a module that is known for it."""
    if "CGO_ENABLED=0" in text or "CGO_ENABLED 0" in text:
        return False
    if "-extldflags" in text and "-static" in text:
        return False
    if "CGO_ENABLED=1" in text or "CGO_ENABLED 1" in text:
        return True
    modules = draft.context.read("go.mod") or b""
    if any(name in modules for name in _CGO_MODULES):
        return True
    return not modules and any(f" {name}" in text for name in _COMPILERS)


def link_statically(draft: Draft) -> None:
    """Put CGO_ENABLED=0 before `go build` and `go install` where a static runtime is the aim."""
    runtime = draft.plan.runtime
    if runtime is None or runtime.libc or draft.plan.language not in ("go", "static"):
        return
    stages = [draft.stages[index] for index in build_stages(draft)]
    text = " ".join(
        instruction.logical for stage in stages for _, instruction in stage.instructions()
    )
    if "CGO_ENABLED" in text or ("-extldflags" in text and "-static" in text):
        return
    for stage in stages:
        for line, instruction in stage.instructions("RUN"):
            _without_cgo(draft, line, instruction)


def _without_cgo(draft: Draft, line: Line, instruction: Instruction) -> None:
    if instruction.json is not None or instruction.heredocs:
        return
    start = instruction.body_start
    edits = [
        (start + command.start, start + command.start, "CGO_ENABLED=0 ")
        for command in read_shell(instruction.body).commands
        if command.values[:2] in (("go", "build"), ("go", "install"))
    ]
    if edits:
        CGO.rewrite(draft, line, draft.edited(line, edits), test="that the program starts")
