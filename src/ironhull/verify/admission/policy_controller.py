"""sigstore's policy-controller: ClusterImagePolicy, one for each thing that has to hold.

Of several policies that match an image all have to hold; of the authorities of one, one. So one of
many keys is one policy, all of many are a policy each, and what lies between cannot be said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ironhull.errors import InputError
from ironhull.verify.admission.kyverno import object_name
from ironhull.verify.admission.needs import Made, Need, left_out, needs_of
from ironhull.verify.admission.text import documents
from ironhull.verify.policy.model import Policy
from ironhull.verify.trust import NamedKey, Trust

MADE_FOR = (
    "Made for sigstore's policy-controller 0.13 (policy.sigstore.dev/v1beta1).",
    "It takes Sigstore bundles, which are what `ironhull attest` attaches, of keyless authorities",
    "alone (docs/compatibility.md, *admit*). With a key it looks for cosign's older signatures,",
    "which lie under tags, and lets no image in that has none. cosign puts them beside ours:",
    "  cosign sign --key KEY --new-bundle-format=false IMAGE@DIGEST",
    "  cosign attest --key KEY --new-bundle-format=false --type TYPE --predicate FILE IMAGE@DIGEST",
)


def policy_controller(policy: Policy, trust: Trust, images: Sequence[str]) -> Made:
    """The policies for images whose references are like these.

    InputError for a threshold that is neither one nor all of its keys.
    """
    name = object_name(policy.name.name)
    values = [
        {
            "apiVersion": "policy.sigstore.dev/v1beta1",
            "kind": "ClusterImagePolicy",
            "metadata": {"name": f"{name}-{number}"},
            "spec": {"images": [{"glob": each} for each in images], "authorities": authorities},
        }
        for number, authorities in enumerate(
            (each for need in needs_of(policy, trust) for each in _authorities(need)), 1
        )
    ]
    missing = left_out(policy)
    head = [*MADE_FOR, "", f"From {policy.name.name}, {policy.name.digest}."]
    if missing:
        head.append(f"Not in it, for `ironhull verify` alone decides it: {', '.join(missing)}.")
    return Made(documents(head, values), missing)


def _authorities(need: Need) -> Iterator[list[dict[str, Any]]]:
    """The authorities of each policy that a need comes to."""
    if need.threshold == 1:
        # Of an SBOM's two types one is enough: an authority for each key and type.
        yield [_authority(need, key, kind) for key in need.keys for kind in need.types or ("",)]
    elif need.threshold == len(need.keys):
        for key in need.keys:
            yield [_authority(need, key, kind) for kind in need.types or ("",)]
    else:
        raise InputError(
            f"{need.name}: policy-controller has no {need.threshold} of {len(need.keys)} keys: "
            "one of them, or all (kyverno has)"
        )


def _authority(need: Need, key: NamedKey, kind: str) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": object_name(f"{key.name} {need.name} {kind.rpartition('/')[2]}"),
        "signatureFormat": "legacy",
        "key": {"data": key.public.pem.decode(), "hashAlgorithm": "sha256"},
    }
    if kind:
        value["attestations"] = [{"name": object_name(need.name), "predicateType": kind}]
    return value
