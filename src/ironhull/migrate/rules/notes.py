"""What is left as it is, and what somebody should know of."""

from __future__ import annotations

import re

from ironhull.migrate.dockerfile.variables import pairs
from ironhull.migrate.draft import Draft
from ironhull.migrate.model import Confidence
from ironhull.migrate.rules.native import build_stages
from ironhull.migrate.rules.rule import Rule

SECRETS = Rule(
    "secrets",
    "Secrets do not stand in ENV and ARG",
    "whoever has the image can read them in its configuration and its history",
    Confidence.CHECK,
    "ENV API_TOKEN=abc123",
    "ENV API_TOKEN=abc123",
)
PINNED = Rule(
    "pinned",
    "What is copied out of another image is pinned",
    "the next build may get something else under the same name",
    Confidence.CERTAIN,
    "COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/uv",
    "COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/uv",
)
LOADER = Rule(
    "loader",
    "Libraries that are loaded by a variable have to be there",
    "LD_PRELOAD and LD_LIBRARY_PATH name files of the conventional image",
    Confidence.CHECK,
    "ENV LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
    "ENV LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
)
_SECRET = re.compile(
    r"(?:.*_)?(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_KEY|ACCESS_KEY)(?:_.*)?"
)
_HARMLESS = re.compile(r".*_(?:FILE|PATH|DUMMY|NAME|URL|TTL|HEADER)")


def notes(draft: Draft) -> None:
    """Remark on secrets, on images that are copied from and may move, on the loader's variables."""
    names = {stage.source.name.lower() for stage in draft.stages if stage.source.name}
    for index in build_stages(draft):
        for line, instruction in draft.stages[index].instructions("ENV", "ARG"):
            for name, value in pairs(instruction):
                _variable(draft, line.line, name, value)
        for line, instruction in draft.stages[index].instructions("COPY"):
            source = (instruction.flag("from") or "").lower()
            moves = ":" not in source.rpartition("/")[2] or source.endswith(":latest")
            foreign = source and source not in names and not source.isdigit()
            if foreign and moves and "@" not in source and not source.startswith("$"):
                PINNED.remark(
                    draft,
                    line.line,
                    f"it copies out of {source:.80}",
                    "name a version and a digest: IMAGE:TAG@sha256:…",
                )


def _variable(draft: Draft, line: int, name: str, value: str) -> None:
    upper = name.upper()
    said = value and not value.startswith("$")
    if said and _SECRET.fullmatch(upper) and not _HARMLESS.fullmatch(upper):
        SECRETS.remark(
            draft,
            line,
            f"{name:.60} looks like a secret, and everybody can read it",
            "mount it when building (RUN --mount=type=secret), set it when running",
        )
    if name in ("LD_PRELOAD", "LD_LIBRARY_PATH"):
        LOADER.remark(
            draft,
            line,
            f"{name} may name what the runtime does not have",
            "look whether these files are there",
        )
