"""Attacks that a policy sees: everything is signed by the right keys, and one thing is wrong.

Each row changes one thing of an image that passes the strict policy of `tests.fakes`, and names the
rule that says no and what it says. No other rule may say no.
"""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.image import File
from tests.fakes.published_image import (
    FILES,
    FINGERPRINT,
    NOW,
    Published,
    provenance,
    published,
    purl,
    sbom,
    scan,
    vex,
)
from tests.fakes.signed_image import SIGNATURE
from tests.fakes.signer import FakeSigner

from ironhull.statements import kinds


def test_control_the_image_as_it_was_published_passes_every_rule(tmp_path: Path) -> None:
    verdict = published(tmp_path).verdict()
    assert verdict.failed == []
    assert verdict.passed
    assert len(verdict.outcomes) == 26


def changed(*path: str | int, to: Any) -> Callable[[Any], Any]:
    """A copy with another value at a path; None takes it away."""

    def change(value: Any) -> Any:
        value = copy.deepcopy(value)
        inner = value
        for key in path[:-1]:
            inner = inner[key]
        if to is None:
            del inner[path[-1]]
        else:
            inner[path[-1]] = to
        return value

    return change


def added(*path: str | int, item: Any) -> Callable[[Any], Any]:
    def change(value: Any) -> Any:
        value = copy.deepcopy(value)
        inner = value
        for key in path:
            inner = inner[key]
        inner.append(item)
        return value

    return change


DEPENDENCIES = ("buildDefinition", "resolvedDependencies")
PARAMETERS = ("buildDefinition", "externalParameters")
FIRST = (*DEPENDENCIES, 0)
EXTRA = {
    "uri": purl("curl", "8.0-1"),
    "digest": {"sha256": "44" * 32},
    "annotations": {"repository": "debian", "suite": "bookworm"},
}
LIBRARY = {"type": "library", "name": "curl", "version": "8.0-1", "purl": purl("curl", "8.0-1")}


