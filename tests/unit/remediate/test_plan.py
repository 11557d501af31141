"""Which packages can be upgraded, by the database and the archive alone."""

from __future__ import annotations

import pytest
from tests.fakes.archive import fake_archive

from ironhull.remediate.database import read_status, without_clashes
from ironhull.remediate.model import Installed, Plan
from ironhull.remediate.plan import make_plan, sources_with_newer


def installed(text: str) -> dict[str, Installed]:
    """`name version [source=…]`, fields below it as `Field: value`."""
    stanzas: list[list[str]] = []
    for line in text.strip().splitlines():
        line = line.strip()
        if ": " in line:
            stanzas[-1].append(line)
            continue
        name, version, *rest = line.split()
        options = dict(word.split("=", 1) for word in rest)
        stanzas.append(
            [
                f"Package: {name}",
                f"Status: {options.get('status', 'install')} ok installed",
                f"Architecture: {options.get('arch', 'amd64')}",
                f"Version: {version}",
            ]
        )
        if "source" in options:
            stanzas[-1].append(f"Source: {options['source']}")
    return without_clashes(read_status("\n\n".join("\n".join(s) for s in stanzas), "status"))


def planned(image: str, archive: str, *wanted: str, **banned: str) -> Plan:
    offered = fake_archive(archive)
    return make_plan(installed(image), wanted, offered.versions, banned)


def names(plan: Plan) -> list[str]:
    return [f"{each.deb.name} {each.deb.version}" for each in plan.upgrades]


def test_all_binary_packages_of_a_source_go_together() -> None:
    image = """
        libx1 1.0-1 source=x
        x-tools 1.0-1 source=x
        other 1.0-1
    """
    archive = """
        libx1 1.0-1+deb13u1 source=x
        x-tools 1.0-1+deb13u1 source=x
        x-extra 1.0-1+deb13u1 source=x
        other 2
    """
    plan = planned(image, archive, "x")
    assert names(plan) == ["libx1 1.0-1+deb13u1", "x-tools 1.0-1+deb13u1"]
    assert plan.refused == ()


def test_the_highest_version_of_all_suites_is_taken() -> None:
    plan = planned("a 1", "a 2\na 3\na 1", "a")
    assert names(plan) == ["a 3"]


def test_what_is_not_newer_is_refused_and_said() -> None:
    [refused] = planned("a 2", "a 1", "a").refused
    assert refused.reason == "the archive has no newer version"
    assert refused.packages == ("a",)


def test_a_package_that_is_held_stays() -> None:
    [refused] = planned("a 1 status=hold", "a 2", "a").refused
    assert "'hold ok installed'" in refused.reason


def test_another_architecture_of_the_archive_is_not_taken() -> None:
    assert planned("a 1 arch=i386", "a 2", "a").upgrades == ()


def test_what_a_new_version_needs_is_upgraded_with_it() -> None:
    plan = planned("a 1\nb 1", "a 2\n  Depends: b (>= 2)\nb 2", "a")
    assert names(plan) == ["a 2", "b 2"]


def test_what_it_needs_and_the_archive_lacks_refuses_it() -> None:
    plan = planned("a 1\nb 1", "a 2\n  Depends: b (>= 3)\nb 2", "a")
    assert plan.upgrades == ()
    assert "a 2 depends b (>= 3), which the image does not have" in plan.refused[0].reason


def test_a_new_package_is_never_added() -> None:
    plan = planned("a 1", "a 2\n  Depends: fresh\nfresh 1", "a")
    assert "a 2 depends fresh" in plan.refused[0].reason


def test_what_leans_on_the_old_version_is_upgraded_too() -> None:
    image = "a 1\nb 1\n  Depends: a (= 1)"
    plan = planned(image, "a 2\nb 2\n  Depends: a (= 2)", "a")
    assert names(plan) == ["a 2", "b 2"]
    [refused] = planned(image, "a 2", "a").refused
    assert "b 1 depends a (= 1)" in refused.reason


def test_a_package_that_it_breaks_is_upgraded_or_stops_it() -> None:
    image = "a 1\nb 1"
    plan = planned(image, "a 2\n  Breaks: b (<< 2)\nb 2", "a")
    assert names(plan) == ["a 2", "b 2"]
    [refused] = planned(image, "a 2\n  Breaks: b (<< 2)", "a").refused
    assert "(b is installed)" in refused.reason


def test_what_was_broken_before_stops_nothing() -> None:
    image = "a 1\nb 1\n  Depends: nowhere"
    assert names(planned(image, "a 2", "a")) == ["a 2"]


def test_a_virtual_package_satisfies() -> None:
    image = "a 1\nmta 1\n  Provides: mail-transport-agent"
    assert names(planned(image, "a 2\n  Depends: exim | mail-transport-agent", "a")) == ["a 2"]


def test_one_that_cannot_be_does_not_stop_the_others() -> None:
    plan = planned("a 1\nb 1", "a 2\n  Depends: fresh\nb 2", "a", "b")
    assert names(plan) == ["b 2"]
    assert [each.source for each in plan.refused] == ["a"]


def test_a_banned_source_stays_and_so_does_what_needs_it() -> None:
    plan = planned("a 1\nb 1", "a 2\n  Depends: b (>= 2)\nb 2", "a", "b", b="its script")
    assert plan.upgrades == ()
    assert {each.source: each.reason for each in plan.refused}["b"] == "its script"


def test_sources_with_anything_newer_are_known() -> None:
    offered = fake_archive("a 2\nb 1\nc-tools 3 source=c")
    image = installed("a 1\nb 1\nc-tools 1 source=c\nd 1")
    assert sources_with_newer(image, offered.versions) == {"a", "c"}


@pytest.mark.parametrize("count", [200])
def test_many_sources_take_linear_time(count: int) -> None:
    image = "\n".join(f"p{n} 1" for n in range(count))
    archive = "\n".join(f"p{n} 2" for n in range(count))
    assert len(planned(image, archive, *(f"p{n}" for n in range(count))).upgrades) == count
