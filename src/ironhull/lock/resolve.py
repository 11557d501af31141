"""Definition × archive → the packages of one platform. Pure: the same inputs, the same answer."""

from __future__ import annotations

from ironhull.archive.interface import Archive
from ironhull.debian.relation import Clause, Relation
from ironhull.definition.model import ImageDefinition, PackageRequest
from ironhull.errors import ResolveError
from ironhull.lock.model import LockedPlatform, ReasonKind
from ironhull.lock.pool import Pool
from ironhull.lock.reasons import describe
from ironhull.lock.request import request_text
from ironhull.lock.solve import Goal, Solver, Unsolvable
from ironhull.lock.unsolvable import request_problems, unsolvable
from ironhull.oci.platform import Platform


def resolve(definition: ImageDefinition, platform: Platform, archive: Archive) -> LockedPlatform:
    """The closure of what the definition asks for, with every reason.

    ResolveError: unknown package, pin that the archive has not, no solution; says by which chain.
    """
    if archive.architecture != platform.debian:
        raise ResolveError(f"archive of {archive.architecture} for {platform}")
    pool = Pool(archive, definition.packages)
    problems = request_problems(definition.packages, pool)
    if problems:
        raise ResolveError("\n".join(problems))
    # By name, so that the order in which a definition lists its packages decides nothing.
    asked = sorted(
        (request for request in definition.packages if not request.excluded),
        key=lambda request: request.name,
    )
    requests = {request: _goal(request) for request in asked}
    recommending = [
        pool.options(goal.clause).packages[0].name
        for request, goal in requests.items()
        if request.recommends
    ]
    try:
        taken = Solver(pool, recommending).run(requests.values())
    except Unsolvable as error:
        raise unsolvable(error, definition, pool, str(platform)) from None
    return describe(taken, pool, requests, definition)


def _goal(request: PackageRequest) -> Goal:
    text = request_text(request)
    return Goal(Clause(text, (Relation(request.name),)), ReasonKind.REQUESTED)
