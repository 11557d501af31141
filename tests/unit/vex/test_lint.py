"""Checks of VEX documents: honest statements pass, what hides or does not match is found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from tests.fakes.vex import DIGEST, OPENSSL, openvex, said

from ironhull.errors import MalformedError
from ironhull.vex.lint import lint, statement_errors


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
        (GOOD | {"products": [{"@id": f"pkg:oci/app@{DIGEST}"}]}, "whole-image"),
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


ANY = "pkg:deb/debian/libssl3?distro=debian-12"
ONE = "pkg:deb/debian/libssl3@1?distro=debian-12"


def about(product: str, **more: Any) -> dict[str, Any]:
    return said(product=product, impact_statement="not built, https://example.org/e", **more)


def test_a_product_without_a_version_is_found_only_where_it_hides_something() -> None:
    assert "unversioned" not in rules(about(ANY))
    assert "unversioned" not in rules(about(ANY), about(ANY.replace("libssl3", "vim")))
    assert "unversioned" in rules(about(ANY), about(ONE))
    assert "unversioned" in rules(about(ANY), about(ANY, status="fixed"))
    assert "unversioned" not in rules(about(ANY), about(ONE.replace("12", "13")))
    two = {"@id": f"pkg:oci/app@{DIGEST}", "subcomponents": [{"@id": ANY}, {"@id": ONE}]}
    assert "unversioned" in rules(about(ANY) | {"products": [two]})
    assert "unversioned" in rules(
        about("pkg:oci/app"),
        about(f"pkg:oci/app@{DIGEST}", status="affected", action_statement="x"),
    )


def test_two_statuses_of_one_subject_are_found_since_scanners_differ_in_which_they_take() -> None:
    older = about(ONE, status="under_investigation", timestamp="2026-01-01T00:00:00Z")
    assert "several-statuses" in rules(older, about(ONE, status="fixed"))
    by_alias = {"vulnerability": {"name": "GHSA-xxxx-yyyy-zzzz", "aliases": ["CVE-2024-0001"]}}
    assert "several-statuses" in rules(older | by_alias, about(ONE, status="fixed"))
    assert "several-statuses" not in rules(older, older)
    assert "several-statuses" not in rules(older, about(ONE.replace("@1", "@2"), status="fixed"))
    other = {"vulnerability": {"name": "CVE-2024-9999"}}
    assert "several-statuses" not in rules(older, about(ONE, status="fixed") | other)
    spelled = ONE.replace("@1", "@1%2Bb1"), ONE.replace("@1", "@1+b1")
    assert "several-statuses" in rules(
        about(spelled[0], status="under_investigation"), about(spelled[1], status="fixed")
    )
    image = f"pkg:oci/app@{DIGEST}"
    parts = [said(product=image, parts=(part,), status=status) for part, status in (
        (OPENSSL, "affected"), (ONE, "not_affected"))]  # fmt: skip
    assert "several-statuses" not in rules(*parts)
    assert "several-statuses" in rules(parts[0], parts[1] | {"products": parts[0]["products"]})


def many(names: int, products: Iterable[str], **more: Any) -> dict[str, Any]:
    known = [f"CVE-2024-{number:05}" for number in range(names)]
    return about(ONE, **more) | {
        "vulnerability": {"name": known[0], "aliases": known[1:]},
        "products": [{"@id": each} for each in products],
    }


def test_two_statuses_are_found_however_many_names_and_products_two_statements_share() -> None:
    before, shared = ([ONE.replace("libssl3", f"{lib}{n}") for n in range(300)] for lib in "ab")
    two = [
        many(3000, [*before, *shared], status="under_investigation"),
        many(3000, shared, status="fixed"),
    ]
    found = [each for each in lint(openvex(*two)) if each.rule == "several-statuses"]
    assert [each.message.partition(":")[0] for each in found] == ["of pkg"] * 2


def test_looking_for_two_statuses_says_that_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ironhull.vex.contested.MAX_STEPS", 3)
    two = [about(ONE, status="under_investigation"), about(ONE, status="fixed")]
    found = [each for each in lint(openvex(*two)) if each.rule == "several-statuses"]
    assert [(each.level, each.vulnerability) for each in found] == [("warning", "")]
    assert "was stopped" in found[0].message
    monkeypatch.setattr("ironhull.vex.contested.MAX_STEPS", 4)
    assert "was stopped" not in str(lint(openvex(*two)))


def test_a_document_whose_statements_share_too_much_is_refused_also_by_a_scan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    products = [ANY.replace("libssl3", f"lib{n}") for n in range(20)]
    document = openvex(many(20, products), many(20, products))
    assert statement_errors(document) == {}
    monkeypatch.setattr("ironhull.vex.hiding.MAX_STEPS", 20 * 20 * 2)
    for ask in (lint, statement_errors):
        with pytest.raises(MalformedError, match=r"in over 800 ways.*a statement of its own"):
            ask(document)


def test_products_with_versions_and_what_shares_no_name_take_no_looking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ironhull.vex.hiding.MAX_STEPS", 40)
    named = many(50, [ONE.replace("libssl3", f"lib{n}") for n in range(50)])
    assert statement_errors(openvex(named, named)) == {}
    other = [about(ANY) | {"vulnerability": {"name": f"CVE-2024-{n:05}"}} for n in range(10)]
    assert statement_errors(openvex(*other)) == {}


@pytest.mark.parametrize(
    ("text", "version", "says"),
    [
        ("fixed in 3.5.4", "3.5.4-1", "has the fix of 3.5.4"),
        ("fixed in version 3.5.4.", "3.6-1", "has the fix of 3.5.4"),
        ("fixed in 3.5.4", "3.5.3-1", "fixed elsewhere"),
        ("fixed in 3.5.4", "", "fixed elsewhere"),
        ("patched by upgrading the library", "3.5.4-1", "is `fixed`, not"),
        ("The patch was applied", "3.5.4-1", "is `fixed`, not"),
    ],
)
def test_a_fix_that_is_in_is_fixed_and_not_not_affected(text: str, version: str, says: str) -> None:
    product = f"pkg:deb/debian/libssl3@{version}?distro=debian-12".replace("@?", "?")
    found = lint(openvex(said(product=product, impact_statement=text)))
    assert [each.rule for each in found] == ["fixed-in"]
    assert says in found[0].message


def test_a_dispute_with_a_link_alone_is_no_evidence() -> None:
    words = {"justification": "vulnerable_code_cannot_be_controlled_by_adversary"}
    link = "This CVE is disputed by upstream, see https://example.org/1"
    assert "disputed" in rules(GOOD | words | {"impact_statement": link})
    more = f"{link}: the parser only reads files that root wrote"
    assert "disputed" not in rules(GOOD | words | {"impact_statement": more})


def test_a_document_is_checked_whole() -> None:
    many = [GOOD | {"impact_statement": "no-dsa"}] * 2_500
    assert len([each for each in lint(openvex(*many)) if each.rule == "no-dsa"]) == 2_500


@pytest.mark.parametrize("name", ["OPEN-1 issue", "the openssl thing"])
def test_a_name_that_no_scanner_reports_is_said(name: str) -> None:
    assert "identifier" in rules(GOOD | {"vulnerability": {"name": name}})
    known = {"name": name, "aliases": ["GHSA-xxxx-yyyy-zzzz"]}
    assert "identifier" not in rules(GOOD | {"vulnerability": known})


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({}, False),
        ({"impact_statement": "we look whether the parser is built"}, False),
        ({"impact_statement": "probably a false positive"}, True),
        ({"impact_statement": "Not affected so far"}, True),
        ({"justification": "vulnerable_code_not_present"}, True),
    ],
)
def test_what_is_under_investigation_is_not_cleared_by_the_way(
    more: dict[str, Any], wrong: bool
) -> None:
    found = lint(openvex(said(status="under_investigation", **more)))
    assert [(each.rule, each.level) for each in found] == (
        [("under-investigation", "error")] if wrong else []
    )
