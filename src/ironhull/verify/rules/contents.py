"""What is in the image and what it starts as: user, shells, privileges, base, ends of life."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ironhull.inventory.config import diff_ids, image_config
from ironhull.inventory.model import Exposure, Inventory, Surface
from ironhull.reports.words import tally
from ironhull.verify.facts import Case, Unknown
from ironhull.verify.image_facts import image_facts
from ironhull.verify.kinds import PROVENANCES
from ironhull.verify.refusal import RefusedError
from ironhull.verify.rules.choosing import chosen, document, inner, outcome, some
from ironhull.verify.verdict import Outcome, Status

_IMAGES = ("pkg:docker/", "pkg:oci/", "docker-image://", "oci://")
_NUMBER = 10
"""Digits of a user's number."""


def user(case: Case) -> Iterator[Outcome]:
    """Whether the image starts as somebody who is not root."""
    if not case.policy.no_root:
        return
    rule, needed = "user.root", "a user that is not root (config User)"
    said = image_config(case.facts.config(case.image)).user
    name = said.partition(":")[0]
    if name.isdigit() and len(name) <= _NUMBER:
        status: Status = "fail" if int(name) == 0 else "pass"
        yield outcome(case, rule, status, f"user {said}", needed)
    elif name in ("", "root"):
        yield outcome(case, rule, "fail", f"user {said or 'root, for none is set'}", needed)
    else:
        yield _named_user(case, rule, name, needed)


def _named_user(case: Case, rule: str, name: str, needed: str) -> Outcome:
    """A name means what the image's own passwd says."""
    inventory = image_facts(case).inventory(case.image)
    if isinstance(inventory, Unknown):
        return outcome(case, rule, "unknown", f"user {name}: {inventory.reason}", needed)
    numbers = {entry.uid for entry in inventory.users if entry.name == name}
    if not numbers:
        text = f"user {name}, which its passwd does not know"
        return outcome(case, rule, "unknown", text, needed)
    status: Status = "fail" if 0 in numbers else "pass"
    return outcome(case, rule, status, f"user {name} ({', '.join(map(str, numbers))})", needed)


def contents(case: Case) -> Iterator[Outcome]:
    """An outcome for each thing that must not be in it."""
    if not case.policy.contents:
        return
    inventory = image_facts(case).inventory(case.image)
    for name in case.policy.contents:
        rule, needed = f"contents.{name}", f"an image without {name.replace('-', ' ')}"
        if isinstance(inventory, Unknown):
            yield outcome(case, rule, "unknown", inventory.reason, "an image that can be read")
            continue
        found = _found(inventory.surface, name)
        if found:
            shown = some([f"{each.path} ({each.detail})" for each in found])
            yield outcome(case, rule, "fail", shown, needed)
        elif inventory.unparsed:
            yield outcome(case, rule, "unknown", _unread(inventory), needed)
        else:
            yield outcome(case, rule, "pass", "none")


def _unread(inventory: Inventory) -> str:
    return f"files that cannot be read: {some([each.location for each in inventory.unparsed])}"


def _found(surface: Surface, name: str) -> Sequence[Exposure]:
    return {
        "shell": surface.shells,
        "package-manager": surface.package_managers,
        "compiler": surface.compilers,
        "setuid": (*surface.setuid, *surface.setgid),
        "capabilities": surface.capabilities,
        "secrets": surface.secrets,
    }[name]


def base(case: Case) -> Iterator[Outcome]:
    """Which of the allowed bases the image stands on, by its lowest layers."""
    rule = case.policy.base
    if rule is None:
        return
    needed = f"on top of {' or '.join(each.name for each in rule.allowed) or 'nothing'}"
    layers = diff_ids(case.facts.config(case.image))
    if not layers:
        yield outcome(case, "base", "unknown", "its config names no layers", needed)
        return
    for each in rule.allowed:
        if tuple(layers[: len(each.layers)]) == each.layers:
            yield outcome(case, "base", "pass", f"{each.name}, {tally(each.layers, 'layer')}")
            return
    if not rule.none:
        text = f"none of them: its lowest layer is {layers[0]}"
        yield outcome(case, "base", "fail", text, needed)
        return
    yield _without_base(case, needed)


def _without_base(case: Case, needed: str) -> Outcome:
    signers = case.policy.provenance.signers if case.policy.provenance else case.policy.anybody
    statements = chosen(case, PROVENANCES, signers)
    if not statements:
        text = "no layers of an allowed base, and no provenance that says there is none"
        return outcome(case, "base", "unknown", text, f"{needed}, or provenance without a base")
    try:
        said = [document(each, "provenance") for each in statements]
    except RefusedError as error:
        return outcome(case, "base", "fail", f"{error.reason}: {error}", needed)
    images = [
        uri
        for each in said
        for one in inner(each, "buildDefinition", "resolvedDependencies") or ()
        if isinstance(uri := inner(one, "uri"), str) and uri.startswith(_IMAGES)
    ]
    if images:
        return outcome(case, "base", "fail", f"built on {some(images)}", needed)
    return outcome(case, "base", "pass", "none: its provenance names packages alone")


def end_of_life(case: Case) -> Iterator[Outcome]:
    """Whether somebody still fixes what it consists of."""
    if not case.policy.no_end_of_life:
        return
    rule, needed = "end-of-life", "releases that are still maintained"
    found = image_facts(case).ends_of_life(case.image)
    if isinstance(found, Unknown):
        yield outcome(case, rule, "unknown", found.reason, needed)
        return
    today = case.now.date().isoformat()
    over = [f"{subject} ended on {ends}" for subject, ends in found if ends and ends <= today]
    blank = [subject for subject, ends in found if not ends]
    if over:
        yield outcome(case, rule, "fail", some(over), needed)
    elif blank or not found:
        text = f"not known of {some(blank)}" if blank else "nothing is known of it"
        yield outcome(case, rule, "unknown", text, "ironhull advisories update")
    else:
        yield outcome(case, rule, "pass", some([f"{name} until {day}" for name, day in found]))
