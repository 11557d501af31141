import pytest
from tests.fakes.archive import fake_archive, fake_definition
from tests.work import ends

from ironhull.errors import ResolveError
from ironhull.lock.model import LockedPlatform, ReasonKind
from ironhull.lock.resolve import resolve
from ironhull.oci.platform import Platform

AMD64 = Platform.parse("linux/amd64")


def solved(text: str, *requests: str) -> LockedPlatform:
    return resolve(fake_definition(*requests), AMD64, fake_archive(text))


def chosen(text: str, *requests: str) -> list[str]:
    return [f"{package.name} {package.version}" for package in solved(text, *requests).packages]


def error(text: str, *requests: str) -> ResolveError:
    with pytest.raises(ResolveError) as caught:
        solved(text, *requests)
    return caught.value


NODE = """
nodejs 20.19
  Depends: libnode115 (= 20.19), ca-certificates
libnode115 20.19
  Pre-Depends: libc6
  Depends: libuv1 (>= 1.4)
  Recommends: tzdata
libuv1 1.50
libc6 2.41
ca-certificates 1 arch=all
  Recommends: openssl-docs
openssl-docs 1
tzdata 2025b
other 1
"""


def test_the_closure_of_depends_and_pre_depends_is_taken_and_nothing_else() -> None:
    assert chosen(NODE, "nodejs") == [
        "ca-certificates 1",
        "libc6 2.41",
        "libnode115 20.19",
        "libuv1 1.50",
        "nodejs 20.19",
    ]


def test_a_locked_package_says_everything_about_the_file() -> None:
    package = solved("libx 1:2 source=x source-version=3 suite=trixie-security", "libx").packages[0]
    assert (package.source, package.source_version) == ("x", "3")
    assert (package.suite, package.repository, package.component) == (
        "trixie-security",
        "debian",
        "main",
    )
    assert package.architecture == "amd64"
    assert package.path.endswith("libx_1%3a2_amd64.deb")


def test_every_reason_is_recorded() -> None:
    packages = {package.name: package for package in solved(NODE, "nodejs", "libuv1").packages}
    assert [(r.kind, r.by, r.relation) for r in packages["libuv1"].reasons] == [
        (ReasonKind.REQUESTED, "20.yaml:11", "libuv1"),
        (ReasonKind.DEPENDS, "libnode115", "libuv1 (>= 1.4)"),
    ]
    assert packages["libc6"].reasons[0].kind is ReasonKind.PRE_DEPENDS
    assert all(reason.choice == "" for p in packages.values() for reason in p.reasons)


def test_recommends_are_taken_only_of_packages_that_ask_for_them() -> None:
    assert "openssl-docs 1" in chosen(NODE, "nodejs", "ca-certificates+recommends")
    assert "tzdata 2025b" not in chosen(NODE, "nodejs", "ca-certificates+recommends")
    packages = solved(NODE, "ca-certificates+recommends").packages
    assert packages[1].reasons[0].kind is ReasonKind.RECOMMENDS


def test_a_recommendation_that_cannot_be_met_is_left_out() -> None:
    text = """
    app 1
      Recommends: gone, broken, hostile, good
    broken 1
      Depends: gone
    hostile 1
      Conflicts: app
    good 1
    """
    assert chosen(text, "app+recommends") == ["app 1", "good 1"]


def test_the_highest_version_of_all_suites_is_the_candidate() -> None:
    text = """
    openssl 3.5.1-1
    openssl 3.5.1-1+deb13u1 suite=trixie-security
    openssl 3.5.1-1~bpo1 suite=trixie-updates
    """
    assert chosen(text, "openssl") == ["openssl 3.5.1-1+deb13u1"]


def test_of_equal_versions_the_earlier_suite_is_named() -> None:
    text = """
    tool 1 suite=trixie-security
    tool 1
    """
    assert solved(text, "tool").packages[0].suite == "trixie"


VERSIONS = """
curl 8.14.1-2
curl 8.14.1-2+deb13u1 suite=trixie-security
curl 8.13.0-1 suite=trixie-updates
"""


def test_a_pin_is_obeyed() -> None:
    assert chosen(VERSIONS, "curl=8.14.1-2") == ["curl 8.14.1-2"]


def test_a_pin_may_be_the_beginning_of_a_version() -> None:
    assert chosen(VERSIONS, "curl=8.14*") == ["curl 8.14.1-2+deb13u1"]
    assert chosen(VERSIONS, "curl=8.13*") == ["curl 8.13.0-1"]


def test_a_pin_that_the_archive_has_not_is_said_with_what_it_has() -> None:
    message = str(error(VERSIONS, "curl=9*"))
    assert message.startswith("images/node/debian-13/20.yaml:10:5: curl=9* is not in the archive")
    assert "trixie-security has curl 8.14.1-2+deb13u1" in message