@pytest.mark.parametrize(
    ("kind", "change", "rule", "words"),
    [
        # -- the SBOM
        (
            kinds.CYCLONEDX,
            changed("components", 1, to=None),
            "sbom.matches-image",
            "omits openssl 3.0.11-1 (deb)",
        ),
        (
            kinds.CYCLONEDX,
            added("components", item=LIBRARY),
            "sbom.matches-image",
            "adds curl 8.0-1 (deb)",
        ),
        (
            kinds.CYCLONEDX,
            changed("components", 1, "purl", to=purl("openssl", "3.0.14-1")),
            "sbom.matches-image",
            "omits openssl 3.0.11-1 (deb), adds openssl 3.0.14-1 (deb)",
        ),
        (
            kinds.CYCLONEDX,
            changed("components", 2, "purl", to=purl("zlib1g", "1.2.13-1")),
            "sbom.matches-image",
            "omits zlib1g 1:1.2.13-1",
        ),
        (
            kinds.CYCLONEDX,
            changed("components", 1, "purl", to="pkg:npm/openssl@3.0.11-1"),
            "sbom.matches-image",
            "adds openssl 3.0.11-1 (npm)",
        ),
        (kinds.CYCLONEDX, changed("components", to=None), "sbom.matches-image", "omits openssl"),
        (kinds.CYCLONEDX, changed("components", to={}), "sbom.matches-image", "not a list"),
        (
            kinds.CYCLONEDX,
            changed("components", 1, "purl", to="openssl"),
            "sbom.matches-image",
            "not a purl",
        ),
        (
            kinds.SPDX,
            changed("packages", 0, to=None),
            "sbom.matches-image",
            "omits openssl 3.0.11-1 (deb)",
        ),
        (kinds.SPDX, changed("packages", to=[1]), "sbom.matches-image", "not a list of objects"),
        # -- provenance
        (
            kinds.PROVENANCE,
            changed(*FIRST, "digest", "sha256", to="99" * 32),
            "provenance.packages",
            "another digest than in the SBOM: openssl 3.0.11-1 (amd64)",
        ),
        (
            kinds.PROVENANCE,
            changed(*FIRST, "uri", to=purl("openssl", "3.0.14-1")),
            "provenance.packages",
            "not in the image: openssl 3.0.14-1",
        ),
        (
            kinds.PROVENANCE,
            changed(*FIRST, to=None),
            "provenance.packages",
            "not in the provenance: openssl 3.0.11-1",
        ),
        (
            kinds.PROVENANCE,
            added(*DEPENDENCIES, item=EXTRA),
            "provenance.packages",
            "not in the image: curl 8.0-1",
        ),
        (
            kinds.PROVENANCE,
            added(
                *DEPENDENCIES,
                item={
                    **provenance()["buildDefinition"]["resolvedDependencies"][0],
                    "digest": {"sha256": "99" * 32},
                },
            ),
            "provenance.packages",
            "with two digests",
        ),
        (
            kinds.PROVENANCE,
            changed(*FIRST, "digest", to={"md5": "1"}),
            "provenance.packages",
            "without a sha256",
        ),
        (
            kinds.PROVENANCE,
            changed("runDetails", "builder", "id", to="https://ironhull.io.evil.test/builder/x"),
            "provenance.builders",
            "evil.test",
        ),
        (
            kinds.PROVENANCE,
            changed("runDetails", to=None),
            "provenance.builders",
            "says nothing of it",
        ),
        (
            kinds.PROVENANCE,
            changed("runDetails", "builder", "id", to=["https://ironhull.io/builder/release"]),
            "provenance.builders",
            "says nothing of it",
        ),
        (
            kinds.PROVENANCE,
            changed("buildDefinition", "buildType", to="https://ironhull.io/build/v2"),
            "provenance.build-types",
            "build/v2",
        ),
        (
            kinds.PROVENANCE,
            changed(
                "buildDefinition", "externalParameters", "definition", "path", to="/tmp/x.yaml"
            ),
            "provenance.sources",
            "/tmp/x.yaml",
        ),
        (
            kinds.PROVENANCE,
            changed(*FIRST, "annotations", "suite", to="sid"),
            "provenance.archives",
            "no release file of debian/sid",
        ),
        (
            kinds.PROVENANCE,
            changed(*DEPENDENCIES, 2, "uri", to="ironhull:release/evil/bookworm"),
            "provenance.archives",
            "evil/bookworm",
        ),
        (
            kinds.PROVENANCE,
            added(*DEPENDENCIES, item={"uri": "https://evil.test/x.tar", "digest": {}}),
            "provenance.archives",
            "https://evil.test/x.tar",
        ),
        (
            kinds.PROVENANCE,
            added(*DEPENDENCIES, item={"digest": {}}),
            "provenance.archives",
            "without an address",
        ),
        (
            kinds.PROVENANCE,
            changed(*DEPENDENCIES, 2, "annotations", to=None),
            "provenance.archive-keys",
            "debian/bookworm is signed by no key that is listed",
        ),
        (
            kinds.PROVENANCE,
            changed(*DEPENDENCIES, 3, "uri", to=f"openpgp4fpr:{'a' * 40}"),
            "provenance.archive-keys",
            "debian/bookworm is signed by no key that is listed",
        ),
        # -- the scan
        (
            kinds.VULNERABILITIES,
            lambda value: scan("2026-11-01T00:00:00Z"),
            "age.scan-days",
            "scanned 2026-11-01T00:00:00Z, 27 days ago",
        ),
        (
            kinds.VULNERABILITIES,
            lambda value: scan("2026-12-28T00:00:00Z"),
            "age.scan-days",
            "yet to come",
        ),
        (kinds.VULNERABILITIES, lambda value: scan("soon"), "age.scan-days", "no date"),
        (
            kinds.VULNERABILITIES,
            changed("scanner", "db", "lastUpdate", to="2025-11-26"),
            "age.advisories-days",
            "advisories of 2025-11-26T00:00:00Z",
        ),
        (
            kinds.VULNERABILITIES,
            changed("scanner", "db", to=None),
            "age.advisories-days",
            "no date",
        ),
        # -- VEX
        (kinds.VEX, changed("author", to="Somebody"), "vex.authors", "by Somebody"),
        (kinds.VEX, changed("author", to=None), "vex.authors", "by nobody"),
    ],
)
def test_a_signed_statement_that_is_wrong(
    tmp_path: Path, kind: str, change: Any, rule: str, words: str
) -> None:
    failed = published(tmp_path, said={kind: change}).failed()
    assert list(failed) == [rule]
    assert words in failed[rule]


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        (kinds.PROVENANCE, ["provenance.present"]),
        (kinds.VULNERABILITIES, ["statements", "age.scan-days"]),
        (
            kinds.VEX,
            ["vulnerabilities.after-vex", "vulnerabilities.fixable", "vulnerabilities.epss"],
        ),
    ],
)
def test_a_statement_that_was_left_out(tmp_path: Path, kind: str, rules: list[str]) -> None:
    assert list(published(tmp_path, without=kind).failed()) == rules


