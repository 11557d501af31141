"""The rules in the order in which they are applied."""

from __future__ import annotations

from ironhull.migrate.draft import Draft
from ironhull.migrate.model import Rung
from ironhull.migrate.rules import (
    accounts,
    alpine,
    assess,
    bases,
    beginning,
    choice,
    files,
    health,
    labels,
    native,
    nginx,
    node,
    notes,
    placing,
    ports,
    python,
    split,
    start,
    started,
)
from ironhull.migrate.rules.artifacts import Artifacts, collect
from ironhull.migrate.rules.reading import Step, read_steps
from ironhull.migrate.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    choice.LIMITS,
    choice.MISSING,
    bases.FINAL,
    bases.BUILD,
    bases.KEEP_DEV,
    bases.PLATFORM,
    placing.UNMAPPED,
    placing.INLINE,
    split.SPLIT,
    split.WRITABLE,
    assess.RUN,
    assess.PACKAGES,
    alpine.APK,
    accounts.ACCOUNTS,
    accounts.OWNER,
    accounts.USER,
    files.ADD,
    files.HOME,
    files.RELATIVE,
    beginning.BEGINNING,
    files.CONTEXT,
    node.LOCKED,
    node.PRODUCTION,
    python.ENVIRONMENT,
    native.CGO,
    start.EXEC,
    start.SCRIPT,
    start.ENTRY,
    start.INIT,
    start.COMPOSE,
    ports.PORTS,
    nginx.CONFIGURATION,
    health.HEALTH,
    placing.SETTINGS,
    labels.MAINTAINER,
    notes.SECRETS,
    notes.PINNED,
    notes.LOADER,
)
"""Every rule, in the order of the manual."""


def apply_rules(draft: Draft) -> None:
    """Find out what the Dockerfile does, choose the rung, and change what has to be changed."""
    bases.read_bases(draft)
    steps = read_steps(draft)
    choice.choose_runtime(draft, steps)
    found = Artifacts()
    if not draft.plan.impossible and not draft.plan.hardened:
        start.plan_start(draft, steps)
        assess.assess(draft, steps)
        found = _found(draft, steps)
        started.check_started(draft, steps, found.trees)
    elif draft.plan.hardened:
        started.check_form(draft, steps)
    assess.decide(draft, steps)
    if draft.rung is not Rung.REFUSED:
        _change(draft, steps, found)


def _found(draft: Draft, steps: list[Step]) -> Artifacts:
    """What would be copied; if that cannot be said, the stage keeps its shell."""
    if not draft.plan.split or not steps:
        return Artifacts()
    found = collect(draft, steps)
    if found.problem:
        assess.shell_needed(draft, steps[0], found.problem, "give it a folder of its own")
    return found


def _change(draft: Draft, steps: list[Step], found: Artifacts) -> None:
    labels.maintainer(draft)
    files.folders(draft)
    placing.place_images(draft, steps)
    alpine.debian_commands(draft)
    accounts.drop_accounts(draft)
    files.plain_copies(draft)
    node.node_packages(draft)
    python.python_environment(draft)
    native.link_statically(draft)
    accounts.drop_owners(draft)
    start.drop_scripts(draft)
    split.split_final(draft, steps, found)
    placing.drop_runs(draft, steps)
    placing.settings(draft, steps)
    start.write_start(draft)
    ports.raise_ports(draft)
    beginning.begin_in_root(draft)
    health.health(draft)
    accounts.set_user(draft)
    files.volumes(draft)
    files.look_at_context(draft)
    notes.notes(draft)