def test_a_pin_holds_for_dependencies_too() -> None:
    text = """
    app 1
      Depends: lib
    lib 2
    lib 1 suite=trixie-updates
    """
    assert chosen(text, "lib=1", "app") == ["app 1", "lib 1"]


AWK = """
base 1
  Depends: awk
mawk 1 priority=required
  Provides: awk
gawk 2
  Provides: awk
busy-awk 3
  Provides: awk
"""


def test_among_providers_priority_then_name_decides() -> None:
    assert chosen(AWK, "base") == ["base 1", "mawk 1"]
    assert chosen(AWK.replace(" priority=required", ""), "base") == ["base 1", "busy-awk 3"]


def test_a_provider_that_is_asked_for_is_preferred() -> None:
    assert chosen(AWK, "base", "gawk") == ["base 1", "gawk 2"]


def test_the_choice_among_providers_is_explained() -> None:
    (_, mawk) = solved(AWK, "base").packages
    assert "provides awk" in mawk.reasons[0].choice
    assert "before busy-awk, gawk (priority required" in mawk.reasons[0].choice
    (_, gawk) = solved(AWK, "base", "gawk").packages
    assert "is in already, so no mawk" in gawk.reasons[1].choice


def test_a_real_package_comes_before_a_provider() -> None:
    text = """
    app 1
      Depends: tool
    a-tool 1 priority=required
      Provides: tool
    tool 1
    """
    assert chosen(text, "app") == ["app 1", "tool 1"]


def test_the_first_alternative_is_taken() -> None:
    text = """
    app 1
      Depends: left | right
    left 1
    right 1
    """
    assert chosen(text, "app") == ["app 1", "left 1"]
    assert solved(text, "app").packages[1].reasons[0].choice == "first choice, before right"


def test_an_alternative_that_is_needed_anyway_decides_whatever_the_order() -> None:
    text = """
    app 1
      Depends: left | right, zlast
    left 1
    right 1
    zlast 1
      Depends: zz
    zz 1
      Depends: right
    """
    assert chosen(text, "app") == ["app 1", "right 1", "zlast 1", "zz 1"]
    right = solved(text, "app").packages[1]
    assert "is in already, so no left" in right.reasons[0].choice


def test_an_alternative_that_is_not_in_the_archive_is_passed_over_and_said() -> None:
    text = """
    app 1
      Depends: gone | old (>= 2) | right
    old 1
    right 1
    """
    assert chosen(text, "app") == ["app 1", "right 1"]
    choice = solved(text, "app").packages[1].reasons[0].choice
    assert choice == "not in the archive: gone, old (>= 2)"


def test_an_alternative_whose_own_needs_cannot_be_met_is_given_up() -> None:
    text = """
    app 1
      Depends: left | right
    left 1
      Depends: deep
    deep 1
      Depends: gone
    right 1
    """
    assert chosen(text, "app") == ["app 1", "right 1"]
    choice = solved(text, "app").packages[1].reasons[0].choice
    assert choice == "not left 1: gone of deep cannot be met with it"


def test_an_alternative_that_conflicts_is_given_up() -> None:
    text = """
    app 1
      Depends: left | right
    left 1
    right 1
    strict 1
      Conflicts: left
    """
    assert chosen(text, "app", "strict") == ["app 1", "right 1", "strict 1"]
    (_, right, _) = solved(text, "app", "strict").packages
    assert right.reasons[0].choice == "not left 1: strict has 'Conflicts: left'"


def test_a_choice_is_revised_when_a_later_one_makes_it_impossible() -> None:
    text = """
    app 1
      Depends: a1 | a2, b1 | b2
    a1 1
      Conflicts: b1, b2
    a2 1
    b1 1
    b2 1
    """
    assert chosen(text, "app") == ["a2 1", "app 1", "b1 1"]


def test_what_was_learnt_blames_the_choices_that_it_was_learnt_with() -> None:
    # x1 and y1 together fail; y2 fails alone; so it is x1 that has to go, not the whole request.
    text = """
    app 1
      Depends: x1 | x2, y1 | y2
    x1 1
    x2 1
    y1 1
      Depends: z1
    y2 1
      Depends: gone
    z1 1
      Conflicts: x1
    """
    assert chosen(text, "app") == ["app 1", "x2 1", "y1 1", "z1 1"]


def test_an_older_version_is_taken_if_only_it_fits_and_that_is_said() -> None:
    text = """
    app 1
      Depends: lib, plugin
    plugin 1
      Depends: lib (= 1)
    lib 1
    lib 2 suite=trixie-updates
    """
    assert chosen(text, "app") == ["app 1", "lib 1", "plugin 1"]
    lib = solved(text, "app").packages[1]
    assert any("not lib 2" in reason.choice for reason in lib.reasons)


