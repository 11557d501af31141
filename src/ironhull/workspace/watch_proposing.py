"""Instead of publishing: the new lock as a commit on a branch of its own, for a team to review.

The branch is `ironhull/IMAGE`, one commit behind which is what is checked out. It is made anew when
the archive moves on, or the base does; one that somebody else has committed to is left alone.
"""

from __future__ import annotations

from dataclasses import replace

from ironhull.errors import EnvironmentProblem, InputError, IronhullError, LockError
from ironhull.lock.file import lock_path, parse_lock
from ironhull.lock.make import moved
from ironhull.watch.model import Entry
from ironhull.watch.proposal import TRAILER, message, proposal
from ironhull.watch.task import Outcome, Proposal
from ironhull.workspace.git_repository import GitRepository
from ironhull.workspace.machine import Machine


class Proposing:
    """Proposes to the repository of a machine's catalog; `remote` empty: branches stay there."""

    def __init__(self, machine: Machine, remote: str = "") -> None:
        settings = machine.settings
        self._git = GitRepository(settings.catalog, settings.environment)
        self._remote = remote
        if remote and not self._git.branch:
            raise InputError(
                f"{self._git.root} is at no branch: which one of {remote} should it follow? "
                "(git switch BRANCH)"
            )

    def follow(self) -> None:
        """Bring the checkout to where the remote has its branch: what was merged is seen so."""
        if self._remote:
            commit = self._git.fetch(self._remote, self._git.branch)
            if commit and not self._git.holds("HEAD", commit):
                self._git.forward(commit)

    def propose(self, entry: Entry, outcome: Outcome) -> Outcome:
        """A built outcome as a proposed one, or as a failed one; it does nothing twice."""
        try:
            made = self._made(entry, outcome)
        except EnvironmentProblem as error:
            return replace(outcome, result="failed", step="propose", detail=str(error), own=False)
        except IronhullError as error:
            return replace(outcome, result="failed", step="propose", detail=str(error))
        return replace(outcome, result="proposed", step="propose", proposal=made)

    def _made(self, entry: Entry, outcome: Outcome) -> Proposal:
        git, made = self._git, proposal(entry, outcome)
        file = lock_path(entry.wanted.path)
        unsaid = git.changed(entry.wanted.path, file)
        if unsaid:
            raise InputError(
                f"{entry.wanted.path} or its lock is not as it is committed ({unsaid}): commit it "
                "first, for the proposal would be of something else"
            )
        path = file.resolve().relative_to(git.root.resolve()).as_posix()
        head = git.head
        local = git.commit_of(f"refs/heads/{made.branch}")
        before = git.fetch(self._remote, made.branch) if self._remote else local
        for tip in {local, before} - {""}:
            self._check_ours(made.branch, tip, entry.name, head)
        if before and self._says(before, head, path, outcome.lock):
            commit = before
        else:
            commit = git.commit(head, path, outcome.lock, message(made, entry.name))
        if commit != local:
            git.move(made.branch, commit, local)
        if self._remote and commit != before:
            git.push(self._remote, made.branch, commit, before)
        return replace(made, commit=commit, moved=commit != before)

    def _check_ours(self, branch: str, tip: str, name: str, head: str) -> None:
        """One commit of a watcher upon the base, and nothing else."""
        last = self._git.message(tip).strip().rpartition("\n")[2]
        if last != f"{TRAILER}: {name}" or not self._git.holds(head, f"{tip}^"):
            raise InputError(
                f"the branch {branch} has commits of somebody else ({tip[:12]}): it is left alone. "
                "Merge it, or delete it to get a new proposal"
            )

    def _says(self, tip: str, head: str, path: str, content: bytes) -> bool:
        """Whether a proposal is of this lock, dates of release files aside, and of this base."""
        kept, new = self._git.content(tip, path), parse_lock(content, path)
        if kept is None or self._git.content(f"{tip}^", path) != self._git.content(head, path):
            return False
        try:
            old = parse_lock(kept, f"{tip}:{path}")
        except LockError:
            return False
        return moved(old, new) == old
