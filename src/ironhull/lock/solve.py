"""The search for a set of packages in which every need is met and nobody refuses anybody.

It is a complete search that takes the best option first and learns from what fails:

1. Requests first, then the needs of what was taken, breadth first. A need with one possible
   package is met at once; a need with a choice waits until there is no other kind, so that what is
   in anyway decides it; recommendations come last and are skipped when they cannot be met.
2. Each package taken knows because of which open decisions it is in (a set of bits).
3. When a need cannot be met, the decisions behind it together are impossible. That set is kept (it
   never is tried again), and the search goes back to the latest decision of the set.
4. When a need fails and no decision is behind it, there is no solution.

Why this and no library: docs/decisions/0004-resolver.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ironhull.debian.names import DebianVersion
from ironhull.debian.package import BinaryPackage
from ironhull.debian.relation import Clause
from ironhull.lock.model import ReasonKind
from ironhull.lock.pool import Incompatibility, Key, Pool, key_of

MAX_FAILURES = 2_000
"""Impossible sets learnt before the search gives up; real archives need fewer than ten."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A clause that somebody needs; no owner: the definition."""

    clause: Clause
    kind: ReasonKind
    owner: BinaryPackage | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A package of the solution so far, for which goal, and what was not possible instead."""

    package: BinaryPackage
    goal: Goal
    because: int
    """Bits of the open decisions that led to it; 0: the requests alone."""
    rejected: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an option cannot be taken: it clashes with a taken package, or it led to a failure."""

    package: BinaryPackage
    because: int
    against: Taken | None = None
    refusal: Incompatibility | None = None
    """The relation at fault; none: two versions of one package."""
    refuser: str = ""
    failure: Failure | None = None
    path: tuple[Taken, ...] = ()
    """How `against` came in, from the request on."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A goal that could not be met, the way to it from the request on, and each option's fate."""

    goal: Goal
    path: tuple[Taken, ...]
    rejections: tuple[Rejection, ...]


class Unsolvable(Exception):
    """There is no solution; or none was found before the search gave up, after `gave_up` failures.

    It never leaves this room: `resolve` turns it into a ResolveError.
    """

    def __init__(self, failure: Failure, gave_up: int = 0) -> None:
        super().__init__("unsolvable")
        self.failure = failure
        self.gave_up = gave_up


@dataclass(frozen=True, slots=True)
class _Impossible:
    members: frozenset[Key]
    failure: Failure


class _Queue:
    """Goals in order; going back is setting two numbers."""

    __slots__ = ("goals", "head")

    def __init__(self) -> None:
        self.goals: list[Goal] = []
        self.head = 0


@dataclass(frozen=True, slots=True)
class _Decision:
    key: Key
    taken: int
    queues: tuple[tuple[int, int], ...]