def test_versioned_provides_satisfy_versioned_relations_and_others_do_not() -> None:
    text = """
    app 1
      Depends: api (>= 2)
    plain 9
      Provides: api
    old 9
      Provides: api (= 1)
    new 1
      Provides: api (= 2.1)
    """
    assert chosen(text, "app") == ["app 1", "new 1"]


def test_breaks_apply_to_the_versions_that_they_name() -> None:
    text = """
    app 1
      Depends: lib
    lib 1
    lib 2 suite=trixie-updates
    strict 1
      Breaks: lib (>= 2)
    """
    assert chosen(text, "app", "strict") == ["app 1", "lib 1", "strict 1"]


def test_a_package_may_conflict_with_what_it_provides_itself() -> None:
    text = """
    mta-one 1
      Provides: mta
      Conflicts: mta
    app 1
      Depends: mta
    """
    assert chosen(text, "app", "mta-one") == ["app 1", "mta-one 1"]


def test_cycles_are_fine() -> None:
    text = """
    one 1
      Depends: two
    two 1
      Pre-Depends: three
    three 1
      Depends: one, three
    """
    assert chosen(text, "one") == ["one 1", "three 1", "two 1"]


def test_the_any_qualifier_needs_a_package_that_allows_it() -> None:
    text = """
    app 1
      Depends: python3:any
    python3 3.13 multi-arch=allowed
    """
    assert chosen(text, "app") == ["app 1", "python3 3.13"]
    message = str(error(text.replace("allowed", "foreign"), "app"))
    assert "python3 is not 'Multi-Arch: allowed', which ':any' needs" in message


def test_packages_of_another_architecture_are_not_seen() -> None:
    text = """
    tool 2 arch=arm64
    tool 1 arch=all
    """
    assert chosen(text, "tool") == ["tool 1"]


def test_an_exclusion_cuts_the_edge_and_records_it() -> None:
    result = solved(NODE, "nodejs", "!ca-certificates")
    assert "ca-certificates" not in [package.name for package in result.packages]
    (edge,) = result.broken
    assert (edge.package, edge.relation, edge.excluded) == (
        "nodejs",
        "ca-certificates",
        "ca-certificates",
    )


def test_an_exclusion_that_leaves_an_alternative_takes_the_other_and_breaks_nothing() -> None:
    text = """
    app 1
      Depends: left | right
    left 1
    right 1
    """
    result = solved(text, "app", "!left")
    assert [package.name for package in result.packages] == ["app", "right"]
    assert result.broken == ()
    assert result.packages[1].reasons[0].choice == "kept out: left"


def test_excluding_one_provider_takes_the_next_and_excluding_the_name_cuts_all() -> None:
    assert chosen(AWK, "base", "!mawk") == ["base 1", "busy-awk 3"]
    result = solved(AWK, "base", "!awk")
    assert [package.name for package in result.packages] == ["base"]
    assert result.broken[0].excluded == "awk"


def test_a_cut_edge_that_is_met_all_the_same_is_not_broken() -> None:
    result = solved(AWK, "base", "!awk", "gawk")
    assert [package.name for package in result.packages] == ["base", "gawk"]
    assert result.broken == ()


def test_what_only_an_excluded_package_needs_stays_out() -> None:
    assert "libuv1 1.50" not in chosen(NODE, "nodejs", "!libnode115")


def test_asking_for_a_virtual_package_with_one_provider_takes_it() -> None:
    text = """
    mawk 1
      Provides: awk
    """
    assert chosen(text, "awk") == ["mawk 1"]
    assert solved(text, "awk").packages[0].reasons[0].choice == "provides awk; as the only one"


def test_asking_for_a_virtual_package_with_several_providers_is_refused_with_their_names() -> None:
    message = str(error(AWK, "awk"))
    assert "20.yaml:10:5: 'awk' is provided by several packages" in message
    assert "mawk, busy-awk, gawk" in message


def test_an_unknown_package_is_said_with_its_place_and_what_was_perhaps_meant() -> None:
    message = str(error(NODE, "nodejs-24", "libuv"))
    first, second = message.splitlines()
    assert first.startswith("images/node/debian-13/20.yaml:10:5: unknown package 'nodejs-24'")
    assert "not in trixie for amd64" in first
    assert "did you mean 'nodejs' (20.19)?" in first
    assert second.startswith("images/node/debian-13/20.yaml:11:5: unknown package 'libuv'")
    assert "did you mean 'libuv1' (1.50)?" in second


