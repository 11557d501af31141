"""Kyverno's ImageValidatingPolicy: keys of cosign's form, attestations by type, CEL over both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ironhull.verify.admission.needs import Made, Need, left_out, needs_of
from ironhull.verify.admission.text import documents
from ironhull.verify.policy.model import Policy
from ironhull.verify.trust import NamedKey, Trust

MADE_FOR = (
    "Made for Kyverno 1.18.1 (policies.kyverno.io/v1, ImageValidatingPolicy).",
    "1.19.0 finds no signature in a bundle that a key signed and that is only a referrer (v0.3),",
    "so it refuses every image of ours: kyverno/kyverno#17363, #16678.",
    "1.18.2 refuses the same shape in verifyImages of a ClusterPolicy, with cosignOCI11 too",
    "(#16267, #16854): keep to this kind of policy. An image with attestations and without a",
    "signature counts as unsigned: `ironhull attest` always attaches one.",
)
_IMAGES = "(images.containers + images.initContainers + images.ephemeralContainers)"


def kyverno(policy: Policy, trust: Trust, images: Sequence[str]) -> Made:
    """The policy for images whose references are like these."""
    needs = needs_of(policy, trust)
    keys = {key.public: key for need in needs for key in need.keys}
    types = list(dict.fromkeys(kind for need in needs for kind in need.types))
    names = {kind: f"type{number}" for number, kind in enumerate(types)}
    spec: dict[str, Any] = {
        "validationActions": ["Deny"],
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["pods", "pods/ephemeralcontainers"],
                }
            ]
        },
        "matchImageReferences": [{"glob": each} for each in images],
        "attestors": [_attestor(key) for key in keys.values()],
        "validations": [
            {"expression": _expression(need, names), "message": _message(policy, need)}
            for need in needs
        ],
    }
    if types:
        spec["attestations"] = [{"name": names[kind], "intoto": {"type": kind}} for kind in types]
    missing = left_out(policy)
    value = {
        "apiVersion": "policies.kyverno.io/v1",
        "kind": "ImageValidatingPolicy",
        "metadata": {"name": object_name(policy.name.name)},
        "spec": spec,
    }
    head = [*MADE_FOR, "", f"From {policy.name.name}, {policy.name.digest}.", *_missing(missing)]
    return Made(documents(head, [value]), missing)


def object_name(text: str) -> str:
    """A policy's name as Kubernetes takes names."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50] or "policy"


def _missing(rules: Sequence[str]) -> list[str]:
    return [f"Not in it, for `ironhull verify` alone decides it: {', '.join(rules)}."] * bool(rules)


def _attestor(key: NamedKey) -> dict[str, Any]:
    return {
        "name": _name(key),
        "cosign": {
            "key": {"data": key.public.pem.decode()},
            "ctlog": {"insecureIgnoreTlog": True, "insecureIgnoreSCT": True},
        },
    }


def _name(key: NamedKey) -> str:
    """A name that CEL can write behind a dot."""
    return f"key_{re.sub('[^a-z0-9]', '_', key.name.lower())}_{key.public.fingerprint[:8]}"


def _expression(need: Need, names: dict[str, str]) -> str:
    """For every image: so many attestors of which one by itself finds something."""
    counted = " + ".join(f"(({_found(need, key, names)}) ? 1 : 0)" for key in need.keys)
    return f"{_IMAGES}.map(image, {counted}).all(n, n >= {need.threshold})"


def _found(need: Need, key: NamedKey, names: dict[str, str]) -> str:
    by = f"[attestors.{_name(key)}]"
    if not need.types:
        return f"verifyImageSignatures(image, {by}) > 0"
    return " || ".join(
        f"verifyAttestationSignatures(image, attestations.{names[kind]}, {by}) > 0"
        for kind in need.types
    )


def _message(policy: Policy, need: Need) -> str:
    named = ", ".join(key.name for key in need.keys)
    return f"{policy.name.name}: {need.name} by {need.threshold} of {named}"
