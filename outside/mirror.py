"""The machine's own mirror, in the words of other tools; its address stands nowhere in the tree."""

from __future__ import annotations

from ironhull.archive.mirror import find_repositories

DISTRIBUTIONS = {"bookworm": "debian-12", "trixie": "debian-13"}


def suite_lines(codename: str) -> str:
    """Apt's one-line sources of a release, its updates and its security fixes."""
    lines = [
        f"deb {repository.uri} {suite} {' '.join(repository.components)}\n"
        for repository in find_repositories(DISTRIBUTIONS[codename])
        for suite in repository.suites
    ]
    return "".join(lines)
