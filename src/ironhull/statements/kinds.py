"""The kinds of statements: the word that people use, and the predicate's type.

Types without a standard are Ironhull's own, described in docs/attestations.md.
"""

from __future__ import annotations

from ironhull.errors import InputError

OWN = "https://ironhull.io/attestation"
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
CYCLONEDX = "https://cyclonedx.org/bom"
SPDX = "https://spdx.dev/Document"
PROVENANCE = "https://slsa.dev/provenance/v1"
VEX = "https://openvex.dev/ns/v0.2.0"
VULNERABILITIES = "https://in-toto.io/attestation/vulns/v0.2"
TESTS = "https://in-toto.io/attestation/test-result/v0.1"
CHECKS = f"{OWN}/static-check/v1"
SECRETS = f"{OWN}/secrets/v1"
LICENSES = f"{OWN}/licenses/v1"
SCORE = f"{OWN}/score/v1"
REBUILDS = f"{OWN}/rebuilds/v1"
CHANGELOG = f"{OWN}/changelog/v1"
"""What changed since the image that was published before; a watcher makes it."""
VEX_SET = f"{OWN}/vex-set/v1"
"""Of a set of documents, not of an image."""
PUBLICATION = f"{OWN}/publication/v1"
"""Not of an image but of its repository's record (docs/publication-record.md)."""

KINDS = {
    "signature": SIGNATURE,
    "cyclonedx": CYCLONEDX,
    "spdx": SPDX,
    "provenance": PROVENANCE,
    "vex": VEX,
    "vulnerabilities": VULNERABILITIES,
    "tests": TESTS,
    "checks": CHECKS,
    "secrets": SECRETS,
    "licenses": LICENSES,
    "rebuilds": REBUILDS,
    "score": SCORE,
    "changelog": CHANGELOG,
}
"""In the order in which they are made: the score counts those before it."""


def type_of(text: str) -> str:
    """The predicate's type for a kind, or a type as it is (a URI); InputError for neither."""
    if text in KINDS:
        return KINDS[text]
    if "://" in text:
        return text
    raise InputError(f"{text!r:.80} is no kind of statement: {', '.join(KINDS)}, or a URI")


def kind_of(predicate_type: str) -> str:
    """The word for a predicate's type; the type itself where there is none."""
    words = {uri: word for word, uri in KINDS.items()}
    return words.get(predicate_type, predicate_type)
