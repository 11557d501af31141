"""The steps in their order; each is a function that changes the tree (see `versions.STEPS`)."""

from __future__ import annotations

from collections.abc import Callable

from ironhull.build.origins import Origin, OriginKind
from ironhull.build.steps.accounts import accounts
from ironhull.build.steps.base import (
    alternatives,
    base_folders,
    local_time,
    merge_usr,
    name_service,
    os_release,
)
from ironhull.build.steps.certificates import certificates
from ironhull.build.steps.context import StepContext
from ironhull.build.steps.database import package_database
from ironhull.build.steps.java_truststore import java_truststore
from ironhull.build.steps.ld_cache import write_ld_cache
from ironhull.build.steps.login import login
from ironhull.build.steps.paths import path_edits
from ironhull.build.tree import Tree

STEPS: tuple[Callable[[Tree, StepContext], None], ...] = (
    merge_usr,
    base_folders,
    accounts,
    name_service,
    local_time,
    os_release,
    alternatives,
    certificates,
    java_truststore,
    login,
    path_edits,
    # What follows describes the tree, so it comes when the tree is done.
    write_ld_cache,
    package_database,
)


def run_steps(tree: Tree, context: StepContext) -> None:
    """All steps, in order."""
    for step in STEPS:
        tree.doing = Origin(OriginKind.STEP, step.__name__.replace("_", "-"))
        step(tree, context)