def test_an_image_without_its_sboms(tmp_path: Path) -> None:
    shop = published(tmp_path)
    for each in shop.image.place().referrers(shop.image.root.digest):
        if each.annotations["in-toto.io/predicate-type"] in (kinds.CYCLONEDX, kinds.SPDX):
            shop.image.layout.update(
                lambda listed, gone=each.digest: [one for one in listed if one.digest != gone]
            )
    assert shop.failed() == {"sbom.present": "no sbom that counts"}


def test_statements_by_a_key_that_may_sign_other_things(tmp_path: Path) -> None:
    """The second key of the policy signs images, not statements."""
    shop = published(tmp_path)
    ci = published(tmp_path / "other", signer=shop.ci)
    assert "provenance.present" not in shop.failed()
    (tmp_path / "other" / "ci.pub").write_bytes(shop.ci.public.pem)
    failed = ci.failed()
    assert "what is there is signed by ci" in failed["provenance.present"]
    assert "what is there is signed by ci" in failed["sbom.present"]
    assert "what is there is signed by ci" in failed["statements"]


def test_statements_by_a_stranger(tmp_path: Path) -> None:
    failed = published(tmp_path, signer=FakeSigner()).failed()
    assert "refused: signed-by-nobody-known" in failed["sbom.present"]
    assert "refused: signed-by-nobody-known" in failed["provenance.present"]


def test_one_signature_where_two_are_wanted(tmp_path: Path) -> None:
    shop = published(tmp_path, signed=False)
    root = shop.image.descriptor(shop.image.root.digest)
    shop.image.attach(root, SIGNATURE, {}, signers=(shop.image.signer, shop.image.signer))
    failed = shop.failed()
    assert list(failed) == ["signatures"]
    assert failed["signatures"].startswith("signed by release (")
    assert failed["signatures"].endswith(") alone")


def test_a_predicate_in_which_a_key_stands_twice(tmp_path: Path) -> None:
    """Whoever reads the first one sees a package that whoever reads the last one does not."""
    shop = published(tmp_path, without=kinds.CYCLONEDX)
    root = shop.image.descriptor(shop.image.root.digest)

    def twice(payload: bytes) -> bytes:
        return payload.replace(b'"components":', b'"components": [], "components":')

    shop.image.attach(root, kinds.CYCLONEDX, sbom(), payload=twice)
    failed = shop.failed()
    assert list(failed) == ["sbom.matches-image"]
    assert failed["sbom.matches-image"].startswith("duplicate-key: SBOM")


def test_an_old_scan_attached_again_beside_the_new_one_changes_nothing(tmp_path: Path) -> None:
    shop = published(tmp_path)
    root = shop.image.descriptor(shop.image.root.digest)
    shop.image.attach(root, kinds.VULNERABILITIES, scan("2026-11-01T00:00:00Z"))
    assert shop.failed() == {}


