"""Policies: read, tried on cases beside them, written for admission controllers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ironhull.errors import EnvironmentProblem, InputError, MalformedError
from ironhull.inventory.document import loads
from ironhull.inventory.model import Inventory
from ironhull.oci.digest import Digest
from ironhull.verify.admission.kyverno import kyverno
from ironhull.verify.admission.needs import Made
from ironhull.verify.admission.policy_controller import policy_controller
from ironhull.verify.policy.cases import CaseResult, PolicyCase, cases_file, read_cases
from ironhull.verify.policy.model import Policy
from ironhull.verify.policy.reader import read_policy
from ironhull.verify.trust import Trust
from ironhull.workspace.machine import Machine
from ironhull.workspace.verifying import VerifyChoices, trust_of, verify


def try_policy(machine: Machine, policy: Path, cases: Path | None = None) -> list[CaseResult]:
    """What a policy says of each of its cases; `cases` is the file of them, else the one beside it.

    Vulnerabilities are by this machine's advisories. Errors: those of both files.
    """
    read = read_policy(policy)
    return [_tried(machine, read, each) for each in read_cases(cases or cases_file(policy))]


CONTROLLERS: dict[str, Callable[[Policy, Trust, Sequence[str]], Made]] = {
    "kyverno": kyverno,
    "policy-controller": policy_controller,
}


def exported(
    machine: Machine,
    policy: Path,
    controller: str,
    images: Sequence[str] = ("*",),
    keys: Sequence[Path] = (),
) -> Made:
    """A policy for an admission controller, and the rules that it cannot hold an image to.

    `images` are the references that it is for, with `*`. InputError for what it cannot express.
    """
    read = read_policy(policy)
    return CONTROLLERS[controller](read, trust_of(machine, keys, read), images)


def _tried(machine: Machine, policy: Policy, case: PolicyCase) -> CaseResult:
    inventories: dict[Digest, Path] = {}
    if case.inventory is not None:
        found = _inventory(case.inventory)
        if found.image.manifest is None:
            raise MalformedError(f"{case.inventory}: an inventory of no manifest")
        inventories[found.image.manifest] = case.inventory
    scheme = "oci" if case.image.is_dir() else "oci-archive"
    chosen = VerifyChoices(case.keys, policy, now=case.at, inventories=inventories)
    try:
        verdict = verify(machine, f"{scheme}:{case.image}", chosen)
    except (InputError, EnvironmentProblem) as error:
        raise type(error)(f"case {case.name!r}: {error}") from None
    failed = verdict.failed
    return CaseResult(
        case.name,
        case.fails,
        frozenset(each.rule for each in failed),
        tuple(f"{each.rule}: {each.found}" for each in failed),
    )


def _inventory(path: Path) -> Inventory:
    try:
        return loads(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
