"""What is not known is said so: half a scan, a name that is no page, who is not let in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from outside.made_catalog import (
    LIBC,
    FakeCatalog,
    build,
    catalog_app,
    fake_catalog,
    finding,
    package,
    scan,
    users,
)
from tests.fakes.asgi import ask

from ironhull.catalog.facts import (
    AttestationFacts,
    Published,
    RebuilderFacts,
    RebuildFacts,
    Verification,
)
from ironhull.catalog.live import Nothing
from ironhull.catalog.rates import Rates


@pytest.fixture
def catalog(tmp_path: Path) -> FakeCatalog:
    return fake_catalog(tmp_path / "store")


def page(catalog: FakeCatalog, path: str, **more: Any) -> str:
    answer = ask(catalog_app(catalog, **more), "GET", path)
    assert answer.status == 200, (path, answer.body)
    return answer.body.decode()


@pytest.mark.parametrize(("found", "said"), [(0, "unknown"), (2, "at least 2")])
def test_half_a_scan_counts_at_least_what_it_saw_and_never_zero(
    catalog: FakeCatalog, found: int, said: str
) -> None:
    half = build("half", [LIBC])
    findings = [finding(f"CVE-2026-100{number}", "libc6") for number in range(found)]
    catalog.add(half, scan(half, *findings, verdict="partial"), "half:1")
    assert f">{said}<" in page(catalog, "/search?q=half")
    assert page(catalog, "/images/half").count(said) == 2
    assert f"<b>{said.capitalize()}</b> after VEX" in page(
        catalog, "/images/half/-/1/vulnerabilities"
    )
    overview = page(catalog, "/images/half/-/1")
    assert f"<b>{said}</b>" in overview
    assert f"Vulnerabilities {said}" in overview
    told = ask(catalog_app(catalog), "GET", "/api/v1/images/half/-/1").json
    assert told["findings_after_vex"] is told["findings_raw"] is None


def test_an_image_that_was_not_scanned_is_not_held_against_another_as_if_it_had_none(
    catalog: FakeCatalog,
) -> None:
    plain = build("plain", [LIBC])
    catalog.add(plain, None, "plain:1")
    catalog.add(build("plain standard", [LIBC], flavor="standard"), None, "plain:1-standard")
    overview = page(catalog, "/images/plain/-/1")
    assert "Beside the conventional image" in overview
    assert "findings after VEX</span><span" not in overview


def test_the_image_that_stands_for_a_repository_is_the_one_kept_up_to_date_longest(
    catalog: FakeCatalog,
) -> None:
    for tag, ends in (("18", "2025-04-30"), ("20", "2026-04-30"), ("22", "2027-04-30")):
        catalog.add(build(f"js {tag}", [LIBC], end_of_life=ends), None, f"js:{tag}", f"js:{tag}.1")
    told = ask(catalog_app(catalog), "GET", "/api/v1/images/js").json
    assert told["default_tag"] == "22"


def test_an_ended_image_says_since_when_in_the_list_of_tags(catalog: FakeCatalog) -> None:
    catalog.add(build("gone", [LIBC], end_of_life="2024-01-20"), None, "gone:1")
    assert "since 2024-01-20" in page(catalog, "/images/gone")
    assert "Its end of life was 2024-01-20" in page(catalog, "/images/gone/-/1")
    assert "Its end of life" not in page(catalog, "/images/node/-/20")


def test_an_address_that_is_no_page_is_answered_with_one_and_machines_as_before(
    catalog: FakeCatalog,
) -> None:
    app = catalog_app(catalog)
    for path in ("/nothing", "/images", "/vulnerabilities/a/b/c", "/login/x"):
        answer = ask(app, "GET", path)
        assert answer.status == 404, path
        assert answer.headers["content-type"].startswith("text/html"), path
    for path in ("/v2/x", "/api/v1/nothing", "/api/x"):
        answer = ask(app, "GET", path)
        assert answer.status == 404, path
        assert "json" in answer.headers["content-type"], path


def test_who_asks_too_often_or_is_not_let_in_gets_a_page_that_says_so(
    catalog: FakeCatalog, tmp_path: Path
) -> None:
    app = catalog_app(catalog, rates=Rates(1, 1, lambda: 0.0))
    assert ask(app, "GET", "/").status == 200
    late = ask(app, "GET", "/")
    assert late.status == 429
    assert "<h1>Too many requests</h1>" in late.body.decode()
    assert late.headers["retry-after"]
    assert late.headers["content-security-policy"]
    closed = users(tmp_path / "users.toml")
    closed.write_text("\n".join(closed.read_text().splitlines()[3:]))
    stranger = ask(catalog_app(catalog, closed), "GET", "/")
    assert stranger.status == 401
    assert stranger.headers["www-authenticate"].startswith("Basic")
    assert 'href="/login"' in stranger.body.decode()
    assert "node" not in stranger.body.decode()


class Broken(Nothing):
    """What is asked of the machine now cannot be answered."""

    def mirrors(self) -> Any:
        raise OSError("the disk is gone: /srv/secret")


def test_of_a_page_that_failed_a_person_sees_a_page_and_a_program_json(
    catalog: FakeCatalog,
) -> None:
    app = catalog_app(catalog, live=Broken())
    failed = ask(app, "GET", "/")
    assert (failed.status, failed.headers["cache-control"]) == (500, "no-store")
    assert failed.headers["content-type"].startswith("text/html")
    assert "<h1>This page failed</h1>" in failed.body.decode()
    assert "secret" not in failed.body.decode()
    program = ask(app, "GET", "/api/v1/mirrors")
    assert program.status == 500
    assert "json" in program.headers["content-type"]


def test_what_cannot_be_asked_is_not_said_to_be_missing(catalog: FakeCatalog) -> None:
    for path in (
        "/search?q=a&page=x",
        f"/search?q={'a' * 5000}",
        "/images/node/-/20?platform=a%20b",
    ):
        answer = ask(catalog_app(catalog), "GET", path)
        assert answer.status == 400, path
        assert "<h1>That cannot be asked</h1>" in answer.body.decode()


class Told(Nothing):
    """Signed by somebody whose name has capitals, twice of one kind."""

    def verification(self, name: str) -> Verification:
        return Verification("verified", "signed by Alice@Example.org", "2026-11-28T08:00:00Z")

    def attestations(self, name: str) -> tuple[AttestationFacts, ...]:
        made = AttestationFacts("signature", "https://sigstore.dev", "sha256:11", "", "")
        return (
            made,
            replace(made, digest="sha256:22", platform="linux/amd64"),
            replace(made, digest="sha256:33", kind="vex"),
        )

    def publications(self, repository: str) -> Published:
        return Published(problem="it is shorter than what was seen <before>")

    def rebuilds(self, name: str, manifest: str) -> tuple[RebuildFacts, ...]:
        by = (RebuilderFacts("Rebuilder <one>", "ab12", 1),)
        return RebuildFacts("sha256:11", 1, 2, by), RebuildFacts("sha256:22", 0, 0, (), "no JSON")


def test_provenance_says_who_rebuilt_the_packages_and_whose_word_it_is(
    catalog: FakeCatalog,
) -> None:
    told = page(catalog, "/images/node/-/20/provenance", live=Told())
    assert "<b>1</b> of 2 packages was built again to the same bytes" in told
    assert "somebody whose signature was not verified here" in told
    assert "Rebuilder &lt;one&gt;: 1 package <code>ab12</code>" in told
    assert "cannot be read: no JSON" in told
    app = catalog_app(catalog, live=Told())
    answer = ask(app, "GET", "/api/v1/images/node/-/20/provenance").json
    assert [each["rebuilt"] for each in answer["rebuilds"]] == [1, 0]


def test_a_record_of_publications_that_is_not_believed_is_not_called_missing(
    catalog: FakeCatalog,
) -> None:
    said = "it is shorter than what was seen"
    assert f"not believed: {said} &lt;before&gt;" in page(catalog, "/images/node", live=Told())
    answer = ask(catalog_app(catalog, live=Told()), "GET", "/api/v1/images/node").json
    assert answer["publications_problem"].startswith(said)


def test_names_of_signers_keep_their_capitals(catalog: FakeCatalog) -> None:
    for section in ("", "/attestations"):
        told = page(catalog, f"/images/node/-/20{section}", live=Told())
        assert "Signed by Alice@Example.org" in told


def test_a_statement_is_read_by_a_name_that_no_other_has(catalog: FakeCatalog) -> None:
    told = page(catalog, "/images/node/-/20/attestations", live=Told())
    assert "--read sha256:11<" in told
    assert "--read sha256:22<" in told
    assert "--read vex<" in told


def test_a_finding_has_what_was_compared_beside_what_somebody_said(catalog: FakeCatalog) -> None:
    told = page(catalog, "/images/node/-/20/vulnerabilities")
    assert "the module is not built" in told
    assert "libc6 1 is earlier than 2, which fixes it" in told


def test_long_licences_can_be_read_whole(catalog: FakeCatalog) -> None:
    names = tuple(f"Licence-{number}" for number in range(20))
    many = build("many", [package("many", "1", licenses=names)])
    catalog.add(many, None, "many:1")
    told = page(catalog, "/images/many/-/1/packages")
    assert "<summary>and 14 more</summary>" in told
    assert "Licence-19" in told
