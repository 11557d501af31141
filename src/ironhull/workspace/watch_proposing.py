"""Instead of publishing: the new lock as a commit on a branch of its own, for a team to review.

The branch is `ironhull/IMAGE`, one commit behind which is what is checked out. It is made anew when
the archive moves on, or the base does; one that somebody else has committed to is left alone.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ironhull.errors import EnvironmentProblem, InputError, IronhullError, LockError
from ironhull.lock.file import lock_path, parse_lock
from ironhull.lock.make import moved
from ironhull.watch.model import Entry
from ironhull.watch.proposal import TRAILER, message, proposal
from ironhull.watch.task import Outcome, Proposal
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.git_repository import GitRepository
from ironhull.workspace.machine import Machine


class Proposing:
    """Proposes to the repository that a definition lies in; `remote` empty: branches stay there.

    InputError where any folder of the machine's catalog is in none.
    """

    def __init__(self, machine: Machine, remote: str = "") -> None:
        self._catalog = Definitions(machine).catalog
        self._remote = remote
        self._repositories = {
            root: GitRepository(root, machine.settings.environment) for root in self._catalog.roots
        }
        for git in self._repositories.values():
            if remote and not git.branch:
                raise InputError(
                    f"{git.root} is at no branch: which one of {remote} should it follow? "
                    "(git switch BRANCH)"
                )

    def follow(self) -> None:
        """Bring each checkout to where the remote has its branch: what was merged is seen so."""
        checkouts = {git.root: git for git in self._repositories.values()} if self._remote else {}
        problems: list[IronhullError] = []
        for git in checkouts.values():
            try:
                commit = git.fetch(self._remote, git.branch)
                if commit and not git.holds("HEAD", commit):
                    git.forward(commit)
            except IronhullError as error:
                problems.append(error)
        if problems:
            # The others were brought along nevertheless.
            raise problems[0]

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
        git, made = self._repository(entry.wanted.path), proposal(entry, outcome)
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
            _check_ours(git, made.branch, tip, entry.name, head)
        if before and _says(git, before, head, path, outcome.lock):
            commit = before
        else:
            commit = git.commit(head, path, outcome.lock, message(made, entry.name))
        if commit != local:
            git.move(made.branch, commit, local)
        if self._remote and commit != before:
            git.push(self._remote, made.branch, commit, before)
        return replace(made, commit=commit, moved=commit != before)

    def _repository(self, path: Path) -> GitRepository:
        root = self._catalog.root_of(path)
        if root is None:
            raise InputError(f"{path} is not in the catalog {self._catalog.place}")
        return self._repositories[root]


def _check_ours(git: GitRepository, branch: str, tip: str, name: str, head: str) -> None:
    """One commit of a watcher upon the base, and nothing else."""
    last = git.message(tip).strip().rpartition("\n")[2]
    if last != f"{TRAILER}: {name}" or not git.holds(head, f"{tip}^"):
        raise InputError(
            f"the branch {branch} has commits of somebody else ({tip[:12]}): it is left alone. "
            "Merge it, or delete it to get a new proposal"
        )


def _says(git: GitRepository, tip: str, head: str, path: str, content: bytes) -> bool:
    """Whether a proposal is of this lock, dates of release files aside, and of this base."""
    kept, new = git.content(tip, path), parse_lock(content, path)
    if kept is None or git.content(f"{tip}^", path) != git.content(head, path):
        return False
    try:
        old = parse_lock(kept, f"{tip}:{path}")
    except LockError:
        return False
    return moved(old, new) == old