class Solver:
    """One search; `taken` is the solution after `run`."""

    def __init__(self, pool: Pool, recommending: Iterable[str] = ()) -> None:
        self.taken: dict[str, Taken] = {}
        self.failures = 0
        self._pool = pool
        self._recommending = frozenset(recommending)
        self._order: list[Taken] = []
        self._queues = (_Queue(), _Queue(), _Queue())
        self._decisions: list[_Decision] = []
        self._impossible: dict[Key, list[_Impossible]] = {}
        self._provided: dict[str, list[tuple[Taken, DebianVersion | None]]] = {}
        self._refused: dict[str, list[tuple[Taken, Incompatibility]]] = {}

    def run(self, goals: Iterable[Goal]) -> dict[str, Taken]:
        """The packages by name that meet the goals; Unsolvable if there are none."""
        for goal in goals:
            self._want(goal)
        while True:
            # Before the goal leaves its queue: whoever comes back to here has to meet it again.
            marks = tuple((queue.head, len(queue.goals)) for queue in self._queues)
            queue = next((q for q in self._queues if q.head < len(q.goals)), None)
            if queue is None:
                return self.taken
            goal = queue.goals[queue.head]
            queue.head += 1
            if not self._is_met(goal.clause):
                self._meet(goal, marks)

    def _want(self, goal: Goal) -> None:
        if goal.kind is ReasonKind.RECOMMENDS:
            self._queues[2].goals.append(goal)
        else:
            # 1: a choice between packages waits; between versions of one there is nothing to wait
            # for, the highest is taken.
            choice = self._pool.options(goal.clause).names > 1
            self._queues[choice].goals.append(goal)

    def _is_met(self, clause: Clause) -> bool:
        return any(
            relation.holds_for(version)
            and relation.admits(taken.package.multi_arch, self._pool.archive.architecture)
            for relation in clause.alternatives
            for taken, version in self._provided.get(relation.name, ())
        )

    def _meet(self, goal: Goal, marks: tuple[tuple[int, int], ...]) -> None:
        options = self._pool.options(goal.clause)
        optional = goal.kind is ReasonKind.RECOMMENDS
        # All that could meet it is kept out by `!name`: the lock records the broken edge instead.
        if not options.packages and (options.cut or optional):
            return
        # 2: the owner's decisions are behind the need, and so are those that took options away.
        because = self.taken[goal.owner.name].because if goal.owner else 0
        rejected: list[Rejection] = []
        possible: list[BinaryPackage] = []
        for package in options.packages:
            rejection = self._rejection(package)
            if rejection is None:
                possible.append(package)
                # A second one makes it a decision; which others there are is not asked before the
                # search comes back.
                if len(possible) == 2:
                    break
            else:
                rejected.append(rejection)
                because |= rejection.because
        # A recommendation that cannot be met is simply left: it is no reason for anything to fail.
        if not possible:
            if not optional:
                self._fail(goal, because, rejected)
        # No choice, so no decision: the search never comes back to here.
        elif len(possible) == 1 and not optional:
            self._take(possible[0], goal, because, rejected)
        else:
            # Also for a recommendation with one option: it must be possible to do without.
            bit = 1 << len(self._decisions)
            self._decisions.append(_Decision(key_of(possible[0]), len(self._order), marks))
            self._take(possible[0], goal, bit, rejected)

    def _take(
        self, package: BinaryPackage, goal: Goal, because: int, rejected: list[Rejection]
    ) -> None:
        taken = Taken(package, goal, because, tuple(rejected))
        needs = self._pool.needs(package)
        self.taken[package.name] = taken
        self._order.append(taken)
        for name, version in needs.provides:
            self._provided.setdefault(name, []).append((taken, version))
        for refusal in needs.refuses:
            self._refused.setdefault(refusal.relation.name, []).append((taken, refusal))
        # At the end of the queues: breadth first gives short reasons, which people read.
        for kind, clause in needs.hard:
            self._want(Goal(clause, kind, package))
        if package.name in self._recommending:
            for clause in needs.recommends:
                self._want(Goal(clause, ReasonKind.RECOMMENDS, package))

    def _rejection(self, package: BinaryPackage) -> Rejection | None:
        # The one that is taken does not meet the need, else nobody had asked.
        other = self.taken.get(package.name)
        if other is not None:
            return Rejection(package, other.because, other, path=self._path(other))
        # 3: it would complete a set that is known to fail.
        key = key_of(package)
        for impossible in self._impossible.get(key, ()):
            because = 0
            for name, version in impossible.members - {key}:
                member = self.taken.get(name)
                if member is None or member.package.version != version:
                    break
                because |= member.because
            else:
                return Rejection(package, because, failure=impossible.failure)
        return self._clash(package)

    def _clash(self, package: BinaryPackage) -> Rejection | None:
        needs = self._pool.needs(package)
        architecture = self._pool.archive.architecture
        # Conflicts and Breaks hold in both directions: what it refuses, then who refuses it. It
        # never refuses itself, though it may provide what it refuses (Debian Policy 7.6.2).
        for refusal in needs.refuses:
            relation = refusal.relation
            for other, version in self._provided.get(relation.name, ()):
                if relation.holds_for(version) and relation.admits(
                    other.package.multi_arch, architecture
                ):
                    path = self._path(other)
                    return Rejection(
                        package, other.because, other, refusal, package.name, path=path
                    )
        for name, version in needs.provides:
            for other, refusal in self._refused.get(name, ()):
                relation = refusal.relation
                if relation.holds_for(version) and relation.admits(
                    package.multi_arch, architecture
                ):
                    path = self._path(other)
                    return Rejection(
                        package, other.because, other, refusal, other.package.name, path=path
                    )
        return None

    def _fail(self, goal: Goal, because: int, rejected: list[Rejection]) -> None:
        owner = self.taken[goal.owner.name] if goal.owner else None
        failure = Failure(goal, self._path(owner), tuple(rejected))
        self.failures += 1
        # 4
        if not because or self.failures > MAX_FAILURES:
            raise Unsolvable(failure, gave_up=self.failures if because else 0)
        # 3: what was decided at these levels cannot be in one solution, whatever else is.
        members = frozenset(
            decision.key for level, decision in enumerate(self._decisions) if because & (1 << level)
        )
        for key in members:
            self._impossible.setdefault(key, []).append(_Impossible(members, failure))
        # Decisions after the latest of the set are not at fault, but rest on it; they go as well.
        self._go_back(because.bit_length() - 1)

    def _go_back(self, level: int) -> None:
        decision = self._decisions[level]
        del self._decisions[level:]
        # In the reverse order of taking, so that each list's last element is the package's own.
        while len(self._order) > decision.taken:
            package = self._order.pop().package
            del self.taken[package.name]
            needs = self._pool.needs(package)
            for name, _ in needs.provides:
                self._provided[name].pop()
            for refusal in needs.refuses:
                self._refused[refusal.relation.name].pop()
        for queue, (head, length) in zip(self._queues, decision.queues, strict=True):
            queue.head = head
            del queue.goals[length:]

    def _path(self, taken: Taken | None) -> tuple[Taken, ...]:
        path = []
        while taken is not None:
            path.append(taken)
            owner = taken.goal.owner
            taken = self.taken[owner.name] if owner else None
        return tuple(reversed(path))
