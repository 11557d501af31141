"""The git repository that a catalog lies in, changed by git itself; the checkout is not touched.

A commit is made of the tree of another one with one file changed, in an index of its own: whoever
works in the checkout notices nothing. No hook for commits is run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from ironhull.engine.process import Finished, call
from ironhull.errors import EnvironmentProblem, InputError, NetworkError

_SECONDS, _NETWORK_SECONDS = 60, 300


class GitRepository:
    """One checkout. EnvironmentProblem from every method where git is missing or fails."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._environment = {**environment, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        self.root = folder
        found = self._run("rev-parse", "--show-toplevel")
        if found.code != 0:
            raise InputError(
                f"{folder} is in no git repository that can be used: {found.words} "
                "(what is proposed becomes a commit there)"
            )
        self.root = Path(found.stdout.removesuffix("\n"))

    # -- what is there ---------------------------------------------------------------------------

    @property
    def head(self) -> str:
        """The commit that is checked out; InputError where there is none yet."""
        found = self.commit_of("HEAD")
        if not found:
            raise InputError(f"{self.root} has no commit yet: what is proposed would follow none")
        return found

    @property
    def branch(self) -> str:
        """The branch that is checked out; empty: none is."""
        found = self._run("symbolic-ref", "--quiet", "--short", "HEAD")
        return found.stdout.strip() if found.code == 0 else ""

    def commit_of(self, name: str) -> str:
        """The commit that a branch or an expression stands for; empty where there is none."""
        found = self._run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
        return found.stdout.strip() if found.code == 0 else ""

    def content(self, commit: str, path: str) -> bytes | None:
        """A text file of a commit; None where it has none."""
        found = self._run("cat-file", "blob", f"{commit}:{path}")
        return found.stdout.encode() if found.code == 0 else None

    def message(self, commit: str) -> str:
        """What a commit says."""
        return self._said("show", "--no-patch", "--format=%B", commit)

    def holds(self, commit: str, earlier: str) -> bool:
        """Whether a commit has another one behind it, or is it."""
        return self._run("merge-base", "--is-ancestor", earlier, commit).code == 0

    def changed(self, *paths: Path) -> str:
        """What of these files is not as it is committed, as git says it; empty: nothing."""
        names = [str(path) for path in paths]
        return self._said("status", "--porcelain", "--untracked-files=all", "--", *names).strip()

    # -- changing it -----------------------------------------------------------------------------

    def commit(self, parent: str, path: str, content: bytes, message: str) -> str:
        """A commit that changes one file of another one; no branch is at it yet."""
        with tempfile.TemporaryDirectory(prefix="ironhull-git-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._said("read-tree", parent, more=index)
            blob = self._said("hash-object", "-w", "--stdin", feed=content).strip()
            entry = f"100644,{blob},{path}"
            self._said("update-index", "--add", "--cacheinfo", entry, more=index)
            tree = self._said("write-tree", more=index).strip()
        signed = self._run("config", "--type=bool", "commit.gpgSign").stdout.strip() == "true"
        words = ["-S"] if signed else []
        made = self._said(
            "commit-tree", tree, "-p", parent, *words, "-F", "-", feed=message.encode()
        )
        return made.strip()

    def move(self, branch: str, commit: str, before: str) -> None:
        """Let a branch be at a commit, if it still is where it was (empty: nowhere)."""
        self._said("update-ref", f"refs/heads/{branch}", commit, before or "0" * len(commit))

    # -- the remote ------------------------------------------------------------------------------

    def fetch(self, remote: str, branch: str) -> str:
        """Where a remote has a branch, with what is behind it; empty: it has none."""
        name = f"refs/heads/{branch}"
        # Git matches the ends of names: anybody's refs/heads/refs/heads/X answers for X too.
        listed = [
            commit
            for line in self._asked(remote, "ls-remote", "--", remote, name).splitlines()
            for commit, tab, found in [line.partition("\t")]
            if tab and found == name
        ]
        if not listed:
            return ""
        self._asked(
            remote,
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--",
            remote,
            listed[0],
        )
        return listed[0]

    def forward(self, commit: str) -> None:
        """Bring the checkout to a commit that follows its own; nothing where it is there."""
        self._said("merge", "--quiet", "--ff-only", commit)

    def push(self, remote: str, branch: str, commit: str, before: str) -> None:
        """Let a remote's branch be at a commit, if it still is where it was (empty: nowhere)."""
        name = f"refs/heads/{branch}"
        lease = f"--force-with-lease={name}:{before}"
        self._asked(remote, "push", "--quiet", lease, "--", remote, f"{commit}:{name}")

    def _asked(self, remote: str, *words: str) -> str:
        found = self._run(*words, seconds=_NETWORK_SECONDS)
        if found.code != 0:
            raise NetworkError(f"git {words[0]} of the remote {remote}: {found.words}")
        return found.stdout

    def _said(
        self, *words: str, feed: bytes | None = None, more: Mapping[str, str] | None = None
    ) -> str:
        found = self._run(*words, feed=feed, more=more)
        if found.code != 0:
            raise EnvironmentProblem(f"{self.root}: git {words[0]}: {found.words}")
        return found.stdout

    def _run(
        self,
        *words: str,
        feed: bytes | None = None,
        more: Mapping[str, str] | None = None,
        seconds: float = _SECONDS,
    ) -> Finished:
        def fed(file: BinaryIO) -> None:
            file.write(feed or b"")

        return call(
            ["git", "-C", str(self.root), *words],
            timeout=seconds,
            environment={**self._environment, **(more or {})},
            feed=None if feed is None else fed,
        )
