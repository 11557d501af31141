"""From a Dockerfile to a hardened one: lex, draft, rules in their order, result."""

from __future__ import annotations

from ironhull.errors import NotFoundError
from ironhull.migrate.catalog.interface import Catalog
from ironhull.migrate.context.interface import Context, FilesContext
from ironhull.migrate.dockerfile.lexer import Document, encoded, lex
from ironhull.migrate.dockerfile.stages import found, split
from ironhull.migrate.draft import draft_of
from ironhull.migrate.model import Migration, Rung, Stage
from ironhull.migrate.rules.table import apply_rules


def migrate(
    source: bytes, context: Context | None, catalog: Catalog, target: str | None = None
) -> Migration:
    """The hardened form of a Dockerfile, and why it is so.

    `target` names the stage that is the image, as `docker build --target`: the last one if None.
    Without a context nothing is known of the application's files. MalformedError if `source` is no
    Dockerfile, NotFoundError for a target that it does not have.
    """
    document = lex(source)
    final = _final(document, target)
    draft = draft_of(document, context or FilesContext({}), catalog, final)
    apply_rules(draft)
    text = source if draft.rung is Rung.REFUSED else encoded(draft.text)
    return Migration(
        text,
        source,
        () if draft.rung is Rung.REFUSED else tuple(draft.changes),
        tuple(draft.refused),
        tuple(draft.remarks),
        () if draft.rung is Rung.REFUSED else tuple(draft.outside),
        draft.rung,
        stages_of(text, target),
    )


def stages_of(source: bytes, target: str | None = None) -> tuple[Stage, ...]:
    """The stages of a Dockerfile, and what part each has in the image."""
    document = lex(source)
    _, stages = split(document)
    final = _final(document, target)
    used: set[int] = set()
    waiting = [final]
    while waiting:
        index = waiting.pop()
        if index in used:
            continue
        used.add(index)
        names = [stages[index].source.image]
        names += [
            node.instruction.flag("from") or ""
            for node in stages[index].nodes
            if node.instruction is not None and node.instruction.keyword in ("COPY", "ADD")
        ]
        for name in names:
            known = found(stages, name, index)
            if known is None and name.isdigit() and int(name) < index:
                known = int(name)
            if known is not None:
                waiting.append(known)
    return tuple(
        Stage(
            stage.index,
            stage.source.name or "",
            stage.source.image,
            "final" if stage.index == final else "build" if stage.index in used else "other",
            stage.start.line,
        )
        for stage in stages
    )


def _final(document: Document, target: str | None) -> int:
    _, stages = split(document)
    if target is None:
        return len(stages) - 1
    index = found(stages, target, len(stages))
    if index is None and target.isdigit() and int(target) < len(stages):
        index = int(target)
    if index is None:
        names = ", ".join(stage.source.name for stage in stages if stage.source.name) or "none"
        raise NotFoundError(f"no stage {target!r:.60} in the Dockerfile (it has: {names})")
    return index
