"""The words that policies have for predicate types, and which types they stand for."""

from __future__ import annotations

from ironhull.statements import kinds

PROVENANCES = (kinds.PROVENANCE,)
SBOMS = (kinds.CYCLONEDX, kinds.SPDX)
# With and without a version: cosign writes it without.
VEXES = ("https://openvex.dev/ns",)
SCANS = (kinds.VULNERABILITIES, "https://in-toto.io/attestation/vulns/v0.1")
SUMMARY = "https://slsa.dev/verification_summary/v1"
PASSED = "PASSED"
"""What a summary says that is a yes."""
REPRODUCER = "https://ironhull.io/reproduce"
"""The verifier of those summaries whose image was built again; others looked at it."""

_SEVERAL = {"sbom": SBOMS, "vex": VEXES, "vulnerabilities": SCANS}
WORDS = ("sbom", *(word for word in kinds.KINDS if word != "signature"))
"""What a policy may say instead of a type."""


def types_of(word: str) -> tuple[str, ...]:
    """The predicate types of a word; a type stands for itself."""
    return _SEVERAL.get(word) or (kinds.KINDS.get(word, word),)


def is_of(kind: str, wanted: tuple[str, ...]) -> bool:
    """Whether a predicate type is one of these, or a version of one: `…/bom/v1.6`."""
    return any(kind == each or kind.startswith(f"{each}/") for each in wanted)