@pytest.mark.parametrize("first", ["2026-10-01", "2026-11-26"])
def test_of_two_scans_in_one_second_that_with_the_newer_advisories_counts(
    tmp_path: Path, first: str
) -> None:
    other = {"2026-10-01": "2026-11-26", "2026-11-26": "2026-10-01"}[first]
    shop = published(tmp_path, without=kinds.VULNERABILITIES)
    root = shop.image.descriptor(shop.image.root.digest)
    for updated in (first, other):
        said = scan()
        said["scanner"]["db"]["lastUpdate"] = updated
        shop.image.attach(root, kinds.VULNERABILITIES, said)
    assert shop.failed() == {}


def test_an_old_vex_attached_again_beside_the_new_one_does_not_win(tmp_path: Path) -> None:
    """Replayed: signed by the right key about this image, before somebody looked again."""
    shop = published(tmp_path, said={kinds.VEX: lambda value: vex("affected")})
    expected = shop.failed()
    assert "vulnerabilities.after-vex" in expected
    root = shop.image.descriptor(shop.image.root.digest)
    shop.image.attach(root, kinds.VEX, vex("not_affected", "2026-11-01T00:00:00Z"))
    assert shop.failed() == expected


def test_vex_that_claims_a_fix_which_is_not_installed(tmp_path: Path) -> None:
    failed = published(tmp_path, said={kinds.VEX: lambda value: vex("fixed")}).failed()
    assert "CVE-2026-0001" in failed["vulnerabilities.after-vex"]


def test_vex_that_cannot_be_read(tmp_path: Path) -> None:
    failed = published(tmp_path, said={kinds.VEX: changed("statements", to=7)}).failed()
    assert "statements is not a list" in failed["vex.authors"]
    assert "vulnerabilities.after-vex" in failed


# -- the image itself -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("", "root, for none is set"),
        ("root", "user root"),
        ("0", "user 0"),
        ("0:1000", "user 0:1000"),
        ("00", "user 00"),
        ("root:node", "user root:node"),
        ("zero", "user zero (0)"),
        ("nobody", "which its passwd does not know"),
    ],
)
def test_a_user_that_is_root_or_may_be(tmp_path: Path, user: str, words: str) -> None:
    failed = published(tmp_path, config={"User": user}).failed()
    assert list(failed) == ["user.root"]
    assert words in failed["user.root"]


def test_control_a_user_by_name_who_is_not_root(tmp_path: Path) -> None:
    assert published(tmp_path, config={"User": "node"}).failed() == {}


@pytest.mark.parametrize(
    ("path", "entry", "rule"),
    [
        ("bin/sh", File(b"\x7fELF", mode=0o755), "contents.shell"),
        ("bin/busybox", File(b"\x7fELF", mode=0o755), "contents.shell"),
        ("usr/bin/dpkg", File(b"\x7fELF", mode=0o755), "contents.package-manager"),
        ("usr/bin/su", File(b"\x7fELF", mode=0o4755), "contents.setuid"),
        ("usr/bin/mail", File(b"\x7fELF", mode=0o2755), "contents.setuid"),
    ],
)
def test_something_in_the_image_that_must_not_be(
    tmp_path: Path, path: str, entry: File, rule: str
) -> None:
    failed = published(tmp_path, layers=(FILES, {path: entry})).failed()
    assert rule in failed
    assert f"/{path}" in failed[rule]


def test_a_package_added_to_the_image_and_not_to_what_is_said_of_it(tmp_path: Path) -> None:
    status = FILES["var/lib/dpkg/status"] + (
        "\nPackage: nc\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
    )
    more = {"var/lib/dpkg/status": status}
    failed = published(tmp_path, layers=(FILES, more)).failed()
    assert failed == {
        "provenance.packages": "not in the provenance: nc 1 (amd64)",
        "sbom.matches-image": "omits nc 1 (deb)",
    }


def test_another_base(tmp_path: Path) -> None:
    rules = changed("base", "allowed", 0, "layers", to=["sha256:" + "ab" * 32])
    failed = published(tmp_path, rules=rules).failed()
    assert list(failed) == ["base"]
    assert "none of them: its lowest layer is sha256:" in failed["base"]


