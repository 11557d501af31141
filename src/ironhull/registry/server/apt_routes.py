"""Frozen parts of package archives, for apt in build stages: files of one folder, nothing else.

What is in the folder, and who signed it, is `archive.frozen`'s affair; apt verifies all of it.
"""

from __future__ import annotations

import asyncio
import re
import stat
from pathlib import Path

from starlette.requests import Request
from starlette.types import ASGIApp

from ironhull.registry.server.ranges import parse_ranges
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.registry import Call, Registry
from ironhull.registry.server.sending import FileResponse

FOLDER = "apt"
"""Below the store."""
# No part begins with a dot: neither `..` nor what is being written.
_PATH = re.compile(
    r"[A-Za-z0-9_+~%:][A-Za-z0-9_+~%:.-]*(?:/[A-Za-z0-9_+~%:][A-Za-z0-9_+~%:.-]*){1,15}"
)
_LONGEST = 1000


class AptRoutes:
    """The handler; `app` guards and mounts it."""

    def __init__(self, registry: Registry) -> None:
        self._root = registry.contents.layout.root / FOLDER

    async def get(self, request: Request, call: Call) -> ASGIApp:
        """GET /apt/ID/REPOSITORY/…: a file, whole or a part of it; HEAD too."""
        path = request.path_params["path"]
        if len(path) > _LONGEST or not _PATH.fullmatch(path):
            raise Refusal("NOT_FOUND", f"no such file: {path!r:.200}", status=404)
        found = await asyncio.to_thread(_size, self._root, path)
        if found is None:
            raise Refusal("NOT_FOUND", f"no such file: {path!r:.200}", status=404)
        headers = {"content-type": "application/octet-stream", "accept-ranges": "bytes"}
        parts = parse_ranges(request.headers.get("range"), found)
        return FileResponse(self._root / path, found, headers, parts)


def _size(root: Path, path: str) -> int | None:
    """The size of a plain file, on a way without symbolic links; None for anything else."""
    here = root
    for name in path.split("/"):
        here /= name
        try:
            mode = here.lstat()
        except OSError:
            return None
        if stat.S_ISLNK(mode.st_mode):
            return None
    return mode.st_size if stat.S_ISREG(mode.st_mode) else None
