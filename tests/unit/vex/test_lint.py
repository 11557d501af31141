"""Checks of VEX documents: honest statements pass, what hides or does not match is found."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.vex import DIGEST, OPENSSL, openvex, said

from ironhull.vex.lint import lint


def rules(*statements: dict[str, Any], **more: Any) -> set[str]:
    return {found.rule for found in lint(openvex(*statements, **more))}


GOOD = said(
    product=f"pkg:oci/app@{DIGEST}",
    parts=(OPENSSL,),
    impact_statement="minizip is not built, see https://example.org/evidence",
)


def test_an_honest_statement_passes() -> None:
    assert lint(openvex(GOOD)) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            "Marked no-dsa by Debian Security Team; see <https://example.org/CVE-2024-0001>",
            "no-dsa",
        ),
        ("postponed", "no-dsa"),
        ("Minor issue (no-dsa)", "no-dsa"),
        ("fixed in 3.5.4 upstream", "fixed-in"),
        ("Patched in a later version", "fixed-in"),
        ("An attacker cannot reach it", "evidence"),
        ("", "evidence"),
    ],
)
def test_not_affected_without_ground_is_found(text: str, rule: str) -> None:
    statement = GOOD | {
        "impact_statement": text,
        "justification": "vulnerable_code_cannot_be_controlled_by_adversary",
    }
    assert rule in rules(statement)


def test_no_dsa_beside_real_evidence_is_allowed() -> None:
    text = "no-dsa; and the parser is not built, see https://example.org/evidence"
    assert rules(GOOD | {"impact_statement": text}) == set()


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (GOOD | {"products": [{"@id": "pkg:oci/app"}]}, "unversioned"),
        (GOOD | {"products": [{"@id": f"pkg:oci/app@{DIGEST}"}]}, "whole-image"),
        (GOOD | {"products": [{"@id": "pkg:deb/debian/libssl3?distro=debian-12"}]}, "unversioned"),
        (GOOD | {"products": [{"@id": "pkg:deb/debian/libssl3@1"}]}, "distro"),
        (GOOD | {"products": [{"@id": "pkg:deb/libssl3@1?distro=debian-12"}]}, "purl"),
        (GOOD | {"products": [{"@id": "pkg:nothing"}]}, "purl"),
        (GOOD | {"products": [{"@id": "our image"}]}, "product"),
        (GOOD | {"products": []}, "product"),
        (GOOD | {"vulnerability": {"name": "the openssl thing"}}, "identifier"),
        (GOOD | {"justification": "trust_us"}, "justification"),
        (said(status="affected"), "action"),
        (said(status="fixed", product=DIGEST, parts=(OPENSSL,)), "noise"),
    ],
)
def test_what_hides_or_does_not_match_is_found(statement: dict[str, Any], rule: str) -> None:
    assert rule in rules(statement)


def test_an_author_and_a_date_are_needed() -> None:
    assert {"author", "timestamp"} <= rules(GOOD, author="", timestamp="")