def test_asking_for_and_keeping_out_the_same_package_is_refused() -> None:
    message = str(error(NODE, "nodejs", "!nodejs"))
    assert "20.yaml:10:5: 'nodejs' is asked for here and kept out at" in message
    assert "20.yaml:11:5" in message


def test_two_different_pins_of_one_package_are_refused() -> None:
    assert "pinned here to 8.13*" in str(error(VERSIONS, "curl=8.13*", "curl=8.14*"))


def test_what_is_missing_is_said_with_the_chain_that_leads_to_it() -> None:
    caught = error(NODE.replace("libuv1 (>= 1.4)", "libuv1 (>= 9)"), "nodejs")
    assert caught.chain == ("node:20", "nodejs", "libnode115", "libuv1 (>= 9)")
    assert str(caught).splitlines() == [
        "images/node/debian-13/20.yaml:10:5: nodejs cannot be installed on linux/amd64",
        "  node:20 → nodejs → libnode115 → libuv1 (>= 9)",
        "  trixie has libuv1 1.50",
        "  Ask for or pin another version, or write '!libuv1' if the image works without it",
    ]


def test_the_chain_is_that_of_the_newest_version_and_other_ways_are_named() -> None:
    text = """
    app 2 suite=trixie-updates
      Depends: new-lib (>= 2)
    app 1
      Depends: old-lib
    new-lib 1
    """
    caught = error(text, "app")
    assert caught.chain == ("node:20", "app", "new-lib (>= 2)")
    assert "another way fails too: node:20 → app → old-lib" in str(caught)


def test_a_conflict_is_told_from_both_sides() -> None:
    text = """
    one 1
      Depends: left
    two 1
      Depends: right
    left 1
    right 1
      Conflicts: left (<< 2)
    """
    caught = error(text, "one", "two")
    assert caught.chain == ("node:20", "two", "right")
    assert (
        "right 1 and left exclude each other: right has 'Conflicts: left (<< 2)', "
        "and left is in by node:20 → one → left"
    ) in str(caught)


def test_two_versions_of_one_package_are_told_from_both_sides() -> None:
    text = """
    one 1
      Depends: lib (= 1)
    two 1
      Depends: lib (= 2)
    lib 1
    lib 2
    """
    message = str(error(text, "one", "two"))
    assert "lib 2 does not go with 1, which is in by node:20 → one → lib" in message


def test_a_relation_that_cannot_be_read_is_said_with_the_package() -> None:
    message = str(error("app 1\n  Depends: not a relation", "app"))
    assert "app 1 of debian trixie has a relation that cannot be read" in message


def pigeons(count: int, holes: int) -> str:
    """Every pigeon needs a hole, and a hole takes one pigeon."""
    lines = ["all 1", "  Depends: " + ", ".join(f"pigeon{i}" for i in range(count))]
    for pigeon in range(count):
        lines += [f"pigeon{pigeon} 1"]
        lines += ["  Depends: " + " | ".join(f"p{pigeon}h{hole}" for hole in range(holes))]
        for hole in range(holes):
            lines += [f"p{pigeon}h{hole} 1", f"  Provides: hole{hole}", f"  Conflicts: hole{hole}"]
    return "\n".join(lines)


def test_a_puzzle_that_greed_cannot_solve_is_solved() -> None:
    assert len(chosen(pigeons(8, 8), "all")) == 1 + 2 * 8


def test_an_impossible_puzzle_ends() -> None:
    message = str(error(pigeons(5, 4), "all"))
    assert "all cannot be installed" in message
    assert "exclude each other" in message
    assert "the search stopped" not in message


def test_a_search_without_end_is_given_up_and_that_is_said() -> None:
    with ends(300):
        message = str(error(pigeons(9, 8), "all"))
    assert "(the search stopped after 2001 dead ends)" in message


def test_a_pin_that_nothing_else_agrees_with_is_named() -> None:
    text = (
        VERSIONS
        + """
    app 1
      Depends: curl (>= 8.14)
    """
    )
    message = str(error(text, "app", "curl=8.13*"))
    assert "node:20 → app → curl (>= 8.14)" in message
    assert "curl=8.13* is pinned at images/node/debian-13/20.yaml:11:5" in message


def test_a_version_that_providers_do_not_give_is_told_with_them() -> None:
    text = """
    app 1
      Depends: api (>= 2)
    old 9
      Provides: api (= 1)
    plain 9
      Provides: api
    """
    message = str(error(text, "app"))
    assert "old provides api (1)" in message
    assert "plain provides api (without a version)" in message


def test_what_no_suite_has_is_said_so() -> None:
    message = str(error("app 1 suite=trixie-security\n  Depends: gone", "app"))
    assert "node:20 → app → gone" in message
    assert "gone: not in trixie, trixie-security" in message