def test_the_layers_of_a_base_that_do_not_lie_lowest(tmp_path: Path) -> None:
    shop = published(tmp_path, layers=({"x": "1"}, FILES))
    good = published(tmp_path / "good")
    base = good.policy.read_text()
    wanted = next(line for line in base.splitlines() if line.strip().startswith("- sha256:"))
    mine = next(line for line in shop.policy.read_text().splitlines() if "- sha256:" in line)
    shop.policy.write_text(shop.policy.read_text().replace(mine, wanted))
    assert list(shop.failed()) == ["base"]


def test_an_image_without_a_base_passes_where_provenance_says_so(tmp_path: Path) -> None:
    elsewhere = changed("base", "allowed", 0, "layers", to=["sha256:" + "ab" * 32])

    def rules(value: Any) -> Any:
        return changed("base", "none", to="allow")(elsewhere(value))

    assert published(tmp_path / "a", rules=rules).failed() == {}
    docker = {"uri": "pkg:docker/evil@sha256:1", "digest": {"sha256": "1"}}
    said = {kinds.PROVENANCE: added(*DEPENDENCIES, item=docker)}
    failed = published(tmp_path / "b", rules=rules, said=said).failed()
    assert failed["base"] == "built on pkg:docker/evil@sha256:1"
    failed = published(tmp_path / "c", rules=rules, without=kinds.PROVENANCE).failed()
    assert "no provenance that says there is none" in failed["base"]


# -- vulnerabilities and dates --------------------------------------------------------------------


def test_an_image_that_was_made_long_ago(tmp_path: Path) -> None:
    failed = published(tmp_path, rules=changed("age", "image-days", to=30)).failed()
    assert failed == {"age.image-days": "made 2026-01-02T03:04:05Z, 330 days ago"}


def test_scores_of_another_model_are_no_answer(tmp_path: Path) -> None:
    rules = changed("vulnerabilities", "epss", "model", to="v2025.03.14")
    verdict = published(tmp_path, rules=rules).verdict()
    (failed,) = verdict.failed
    assert (failed.rule, failed.status) == ("vulnerabilities.epss", "unknown")
    assert "of the model v2026.06.15" in failed.found


def test_without_advisories_every_limit_is_unknown_and_none_passes(tmp_path: Path) -> None:
    shop = published(tmp_path)
    shop.machine.home.advisories.unlink()
    failed = {each.rule: each.status for each in shop.verdict().failed}
    assert failed == {
        "vulnerabilities.known-exploited": "unknown",
        "vulnerabilities.before-vex": "unknown",
        "vulnerabilities.after-vex": "unknown",
        "vulnerabilities.fixable": "unknown",
        "vulnerabilities.epss": "unknown",
        "end-of-life": "unknown",
    }


def test_an_old_list_of_what_is_exploited_is_no_answer(tmp_path: Path) -> None:
    shop = published(tmp_path)
    with closing(sqlite3.connect(shop.machine.home.advisories)) as database:
        database.execute("UPDATE feed SET date = '2001-01-01T00:00:00Z' WHERE name = 'kev'")
        database.commit()
    settings = replace(shop.machine.settings, max_advisory_age=timedelta(days=20 * 365))
    shop.machine = replace(shop.machine, settings=settings)
    (failed,) = shop.verdict().failed
    assert (failed.rule, failed.status) == ("vulnerabilities.known-exploited", "unknown")
    assert failed.found.endswith("the feed kev is of 2001-01-01, too old")


def test_limits_before_vex_count_what_vex_clears(tmp_path: Path) -> None:
    rules = changed("vulnerabilities", "before-vex", to={"high": 0})
    failed = published(tmp_path, rules=rules).failed()
    assert failed == {"vulnerabilities.before-vex": "1 high (CVE-2026-0001)"}


def test_a_release_past_its_end(tmp_path: Path) -> None:
    failed = published(tmp_path).failed(now=NOW.replace(year=2029))
    assert failed["end-of-life"] == "debian 12 ended on 2028-06-30"


