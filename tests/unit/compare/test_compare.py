"""What is compared: packages by their order, findings, layers, figures; and the mirror."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.sides import (
    CLEARED,
    NOW,
    deb,
    found,
    hardened,
    layer,
    npm,
    scanned,
    side,
    standard,
)

from ironhull.compare.compare import MAX_SIDES, compare
from ironhull.compare.figures import FIGURES
from ironhull.compare.model import FindingChanges, LayerChanges, MeasuredImage, Unknown
from ironhull.compare.packages import compare_packages
from ironhull.compare.policy import failures, parse_terms
from ironhull.errors import InputError
from ironhull.inventory.model import Exposure, Package, Surface
from ironhull.scan.model import DatabaseInfo, Unmatched

# -- packages -----------------------------------------------------------------------------------


def test_versions_go_up_and_down_by_debians_order() -> None:
    old = [deb("a", "1:1.0-1"), deb("b", "1.10"), deb("c", "1.0"), deb("d", "1")]
    new = [deb("a", "9.0-1"), deb("b", "1.9"), deb("c", "1.0~rc1"), deb("e", "1")]
    changes = compare_packages(old, new)
    assert {change.package.name: change.direction for change in changes.versions} == {
        "a": "downgraded",
        "b": "downgraded",
        "c": "downgraded",
    }
    assert [each.name for each in changes.added] == ["e"]
    assert [each.name for each in changes.removed] == ["d"]


@pytest.mark.parametrize(
    ("kind", "old", "new", "expected"),
    [
        ("npm", "1.9.0", "1.10.0", "upgraded"),
        ("npm", "2.0.0", "2.0.0-rc.1", "downgraded"),
        ("pypi", "1.0rc1", "1.0", "upgraded"),
        ("apk", "1.2.3-r9", "1.2.3-r10", "upgraded"),
        ("golang", "v1.9.0", "v1.10.0", "upgraded"),
        ("npm", "what", "1.0.0", "changed"),
        ("binary", "1", "2", "changed"),
    ],
)
def test_each_ecosystem_has_its_own_order(kind: str, old: str, new: str, expected: str) -> None:
    one = Package("p", old, kind, "/x")  # type: ignore[arg-type]
    [change] = compare_packages([one], [replace(one, version=new)]).versions
    assert change.direction == expected


def test_a_package_that_is_there_several_times_is_paired_from_the_lowest_version() -> None:
    old = [npm("x", "1.0.0", "/a"), npm("x", "10.0.0", "/b"), npm("x", "2.0.0", "/c")]
    new = [npm("x", "10.0.0", "/z"), npm("x", "3.0.0", "/y")]
    changes = compare_packages(old, new)
    assert changes.same == 1
    assert [(each.before, each.after) for each in changes.versions] == [("1.0.0", "3.0.0")]
    assert [each.version for each in changes.removed] == ["2.0.0"]


def test_a_package_of_another_type_is_another_package() -> None:
    changes = compare_packages([deb("six", "1.16")], [Package("six", "1.16", "pypi", "/x")])
    assert (len(changes.added), len(changes.removed)) == (1, 1)


# -- properties ---------------------------------------------------------------------------------

PACKAGES = st.lists(
    st.builds(
        lambda kind, name, version, place: Package(name, version, kind, f"/{place}"),
        st.sampled_from(["deb", "npm", "pypi", "apk", "binary"]),
        st.sampled_from("abc"),
        st.sampled_from(["1", "1.0", "2.0", "10.0", "1.0-rc1", "2~x", "odd!"]),
        st.integers(0, 3),
    ),
    max_size=12,
)
FINDINGS = st.lists(
    st.builds(
        found,
        st.sampled_from(["CVE-1", "CVE-2"]),
        st.sampled_from("ab"),
        st.sampled_from(["critical", "low", "unknown"]),
        vex=st.sampled_from([None, CLEARED]),
    ),
    max_size=6,
)
PATHS = st.lists(st.sampled_from(["/a", "/b", "/c"]).map(Exposure), max_size=3, unique=True)
SIDES = st.builds(
    lambda packages, findings, shells, numbers, user: side(
        "any:1",
        packages,
        scanned(*findings),
        surface=Surface(shells=tuple(shells), size=len(packages), files=len(findings)),
        layers=[layer(number, number * 10 + 1) for number in numbers],
        user=user,
    ),
    PACKAGES,
    FINDINGS,
    PATHS,
    st.lists(st.integers(0, 4), max_size=4, unique=True),
    st.sampled_from(["", "0", "app", "1000", "root:root"]),
)


@given(SIDES)
@settings(deadline=None, max_examples=80)
def test_an_image_compared_with_itself_has_no_changes(one: MeasuredImage) -> None:
    [pair] = compare([one, one], NOW).pairs
    assert pair.packages.empty
    assert pair.config == ()
    assert all(not change.added and not change.removed for change in (*pair.surface, *pair.lists))
    assert {change.verdict for change in pair.figures} <= {"same", "unknown"}
    assert all(change.difference == 0 or change.verdict == "unknown" for change in pair.figures)
    assert isinstance(pair.findings, FindingChanges)
    assert (pair.findings.gone, pair.findings.new) == ((), ())
    if isinstance(pair.layers, LayerChanges):
        assert pair.layers.pull == 0


@given(SIDES, SIDES)
@settings(deadline=None, max_examples=120)
def test_the_comparison_backwards_is_the_mirror(one: MeasuredImage, two: MeasuredImage) -> None:
    [there] = compare([one, two], NOW).pairs
    [back] = compare([two, one], NOW).pairs
    assert [(each.name, each.version) for each in there.packages.added] == [
        (each.name, each.version) for each in back.packages.removed
    ]
    assert [(each.name, each.version) for each in there.packages.removed] == [
        (each.name, each.version) for each in back.packages.added
    ]
    mirrored = {"upgraded": "downgraded", "downgraded": "upgraded", "changed": "changed"}
    assert [(each.before, each.after, each.direction) for each in there.packages.versions] == [
        (each.after, each.before, mirrored[each.direction]) for each in back.packages.versions
    ]
    verdicts = {"better": "worse", "worse": "better"}
    for here, other in zip(there.figures, back.figures, strict=True):
        assert (here.baseline, here.image) == (other.image, other.baseline)
        assert verdicts.get(here.verdict, here.verdict) == other.verdict
        if isinstance(here.difference, int):
            assert here.difference == -int(str(other.difference))
    assert isinstance(there.findings, FindingChanges)
    assert isinstance(back.findings, FindingChanges)
    assert there.findings.gone == back.findings.new
    assert there.findings.same == back.findings.same
    for left, right in zip(there.surface, back.surface, strict=True):
        assert (left.added, left.removed) == (right.removed, right.added)
    if isinstance(there.layers, LayerChanges):
        assert isinstance(back.layers, LayerChanges)
        assert there.layers.pull == back.layers.pull_back


@given(SIDES, SIDES)
@settings(deadline=None, max_examples=60)
def test_counts_of_packages_add_up(one: MeasuredImage, two: MeasuredImage) -> None:
    [pair] = compare([one, two], NOW).pairs
    changes = pair.packages
    kept = changes.same + len(changes.versions)
    assert kept + len(changes.removed) == len(one.inventory.packages)
    assert kept + len(changes.added) == len(two.inventory.packages)


# -- figures and unknowns -----------------------------------------------------------------------


def values(*sides: MeasuredImage) -> dict[str, object]:
    return {change.figure: change.image for change in compare(sides, NOW).pairs[0].figures}


def test_every_figure_of_an_image() -> None:
    given_values = values(hardened(), standard())
    assert given_values["packages.total"] == 4
    assert given_values["packages.os"] == 3
    assert given_values["packages.language"] == 1
    assert given_values["vulnerabilities.raw"] == 3
    assert given_values["vulnerabilities.after_vex"] == 2
    assert given_values["vulnerabilities.ids"] == 2
    assert given_values["vulnerabilities.critical"] == 1
    assert given_values["vulnerabilities.raw_unknown"] == 1
    assert given_values["vulnerabilities.unknown"] == 0
    assert given_values["vulnerabilities.kev"] == 1
    assert given_values["vulnerabilities.fixable"] == 2
    assert given_values["size.compressed"] == 6000
    assert given_values["size.uncompressed"] == 18000
    assert given_values["surface.shells"] == 2
    assert given_values["surface.setuid"] == 1
    assert given_values["posture.root"] == 1
    assert given_values["posture.age"] == 3
    assert given_values["posture.licences"] == 1
    assert given_values["attached.sbom"] == 0


def test_identifiers_of_figures_are_different_and_titles_too() -> None:
    assert len({figure.id for figure in FIGURES}) == len(FIGURES)
    assert len({figure.title for figure in FIGURES}) == len(FIGURES)


def test_an_unknown_release_is_unknown_and_never_zero() -> None:
    unknown = side(scan=scanned(verdict="unknown"))
    comparison = compare([standard(), unknown], NOW)
    [pair] = comparison.pairs
    assert isinstance(pair.findings, Unknown)
    change = pair.figure("vulnerabilities.after_vex")
    assert isinstance(change.image, Unknown)
    assert (change.verdict, isinstance(change.percent, Unknown)) == ("unknown", True)
    assert pair.figure("packages.total").verdict == "better"


def test_layers_of_archives_have_no_compressed_size() -> None:
    plain = replace(layer(1), media_type="application/vnd.docker.image.rootfs.diff.tar")
    [pair] = compare([standard(), side(layers=[plain])], NOW).pairs
    assert isinstance(pair.figure("size.compressed").image, Unknown)
    assert isinstance(pair.layers, LayerChanges)
    assert isinstance(pair.layers.pull, Unknown)
    assert pair.figure("size.uncompressed").image == 300


def test_a_folder_has_no_layers_user_or_size_to_pull() -> None:
    [pair] = compare([standard(), side(layers=[])], NOW).pairs
    for name in ("size.compressed", "size.layers", "posture.root", "surface.user_writable"):
        assert pair.figure(name).verdict == "unknown"
    assert isinstance(pair.layers, Unknown)


def test_what_a_node_pulls_leaves_out_the_layers_that_it_has() -> None:
    [pair] = compare([standard(), hardened()], NOW).pairs
    assert isinstance(pair.layers, LayerChanges)
    assert (pair.layers.shared, pair.layers.pull, pair.layers.pull_back) == (1, 500, 5000)


def test_a_percentage_of_nothing_is_unknown() -> None:
    [pair] = compare([hardened(), standard()], NOW).pairs
    change = pair.figure("surface.shells")
    assert (change.difference, isinstance(change.percent, Unknown)) == (2, True)


@pytest.mark.parametrize(
    ("created", "known"),
    [("1970-01-01T00:00:00Z", False), ("", False), ("yesterday", False), ("2026-11-20", True)],
)
def test_the_age_is_unknown_without_a_real_date(created: str, known: bool) -> None:
    one = side()
    config = replace(one.inventory.config, created=created)
    other = replace(one, inventory=replace(one.inventory, config=config))
    assert isinstance(values(one, other)["posture.age"], int) is known


@pytest.mark.parametrize("user", ["", "0", "root", "0:1000", "root:app", "toor"])
def test_root_is_root_by_any_name(user: str) -> None:
    one = side(user=user)
    users = (*one.inventory.users, replace(one.inventory.users[0], name="toor"))
    other = replace(one, inventory=replace(one.inventory, users=users))
    assert values(one, other)["posture.root"] == 1


def test_a_comparison_needs_two_sides_and_has_a_limit() -> None:
    for sides in ([standard()], [standard()] * (MAX_SIDES + 1)):
        with pytest.raises(InputError, match="2 to 20 images"):
            compare(sides, NOW)


def test_several_images_have_one_baseline() -> None:
    comparison = compare([standard(), hardened(), standard()], NOW)
    assert [pair.image for pair in comparison.pairs] == [1, 2]
    assert comparison.pairs[1].packages.empty


# -- policy -------------------------------------------------------------------------------------


def why(terms: str, *sides: MeasuredImage) -> str:
    return "\n".join(failures(compare(sides, NOW), parse_terms([terms])))


def test_a_better_image_does_not_fail() -> None:
    assert why("worse", standard(), hardened()) == ""


def test_a_worse_image_fails_and_says_by_what() -> None:
    text = why("worse", hardened(), standard())
    assert "node:20-standard: 4 packages, the baseline has 3" in text
    assert "findings of severity critical after VEX" in text
    assert "1 runs as root" in text
    assert "shells" in text


@pytest.mark.parametrize(
    "term", ["packages", "vulnerabilities", "kev", "fixable", "size", "surface", "root"]
)
def test_each_term_fails_for_its_own_figures(term: str) -> None:
    assert why(term, hardened(), standard())
    assert why(term, standard(), standard()) == ""


def test_worse_fails_where_nobody_can_say_that_it_is_not() -> None:
    unknown = side(scan=Unknown("no database"))
    assert "unknown" in why("worse", standard(), unknown)
    assert "unknown" in why("unknown", standard(), unknown)
    assert why("size", standard(), unknown) == ""


def test_traces_of_the_build_fail_only_where_they_were_looked_for() -> None:
    assert "1 trace of the build" in why("leak", standard(), hardened())
    assert "--dev-leak" in why("leak", standard(), standard())


def test_an_unknown_term_names_those_that_there_are() -> None:
    with pytest.raises(InputError, match="there are: worse, packages"):
        parse_terms(["worse,better"])


def test_what_is_exploited_is_unknown_without_a_feed_that_says_it() -> None:
    info = DatabaseInfo("2026-11-20T00:00:00Z", (("osv-debian", "2026-11-20T00:00:00Z", 7),))
    sides = [
        replace(each, scan=replace(scanned(), database=info)) for each in (standard(), hardened())
    ]
    change = compare(sides, NOW).pairs[0].figure("vulnerabilities.kev")
    assert isinstance(change.image, Unknown)
    assert "no feed kev" in change.image.reason
    assert failures(compare(sides, NOW), ("kev",)) != []


def test_a_gate_on_partial_or_stale_data_is_not_known_and_can_be_told_to_pass() -> None:
    lost = Unmatched("left-pad", "1.0.0", "npm", "/app", "no npm advisories")
    date = "2026-01-01T00:00:00Z"
    old = DatabaseInfo(date, (("kev", date, 1),), old=("kev",))
    partial = side("a:1", scan=scanned(unmatched=(lost,)))
    stale = side("b:1", scan=replace(scanned(), database=old))
    text = why("vulnerabilities", standard(), partial)
    assert "1 package of a:1 could not be matched (--accept-unknown unmatched)" in text
    assert "feed kev is of 2026-01-01, too old" in why("kev", standard(), stale)
    assert why("size", standard(), partial) == ""
    sides = [standard(), partial]
    assert failures(compare(sides, NOW), ("vulnerabilities",), ("unmatched",)) == []
    assert failures(compare([stale, stale], NOW), ("kev",), ("kev",)) == []
