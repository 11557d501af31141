from tests.fakes.archive import fake_archive, fake_definition

from ironhull.lock.model import LockedPlatform
from ironhull.lock.resolve import resolve
from ironhull.lock.trace import Ways, ways_to
from ironhull.oci.platform import Platform

DIAMOND = """
app 1
  Depends: left, right, long1
left 1
  Depends: lib
right 1
  Depends: lib (>= 0)
long1 1
  Depends: long2
long2 1
  Depends: lib
lib 1
  Depends: app
"""


def solved(text: str, *requests: str) -> LockedPlatform:
    return resolve(fake_definition(*requests), Platform.parse("linux/amd64"), fake_archive(text))


def names(found: Ways) -> list[list[str]]:
    return [[step.package.name for step in way] for way in found.ways]


def test_all_shortest_ways_are_found_and_longer_ones_are_not() -> None:
    assert names(ways_to(solved(DIAMOND, "app"), "lib")) == [
        ["app", "left", "lib"],
        ["app", "right", "lib"],
    ]


def test_a_package_that_is_asked_for_is_its_own_shortest_way() -> None:
    found = ways_to(solved(DIAMOND, "app", "lib"), "lib")
    assert names(found) == [["lib"]]
    assert found.ways[0][0].reason.by == "20.yaml:11"


def test_a_package_that_is_not_in_has_no_way() -> None:
    assert ways_to(solved(DIAMOND, "app"), "gone") == Ways((), False)


def test_there_is_a_limit_to_the_ways_and_it_is_said() -> None:
    layers = 12
    lines = ["l0a 1", "  Depends: l1a, l1b"]
    for layer in range(1, layers):
        for side in "ab":
            lines += [f"l{layer}{side} 1", f"  Depends: l{layer + 1}a, l{layer + 1}b"]
    lines += [f"l{layers}a 1", f"l{layers}b 1"]
    found = ways_to(solved("\n".join(lines), "l0a"), f"l{layers}a")
    assert found.more
    assert len(found.ways) == 50
    assert len(set(names(found)[0])) == layers + 1