def test_what_nobody_knows_yet_is_never_a_yes(tmp_path: Path) -> None:
    def rules(value: Any) -> Any:
        return {
            **value,
            "record": {"not-older-than-seen": "required"},
            "inputs": {"reproduced-by": 1, "of": ["ci"]},
        }

    failed = {each.rule: each.status for each in published(tmp_path, rules=rules).verdict().failed}
    assert failed == {"record.not-older-than-seen": "unknown", "inputs": "unknown"}


# -- exceptions -----------------------------------------------------------------------------------


def exception(**fields: Any) -> dict[str, Any]:
    return {
        "rule": "user.root",
        "owner": "jane@example.org",
        "reason": "moved in December",
        "expires": "2026-11-28",
        **fields,
    }


def excepted(**fields: Any) -> Callable[[Any], Any]:
    return lambda value: {**value, "exceptions": [exception(**fields)]}


def test_control_an_exception_holds_on_its_last_day(tmp_path: Path) -> None:
    verdict = published(tmp_path, config={"User": "0"}, rules=excepted()).verdict()
    assert verdict.passed
    (accepted,) = [each for each in verdict.outcomes if each.status == "accepted"]
    assert "accepted by jane@example.org until 2026-11-28: moved in December" in accepted.found


def test_an_exception_that_is_over(tmp_path: Path) -> None:
    shop = published(tmp_path, config={"User": "0"}, rules=excepted())
    failed = shop.failed(now=NOW + timedelta(days=1))
    assert failed["user.root"] == (
        "user 0; the exception of jane@example.org was over on 2026-11-28"
    )


@pytest.mark.parametrize(
    "fields", [{"rule": "contents.shell"}, {"image": "registry.example.org/*"}]
)
def test_an_exception_for_something_else(tmp_path: Path, fields: dict[str, Any]) -> None:
    shop = published(tmp_path, config={"User": "0"}, rules=excepted(**fields))
    assert shop.failed() == {"user.root": "user 0"}


def left_with(found: Published) -> list[str]:
    return sorted(found.failed())


def test_an_exception_takes_one_vulnerability_out_of_one_rule(tmp_path: Path) -> None:
    rules = excepted(rule="vulnerabilities.after-vex", vulnerabilities=["CVE-2026-0001"])
    shop = published(tmp_path, without=kinds.VEX, rules=rules)
    assert left_with(shop) == ["vulnerabilities.epss", "vulnerabilities.fixable"]
    failed = shop.failed(now=NOW + timedelta(days=1))
    assert (
        "an exception is over: CVE-2026-0001 until 2026-11-28"
        in (failed["vulnerabilities.after-vex"])
    )


def test_the_fingerprint_of_the_archive_is_compared_whole(tmp_path: Path) -> None:
    rules = changed("provenance", "archive-keys", to=["0" + FINGERPRINT[1:]])
    failed = published(tmp_path, rules=rules).failed()
    assert failed == {"provenance.archive-keys": f"debian/bookworm is signed by {FINGERPRINT}"}


def test_control_a_release_file_that_several_keys_have_signed_needs_one_of_them(
    tmp_path: Path,
) -> None:
    def signed_twice(value: Any) -> Any:
        both = changed(*DEPENDENCIES, 2, "annotations", "signedBy", to=["A" * 40, FINGERPRINT])
        more = {"uri": f"openpgp4fpr:{'a' * 40}", "digest": {"sha1": "a" * 40}}
        return added(*DEPENDENCIES, item=more)(both(value))

    assert published(tmp_path, said={kinds.PROVENANCE: signed_twice}).failed() == {}


def test_provenance_without_a_release_file_has_no_key_of_an_archive(tmp_path: Path) -> None:
    said = {kinds.PROVENANCE: changed(*DEPENDENCIES, 2, to=None)}
    failed = published(tmp_path, said=said).failed()
    assert failed["provenance.archive-keys"].endswith("names no release file")
    assert failed["provenance.archives"] == "no release file of debian/bookworm"
