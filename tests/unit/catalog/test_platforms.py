"""An image for several platforms: each has pages, answers and files of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from outside.made_catalog import (
    BASH,
    LIBC,
    NOW,
    FakeCatalog,
    build,
    catalog_app,
    digest,
    fake_catalog,
    finding,
    package,
    scan,
)
from tests.fakes.asgi import ask

from ironhull.catalog.charts import provenance_graph
from ironhull.catalog.export import export
from ironhull.catalog.facts import BuildFacts, Counts, InputFacts, Moved, Summary
from ironhull.catalog.gathering import provenance_facts
from ironhull.catalog.live import Nothing
from ironhull.catalog.pages import Site, _moved_together
from ironhull.catalog.shelf import shelf_of
from ironhull.progress import Silent
from ironhull.registry.server.listing import Tags

ARM = "linux/arm64"
ASKED = "?platform=linux%2Farm64"


def two(name: str, *more: Any, platform: str = ARM) -> BuildFacts:
    """A build whose second platform has these packages more, and a provenance that says so."""
    first = build(name, [LIBC, package("openssl", "1")])
    other = build(f"{name} arm", [LIBC, *more])
    second = replace(other.platforms[0], platform=platform)
    assert other.provenance is not None
    return replace(
        first,
        platforms=(first.platforms[0], second),
        provenances={second.digest: other.provenance},
    )


def scan_of_second(of: BuildFacts, *findings: Any, **more: Any) -> Any:
    return replace(scan(of, *findings, **more), manifest=of.platforms[1].digest)


@pytest.fixture
def catalog(tmp_path: Path) -> FakeCatalog:
    made = fake_catalog(tmp_path / "store")
    app = two("app", BASH, package("curl", "8"))
    made.add(app, scan(app, finding("CVE-2026-0101", "openssl")), "app:1")
    made.index.put_scan(scan_of_second(app, finding("CVE-2026-0202", "curl")), "")
    made.saw("2026-11-29T08:00:00Z")
    return made


def page(catalog: FakeCatalog, path: str) -> str:
    answer = ask(catalog_app(catalog), "GET", path)
    assert answer.status == 200, (path, answer.body)
    return answer.body.decode()


def test_lists_and_feeds_count_the_findings_of_the_platform_that_has_most(
    catalog: FakeCatalog,
) -> None:
    app = two("app", BASH, package("curl", "8"))
    found = [finding(f"CVE-2026-020{number}", "curl", severity="high") for number in range(3)]
    cleared = finding("CVE-2026-0209", "curl", "not_affected")
    catalog.index.put_scan(scan_of_second(app, *found, cleared), "")
    worst = catalog.index.summaries()[app.digest].worst
    assert worst == Counts(raw=4, open=3, severe=3, known=True)
    assert '<span class="bad">3</span>' in page(catalog, "/search?q=app")
    assert '<td class="number" data-label="after VEX">3</td>' in page(catalog, "/images/app")
    assert "3 findings after VEX on the platform with most." in page(catalog, "/feeds/app.atom")
    listed = json.loads(page(catalog, "/api/v1/images?q=app"))["images"][0]
    assert (listed["findings_raw"], listed["findings_after_vex"]) == (4, 3)
    # What is known of the build otherwise leaves the counts alone, and a newer scan replaces them.
    catalog.index.put(app)
    assert catalog.index.summaries()[app.digest].worst == worst
    catalog.index.put_scan(scan_of_second(app), "")
    assert catalog.index.summaries()[app.digest].worst == Counts(1, 1, 1, known=True)


def test_of_a_platform_that_was_not_scanned_nothing_is_counted_as_none(
    catalog: FakeCatalog,
) -> None:
    half = two("half", BASH)
    catalog.add(half, scan(half, finding("CVE-2026-0101", "openssl")), "half:1")
    assert "at least 1" in page(catalog, "/search?q=half")
    listed = json.loads(page(catalog, "/api/v1/images/half"))["tags"][0]
    assert (listed["findings_raw"], listed["findings_after_vex"]) == (None, None)


def test_an_index_of_an_earlier_version_counts_other_platforms_when_they_are_scanned_again() -> (
    None
):
    earlier = Summary("", "", "", "", "", "", "", ("a", "b"), 1, 1, "", 2, 2, 0, NOW, "complete")
    earlier = replace(earlier, rest=(("sha256:b", "complete"),))
    assert (earlier.looked, earlier.worst) == (True, Counts(2, 2, 0, known=False))


@pytest.mark.parametrize(
    ("section", "here", "there"),
    [
        ("packages", "curl", "openssl"),
        ("vulnerabilities", "CVE-2026-0202", "CVE-2026-0101"),
        ("layers", "curl 8", "openssl 1"),
        ("provenance", "curl_8_amd64.deb", "openssl_1_amd64.deb"),
    ],
)
def test_each_platform_has_a_page_and_an_answer_of_its_own(
    catalog: FakeCatalog, section: str, here: str, there: str
) -> None:
    for prefix in ("", "/api/v1"):
        first = page(catalog, f"{prefix}/images/app/-/1/{section}")
        second = page(catalog, f"{prefix}/images/app/-/1/{section}{ASKED}")
        assert (here in first, there in first) == (False, True)
        assert (here in second, there in second) == (True, False)
    assert json.loads(second)["platform"] == ARM


def test_the_overview_has_the_figures_of_all_platforms_and_leads_to_each(
    catalog: FakeCatalog,
) -> None:
    first = page(catalog, "/images/app/-/1")
    assert f'href="/images/app/-/1{ASKED}"' in first
    assert first.count('data-label="packages"') == 2
    second = page(catalog, f"/images/app/-/1{ASKED}")
    assert f'href="/images/app/-/1/packages{ASKED}"' in second
    told = ask(catalog_app(catalog), "GET", f"/api/v1/images/app/-/1{ASKED}").json
    assert told["platform"] == ARM
    assert [each["packages"] for each in told["platforms"]] == [2, 3]
    assert [each["findings_after_vex"] for each in told["platforms"]] == [1, 1]


def test_a_filter_and_a_page_of_another_platform_stay_on_it(tmp_path: Path) -> None:
    catalog = fake_catalog(tmp_path / "store")
    many = two("many", *(package(f"p{number:03}", "1") for number in range(250)))
    catalog.add(many, scan(many), "many:1")
    second = page(catalog, f"/images/many/-/1/packages{ASKED}&q=p")
    assert f'href="/images/many/-/1/packages/2{ASKED}&amp;q=p"' in second
    assert '<input type="hidden" name="platform" value="linux/arm64">' in second
    assert "p249" in page(catalog, f"/images/many/-/1/packages/3{ASKED}&q=p")


def test_a_platform_that_there_is_not_is_not_found_and_an_odd_one_refused(
    catalog: FakeCatalog,
) -> None:
    app = catalog_app(catalog)
    for asked, status in (("linux%2Fs390x", 404), ("%3Cscript%3E", 400), ("", 400)):
        for prefix in ("", "/api/v1"):
            path = f"{prefix}/images/app/-/1/packages?platform={asked}"
            assert ask(app, "GET", path).status == status


def test_a_platform_with_an_odd_name_is_reached_by_the_digest_of_its_image(
    tmp_path: Path,
) -> None:
    catalog = fake_catalog(tmp_path / "store")
    odd = two("odd", package("curl", "8"), platform='"><script>/x/../y')
    catalog.add(odd, scan(odd), "odd:1")
    second = odd.platforms[1].digest
    asked = f"?platform={second.replace(':', '%3A')}"
    assert f'href="/images/odd/-/1{asked}"' in page(catalog, "/images/odd/-/1")
    assert "curl" in page(catalog, f"/images/odd/-/1/packages{asked}")


def test_the_files_of_each_platform_lie_beside_those_of_the_first(
    catalog: FakeCatalog, tmp_path: Path
) -> None:
    listed = Tags(catalog.layout).listing().tags
    shelf = shelf_of(listed, catalog.index.summaries(), lambda name: name == "app", 1)
    site = tmp_path / "site"
    export(Site(catalog.index, Nothing(), static=True), shelf, site, Silent())
    folder = site / "images/app/-/1/packages"
    assert "curl" not in (folder / "index.html").read_text()
    second = folder / "platform~linux~arm64/index.html"
    assert "curl" in second.read_text()
    assert 'href="../index.html"' in second.read_text()
    assert 'href="platform~linux~arm64/index.html"' in (folder / "index.html").read_text()
    moved = json.loads((site / "api/v1/images/app/-/1/history.json").read_text())
    assert [each["digest"] for each in moved["moves"]] == [shelf.by_name["app"].tags["1"]]
    told = json.loads((site / "api/v1/images/app/-/1/packages~linux~arm64.json").read_text())
    assert told["total"] == 3


def test_what_only_another_platform_has_is_said_of_it_with_a_link_to_it(
    catalog: FakeCatalog,
) -> None:
    told = ask(catalog_app(catalog), "GET", "/api/v1/vulnerabilities/CVE-2026-0202").json
    (image,) = [each for each in told["images"] if each["image"] == "app"]
    assert (image["means"], image["platform"]) == ("affected", ARM)
    link = f"/images/app/-/1/vulnerabilities{ASKED}&amp;q=CVE-2026-0202"
    assert f'href="{link}"' in page(catalog, "/vulnerabilities/CVE-2026-0202").replace(
        "&q=", "&amp;q="
    )


@pytest.mark.parametrize("verdict", ["", "partial"])
def test_an_image_is_not_clear_of_what_one_of_its_platforms_was_not_scanned_for(
    tmp_path: Path, verdict: str
) -> None:
    catalog = fake_catalog(tmp_path / "store")
    app = two("app", BASH)
    catalog.add(app, scan(app), "app:1")
    if verdict:
        catalog.index.put_scan(scan_of_second(app, verdict=verdict), "")
    told = ask(catalog_app(catalog), "GET", "/api/v1/vulnerabilities/CVE-2026-0001").json
    (image,) = [each for each in told["images"] if each["image"] == "app"]
    assert image["means"] == "unknown"
    catalog.index.put_scan(scan_of_second(app), "")
    told = ask(catalog_app(catalog), "GET", "/api/v1/vulnerabilities/CVE-2026-0001").json
    (image,) = [each for each in told["images"] if each["image"] == "app"]
    assert image["means"] == "not_affected"


def test_changes_of_a_platform_are_those_to_the_same_one_of_the_older_image(
    catalog: FakeCatalog,
) -> None:
    older = two("older", BASH, package("curl", "7"))
    older = replace(older, platforms=older.platforms[::-1])
    catalog.add(older, None, "app:0")
    for each, name in zip(older.platforms, ("curl", "openssl"), strict=True):
        catalog.index.put_scan(
            replace(scan(older, finding("CVE-2026-0303", name)), manifest=each.digest), ""
        )
    told = ask(catalog_app(catalog), "GET", f"/api/v1/images/app/-/1/changes{ASKED}&since=0").json
    changes = told["changes"]
    assert changes["platform"] == ARM
    assert [(each["name"], each["before"], each["after"]) for each in changes["packages"]] == [
        ("curl", "7", "8")
    ]
    assert [each["package"] for each in changes["gone"]] == ["curl"]


def test_a_package_leads_in_the_graph_to_the_layers_that_have_it_alone() -> None:
    made = build("node", [LIBC, BASH])
    assert made.provenance is not None
    graph = provenance_graph(made.provenance, "node", made.platforms[0])
    # The definition to the lock, that to the archive, that to both packages, each to its layer, and
    # so on.
    assert len(graph.edges) == 1 + 1 + 2 + 2 + 2


def test_an_archive_leads_in_the_graph_to_what_the_lock_took_from_it_alone() -> None:
    names = [f"lib{number}" for number in range(9)]
    made = build("app", [package(name, "1") for name in names])
    provenance = made.provenance
    assert provenance is not None

    def edges(archives: Sequence[str], of: Callable[[int], str]) -> int:
        said = replace(
            provenance,
            archives=tuple(InputFacts(each, each, digest(each)) for each in archives),
            packages=tuple(
                InputFacts(f"{name}_1_all.deb", "pkg:deb", digest(name), of(number))
                for number, name in enumerate(names)
            ),
        )
        graph = provenance_graph(said, "app", made.platforms[0])
        column = next(f"{box.x:.0f}" for box in graph.boxes if box.kind == "package")
        return sum(each.split()[-2] == column for each in graph.edges)

    # Six packages are shown and the other three as one: of them one is of the second archive.
    assert edges(["a", "b"], lambda number: "b" if number == 8 else "a") == 6 + 1 + 1
    assert edges(["a", "b", "empty"], lambda number: "b" if number == 0 else "a") == 6 + 1
    # Of one nobody says where it is from, or of none: a build that was gathered before.
    assert edges(["a", "b"], lambda number: "" if number == 0 else "a") == 6
    assert edges(["a", "b"], lambda number: "") == 0
    assert edges(["a"], lambda number: "") == 7


def test_a_package_that_no_layer_is_said_to_have_leads_in_the_graph_to_none() -> None:
    made = build("node", [LIBC, BASH])
    assert made.provenance is not None
    platform = made.platforms[0]
    layers = tuple(replace(each, packages=()) for each in platform.layers)
    graph = provenance_graph(made.provenance, "node", replace(platform, layers=layers))
    assert len(graph.edges) == 1 + 1 + 2 + 0 + len(layers)


def test_for_a_phone_the_graph_has_rows_of_two_boxes_and_the_same_lines() -> None:
    made = build("app", [package(f"lib{number}", "1") for number in range(9)])
    assert made.provenance is not None
    graph = provenance_graph(made.provenance, "app", made.platforms[0]).upright
    assert graph is not None
    assert graph.upright is None
    rows = Counter(box.y for box in graph.boxes)
    assert [rows[each] for each in sorted(rows)] == [1, 1, 1, 2, 2, 1]
    assert [box.title for box in graph.boxes if box.kind == "package"][1] == "and 8 more"
    # One package to its layer, the others to theirs.
    assert len(graph.edges) == 1 + 1 + 2 + 2 + 2
    assert all(box.x + box.width <= graph.width <= 340 for box in graph.boxes)
    assert max(box.y + box.height for box in graph.boxes) <= graph.height


def test_a_provenance_says_of_packages_which_release_file_vouches_for_them() -> None:
    def dependency(uri: str, **annotations: str) -> dict[str, Any]:
        return {"uri": uri, "digest": {"sha256": "0" * 64}, "annotations": annotations}

    listed = [
        dependency("ironhull:release/debian/trixie", codename="trixie"),
        dependency("pkg:deb/debian/bash@5", repository="debian", suite="trixie"),
        dependency("pkg:deb/debian/curl@8", repository="debian"),
        dependency("ironhull:source/app.yaml", repository="debian", suite="trixie"),
    ]
    said = provenance_facts(
        json.dumps({"buildDefinition": {"resolvedDependencies": listed}}).encode()
    )
    assert [each.archive for each in said.packages] == [said.archives[0].uri, ""]
    assert [each.archive for each in said.sources] == [""]


def test_a_tag_that_came_back_on_the_same_day_has_a_line_for_each_time() -> None:
    a, b = digest("a"), digest("b")
    moves = [
        Moved("1", a, "2026-11-28T12:00:00Z"),
        Moved("1", b, "2026-11-28T11:00:00Z"),
        Moved("1", a, "2026-11-28T10:00:00Z"),
        Moved("1.0", a, "2026-11-28T10:00:00Z"),
    ]
    day = "2026-11-28"
    assert _moved_together(moves) == [(day, a, ["1"]), (day, b, ["1"]), (day, a, ["1", "1.0"])]
