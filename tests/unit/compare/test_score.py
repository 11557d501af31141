"""Points are won by evidence alone; what is unknown wins nothing and says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.sides import (
    CLEARED,
    DIGEST,
    NOW,
    attachment,
    deb,
    found,
    hardened,
    layer,
    scanned,
    side,
    standard,
)
from tests.work import ends

from ironhull.attest.listing import Attachment
from ironhull.attest.provenance import Dependency, Provenance
from ironhull.compare.cis import cis_of
from ironhull.compare.declared import Declared
from ironhull.compare.history import History, history_of
from ironhull.compare.made import MadeHere
from ironhull.compare.model import MeasuredImage, Unknown
from ironhull.compare.points import MINIMAL_PACKAGES, Point, ScoredImage, points_of
from ironhull.compare.score import Score
from ironhull.inventory.model import Exposure, Layer, PasswdEntry, Remark, Surface

DECLARED = Declared(
    {
        "org.opencontainers.image.source": "https://example.org/app",
        "org.opencontainers.image.title": "app",
        "org.opencontainers.image.version": "1",
        "org.opencontainers.image.base.digest": DIGEST,
    },
    (
        Provenance(
            DIGEST,
            "https://example.org/builder",
            (
                Dependency("pkg:deb/debian/libc6@2.36", ("sha256:aa",)),
                Dependency("pkg:docker/debian@13", ("sha256:bb",)),
            ),
        ),
    ),
)
ATTACHED = tuple(attachment(kind, kind) for kind in ("sbom", "provenance", "signature"))


def facts(
    given: MeasuredImage,
    said: Declared | Unknown = DECLARED,
    history: History | None = None,
    attached: tuple[Attachment, ...] | Unknown = ATTACHED,
) -> ScoredImage:
    history = history or History(False)
    return ScoredImage(replace(given, attached=attached), said, history, NOW)


def results(given: ScoredImage) -> dict[str, str]:
    return {point.id: point.result for point in points_of(given)}


def point(given: ScoredImage, name: str) -> Point:
    return next(each for each in points_of(given) if each.id == name)


def test_there_are_20_points_in_four_sections_with_unique_names() -> None:
    points = points_of(facts(hardened()))
    score = Score(hardened(), points)
    sizes = [
        len(score.section(name))
        for name in ("minimalism", "provenance", "configuration", "vulnerabilities")
    ]
    assert sizes == [4, 8, 4, 4]
    assert len({each.id for each in points}) == 20
    assert all(each.evidence for each in points)
    assert all(bool(each.gain) is (each.result != "pass") for each in points)


def test_a_hardened_image_with_everything_attached_wins_all() -> None:
    clean = replace(hardened(), scan=scanned())
    score = Score(clean, points_of(facts(clean)))
    assert (score.total, score.grade) == (20, "A+")


def test_a_standard_image_with_nothing_attached_wins_little() -> None:
    many = [deb(f"p{number}", "1") for number in range(MINIMAL_PACKAGES + 1)]
    given = standard()
    given = replace(given, inventory=replace(given.inventory, packages=tuple(many)))
    score = Score(given, points_of(facts(given, Declared(), History(False), ())))
    assert score.grade == "D"
    assert results(facts(given, Declared(), History(False), ()))["minimal-base"] == "fail"


@pytest.mark.parametrize(
    ("total", "grade"), [(20, "A+"), (19, "A"), (15, "A"), (14, "B"), (10, "B"), (8, "C"), (7, "D")]
)
def test_grades_are_shares_of_all_points(total: int, grade: str) -> None:
    points = [Point(str(n), "s", "t", "pass" if n < total else "fail", "e", "") for n in range(20)]
    assert Score(hardened(), tuple(points)).grade == grade


def test_a_damaged_package_database_is_not_a_minimal_base() -> None:
    given = hardened()
    remarks = (Remark("unparsed", "/var/lib/dpkg/status", "broken"),)
    broken = replace(given, inventory=replace(given.inventory, remarks=remarks))
    assert results(facts(broken))["minimal-base"] == "unknown"


@pytest.mark.parametrize(
    ("surface", "name"),
    [
        (Surface(shells=(Exposure("/bin/sh", "sh"),)), "no-shell"),
        (Surface(compilers=(Exposure("/usr/bin/cc", "cc"),)), "no-build-tools"),
        (Surface(package_managers=(Exposure("/usr/bin/npm", "npm"),)), "no-package-manager"),
        (Surface(secrets=(Exposure("env:TOKEN", "token"),)), "no-secrets"),
        (Surface(setuid=(Exposure("/bin/su", "4755"),)), "no-elevated-files"),
        (Surface(capabilities=(Exposure("/bin/ping", "cap_net_raw=ep"),)), "no-elevated-files"),
    ],
)
def test_a_finding_of_the_surface_loses_its_point_and_is_the_evidence(
    surface: Surface, name: str
) -> None:
    given = point(facts(side(surface=surface)), name)
    assert given.result == "fail"
    assert "/" in given.evidence or "env:" in given.evidence


@pytest.mark.parametrize("package", ["gdb", "strace", "libssl-dev", "openssl-devel"])
def test_debuggers_and_development_packages_are_build_tools(package: str) -> None:
    assert results(facts(side(packages=[deb(package, "1")])))["no-build-tools"] == "fail"


@pytest.mark.parametrize(
    ("user", "expected"),
    [("", "fail"), ("0", "fail"), ("root", "fail"), ("1000", "pass"), ("app", "pass")],
)
def test_the_user_is_judged(user: str, expected: str) -> None:
    assert results(facts(side(user=user)))["nonroot"] == expected


def test_a_user_whom_nobody_knows_is_unknown() -> None:
    assert results(facts(side(user="ghost")))["nonroot"] == "unknown"
    given = side(user="ghost")
    known = replace(given.inventory, users=(PasswdEntry("ghost", 7, 7, "/", ""),))
    assert results(facts(replace(given, inventory=known)))["nonroot"] == "pass"


def test_a_folder_has_no_user() -> None:
    assert results(facts(side(layers=[])))["nonroot"] == "unknown"


@pytest.mark.parametrize(("days", "expected"), [(0, "pass"), (27, "pass"), (60, "fail")])
def test_an_old_image_is_not_recent(days: int, expected: str) -> None:
    given = facts(side())
    later = replace(given, now=NOW + timedelta(days=days))
    assert results(later)["recently-updated"] == expected


def test_attachments_that_nobody_can_list_are_unknown() -> None:
    given = results(facts(side(), attached=Unknown("an engine has none")))
    assert {given[name] for name in ("signed", "sbom", "provenance-attestation")} == {"unknown"}


def test_without_provenance_and_history_nothing_is_taken_for_verified() -> None:
    given = results(facts(side(), Declared(), History(False), ()))
    assert given["verified-downloads"] == "unknown"
    assert given["pinned-packages"] == "unknown"
    assert given["pinned-digests"] == "fail"
    assert given["trusted-source"] == "fail"


def test_the_lock_and_record_of_the_store_answer_what_the_image_cannot_and_are_named() -> None:
    alone = facts(side(), Unknown("an engine has none"), History(False), ())
    names = ("verified-downloads", "pinned-packages", "pinned-digests")
    assert [results(alone)[name] for name in names] == ["unknown"] * 3
    locked = replace(alone, made=MadeHere(26, "20.lock.json"))
    assert [results(locked)[name] for name in names] == ["pass"] * 3
    assert all("the lock 20.lock.json" in point(locked, name).evidence for name in names)
    # The lock has moved on: no digests any more, but what is in the image is on record.
    moved = replace(alone, made=MadeHere(26))
    assert [results(moved)[name] for name in names] == ["unknown", "pass", "pass"]
    assert "this store's record of its build" in point(moved, "pinned-packages").evidence


def test_a_material_without_digest_loses_the_points_that_it_is_about() -> None:
    loose = Provenance(
        DIGEST, "", (Dependency("pkg:deb/debian/x@1", ()), Dependency("pkg:docker/debian@13", ()))
    )
    given = results(facts(side(), Declared({}, (loose,))))
    assert given["verified-downloads"] == "unknown"
    assert given["pinned-packages"] == "unknown"
    assert given["pinned-digests"] == "fail"


def test_severities_are_counted_after_vex() -> None:
    scan = scanned(found("CVE-1", "a", "critical", vex=CLEARED), found("CVE-2", "a", "high"))
    given = results(facts(side(scan=scan)))
    names = ("no-critical", "no-high", "no-medium", "no-any")
    assert [given[name] for name in names] == ["pass", "fail", "pass", "fail"]


def test_a_finding_without_severity_may_be_critical() -> None:
    given = results(facts(side(scan=scanned(found("CVE-1", "a", "unknown")))))
    names = ("no-critical", "no-high", "no-medium", "no-any")
    assert [given[name] for name in names] == ["unknown", "unknown", "unknown", "fail"]


@pytest.mark.parametrize("verdict", ["stale", "unknown", "eol"])
def test_advisories_that_cannot_be_relied_on_win_nothing(verdict: str) -> None:
    given = facts(side(scan=scanned(verdict=verdict)))
    assert results(given)["no-any"] == "unknown"
    assert point(given, "no-any").evidence


# -- history ------------------------------------------------------------------------------------


def of(*steps: str) -> History:
    return history_of([replace(layer(n), created_by=step) for n, step in enumerate(steps)])


def test_a_history_that_says_nothing_is_unknown() -> None:
    assert of("ironhull", "ironhull") == History(False)
    assert of("", "") == History(False)


@pytest.mark.parametrize(
    ("step", "bad"),
    [
        ("RUN /bin/sh -c curl -fsSL https://x.example/y | tar xz # buildkit", True),
        ("RUN wget http://x.example/y && echo 'aa  y' | sha256sum -c", False),
        ("RUN curl -O https://x.example/y && gpg --batch --verify y.asc y", False),
        ("ADD https://x.example/y /y", True),
        ("ADD --checksum=sha256:aa https://x.example/y /y", False),
        ("RUN apt-get install -y curl", False),
        ("/bin/sh -c wget https://x.example/y", True),
    ],
)
def test_downloads_are_looked_at(step: str, bad: bool) -> None:
    assert bool(of(step).unchecked) is bad


@pytest.mark.parametrize(
    ("step", "unpinned", "pinned"),
    [
        ("RUN apt-get update && apt-get install -y --no-install-recommends curl", 1, 0),
        ("RUN apt-get install -y curl=7.88.1-10 && rm -rf /var/lib/apt/lists/*", 0, 1),
        ("RUN apk add --no-cache curl", 1, 0),
        ("RUN apk add curl=8.5-r0", 0, 1),
        ("RUN pip install flask", 1, 0),
        ("RUN pip install flask==3.0", 0, 1),
        ("RUN pip install --require-hashes -r requirements.txt", 0, 1),
        ("RUN npm install", 1, 0),
        ("RUN npm ci --omit=dev", 0, 0),
        ("RUN npm install -g yarn@1.22.22", 0, 1),
        ("COPY . . # buildkit", 0, 0),
    ],
)
def test_installs_are_looked_at(step: str, unpinned: int, pinned: int) -> None:
    history = of(step)
    assert (len(history.unpinned), history.pinned) == (unpinned, pinned)


def test_updates_alone_and_add_are_found() -> None:
    history = of(
        "/bin/sh -c apt-get update",
        "RUN apt-get update && apt-get install -y curl",
        "/bin/sh -c #(nop) ADD file:" + "a" * 64 + " in / ",
        "ADD conf /etc/app # buildkit",
        "ADD rootfs.tar.xz / # buildkit",
    )
    assert history.lone_updates == ("apt-get update",)
    assert history.added == ("ADD conf /etc/app",)
    assert history.steps == 5


def test_a_hostile_history_takes_no_time() -> None:
    words = ("apt-get install ", "curl ", "/bin/sh -c ", "gpg ", "#(nop) ", "ADD http:/", "npm ")
    texts = ["RUN " + word * (64_000 // len(word)) for word in words]
    with ends():
        assert history_of([Layer("d", None, "m", 1, 1, 1, text) for text in texts]).known


# -- CIS ----------------------------------------------------------------------------------------


def cis(given: ScoredImage) -> dict[str, str]:
    return {each.id: each.result for each in cis_of(given, points_of(given))}


def test_all_checks_of_section_4_have_a_result() -> None:
    assert list(cis(facts(hardened()))) == [f"4.{number}" for number in range(1, 13)]


def test_fixable_findings_fail_4_4_and_cleared_ones_do_not() -> None:
    assert cis(facts(side(scan=scanned(found("CVE-1", "a")))))["4.4"] == "fail"
    assert cis(facts(side(scan=scanned(found("CVE-1", "a", vex=CLEARED)))))["4.4"] == "pass"


@pytest.mark.parametrize(
    ("test", "expected"), [((), "fail"), (("NONE",), "fail"), (("CMD", "/bin/check"), "pass")]
)
def test_the_healthcheck_is_4_6(test: tuple[str, ...], expected: str) -> None:
    given = side()
    config = replace(given.inventory.config, healthcheck=test)
    given = replace(given, inventory=replace(given.inventory, config=config))
    assert cis(facts(given))["4.6"] == expected


def test_the_history_answers_4_7_and_4_9() -> None:
    history = of("RUN apt-get update", "ADD a /b", "COPY c /d")
    given = cis(facts(side(), history=history))
    assert (given["4.7"], given["4.9"]) == ("fail", "fail")
    given = cis(facts(side(), history=of("COPY c /d")))
    assert (given["4.7"], given["4.9"]) == ("pass", "pass")
    assert cis(facts(side()))["4.7"] == "unknown"
