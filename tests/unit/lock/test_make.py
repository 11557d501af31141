from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.archive import fake_archive, fake_definition, release

from ironhull.definition.model import ImageDefinition, Place, RepositoryRequest
from ironhull.errors import InputError, LockError, NetworkError, ResolveError
from ironhull.lock.make import lock_definition, make_lock
from ironhull.lock.model import Lock
from ironhull.lock.request import check_lock, request_digest
from ironhull.lock.unsolvable import misspelt_exclusions
from ironhull.oci.platform import Platform

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
BOTH = ("linux/amd64", "linux/arm64")
NODE = """
nodejs 20.19.2+dfsg-1
  Depends: libnode115
libnode115 20.19.2+dfsg-1 suite=trixie-security
curl 8
mawk 1
  Provides: awk
"""
TRACK = ("nodejs", r"^([0-9]+\.[0-9]+)", "NODE_VERSION")


def locked(*requests: str, **more: object) -> tuple[ImageDefinition, Lock]:
    definition = fake_definition(*requests, platforms=BOTH, **more)  # type: ignore[arg-type]
    archives = {p: fake_archive(NODE, p.debian) for p in definition.platforms}
    return definition, make_lock(definition, archives)


def test_a_lock_holds_every_platform_with_its_own_files() -> None:
    _, lock = locked("nodejs")
    assert list(lock.platforms) == ["linux/amd64", "linux/arm64"]
    amd64, arm64 = (platform.packages[0] for platform in lock.platforms.values())
    assert (amd64.architecture, arm64.architecture) == ("amd64", "arm64")
    assert amd64.sha256 != arm64.sha256


def test_it_is_as_old_as_the_newest_release_file() -> None:
    definition = fake_definition("curl")
    archive = replace(
        fake_archive(NODE),
        releases=(
            release("trixie", "2026-09-05T10:00:00Z"),
            release("trixie-security", "2026-11-20T11:00:00Z"),
            release("trixie-updates", "2026-11-19T11:00:00Z"),
        ),
    )
    lock = make_lock(definition, {AMD64: archive})
    assert lock.created == "2026-11-20T11:00:00Z"
    assert [r.suite for r in lock.releases] == ["trixie", "trixie-security", "trixie-updates"]


def test_an_archive_without_release_files_gives_no_lock() -> None:
    with pytest.raises(LockError, match="no release files"):
        make_lock(fake_definition("curl"), {AMD64: replace(fake_archive(NODE), releases=())})


def test_release_files_that_differ_between_platforms_are_a_moving_mirror() -> None:
    definition = fake_definition("curl", platforms=BOTH)
    archives = {
        AMD64: fake_archive(NODE, "amd64"),
        ARM64: fake_archive(NODE, "arm64", date="2026-11-02T00:00:00Z"),
    }
    with pytest.raises(NetworkError, match="debian trixie changed while it was read"):
        make_lock(definition, archives)


def test_the_problems_of_all_platforms_are_said_together() -> None:
    definition = fake_definition("gone", platforms=BOTH)
    archives = {AMD64: fake_archive(NODE, "amd64"), ARM64: fake_archive(NODE, "arm64")}
    with pytest.raises(ResolveError) as caught:
        make_lock(definition, archives)
    assert "unknown package 'gone'" in str(caught.value)
    assert "for amd64 and arm64" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_problem_of_one_platform_alone_is_said_of_that_one() -> None:
    definition = fake_definition("gone", "only-there", platforms=BOTH)
    more = NODE + "only-there 1.0\n"
    archives = {AMD64: fake_archive(more, "amd64"), ARM64: fake_archive(NODE, "arm64")}
    with pytest.raises(ResolveError) as caught:
        make_lock(definition, archives)
    gone, other = str(caught.value).splitlines()
    assert "for amd64 and arm64" in gone
    assert "'only-there'" in other
    assert "for arm64" in other


def test_a_misspelt_exclusion_is_found_because_it_keeps_nothing_out() -> None:
    definition = fake_definition("nodejs", "!crul", "!awk", "!of-another-release", platforms=BOTH)
    archives = [fake_archive(NODE, "amd64"), fake_archive(NODE, "arm64")]
    assert misspelt_exclusions(definition.packages, archives) == [
        "images/node/debian-13/20.yaml:11:5: '!crul' keeps nothing out: unknown package "
        "(not in trixie, trixie-security); did you mean 'curl' (8)?"
    ]


def test_what_only_one_platform_has_may_be_kept_out_of_all() -> None:
    definition = fake_definition("curl", "!libquadmath0", platforms=BOTH)
    archives = {
        AMD64: fake_archive("curl 8\n  Depends: libquadmath0\nlibquadmath0 1"),
        ARM64: fake_archive("curl 8", "arm64"),
    }
    lock = make_lock(definition, archives)
    assert misspelt_exclusions(definition.packages, list(archives.values())) == []
    assert len(lock.platforms["linux/amd64"].broken) == 1
    assert lock.platforms["linux/arm64"].broken == ()


def test_an_archive_of_the_wrong_architecture_is_refused() -> None:
    with pytest.raises(ResolveError, match="archive of arm64 for linux/amd64"):
        make_lock(fake_definition("curl"), {AMD64: fake_archive(NODE, "arm64")})


def test_a_tracked_variable_gets_its_value_from_the_candidate() -> None:
    _, lock = locked("nodejs", tracks=[TRACK])
    assert lock.variables == {"NODE_VERSION": "20.19"}


def test_a_tracked_package_obeys_its_pin() -> None:
    text = NODE + "\nnodejs 22.1-1 suite=trixie-updates"
    definition = fake_definition("nodejs=20*", tracks=[TRACK])
    assert make_lock(definition, {AMD64: fake_archive(text)}).variables["NODE_VERSION"] == "20.19"


def test_a_tracked_package_that_is_not_there_or_does_not_fit_is_said_with_its_place() -> None:
    with pytest.raises(ResolveError, match=r"20\.yaml:3:1: 'track' follows gone"):
        locked("curl", tracks=[("gone", "(.*)", "X")])
    with pytest.raises(InputError, match=r"20\.yaml:3:1: version 8 of curl does not fit"):
        locked("curl", tracks=[("curl", "^(9)", "X")])


def test_a_variable_that_differs_between_platforms_is_refused() -> None:
    definition = fake_definition("curl", platforms=BOTH, tracks=[("curl", "(.*)", "V")])
    archives = {AMD64: fake_archive("curl 8"), ARM64: fake_archive("curl 8+b1", "arm64")}
    with pytest.raises(ResolveError, match=r"V would be 8 on linux/amd64, 8\+b1 on linux/arm64"):
        make_lock(definition, archives)


def test_the_definition_is_read_again_until_it_agrees_with_its_variables() -> None:
    seen: list[dict[str, str]] = []

    def load(variables: Mapping[str, str]) -> ImageDefinition:
        seen.append(dict(variables))
        pin = variables.get("NODE_VERSION", "20.19")
        return fake_definition(f"nodejs={pin}*", tracks=[TRACK])

    definition, lock = lock_definition(load, {AMD64: fake_archive(NODE)})
    assert seen == [{}, {"NODE_VERSION": "20.19"}]
    check_lock(lock, definition, "20.lock.json")


def test_a_variable_that_never_settles_is_refused() -> None:
    def load(variables: Mapping[str, str]) -> ImageDefinition:
        pin = {"1": "2", "2": "1"}[variables.get("V", "1")]
        return fake_definition(f"tool={pin}", tracks=[("tool", "(.*)", "V")])

    with pytest.raises(ResolveError, match="never settles"):
        lock_definition(load, {AMD64: fake_archive("tool 1\ntool 2")})


def test_the_request_is_what_is_asked_of_the_archive_and_nothing_else() -> None:
    definition = fake_definition("nodejs", "curl")
    same = replace(
        definition,
        packages=tuple(reversed(definition.packages)),
        tests=(),
        labels={"a": "b"},
        name="x",
    )
    assert request_digest(same) == request_digest(definition)


@pytest.mark.parametrize(
    "other",
    [
        fake_definition("nodejs"),
        fake_definition("nodejs", "curl=8"),
        fake_definition("nodejs", "!curl"),
        fake_definition("nodejs", "curl+recommends"),
        fake_definition("nodejs", "curl", platforms=BOTH),
        replace(fake_definition("nodejs", "curl"), codename="forky"),
        replace(fake_definition("nodejs", "curl"), distribution="debian-14"),
        replace(
            fake_definition("nodejs", "curl"),
            repositories=(
                RepositoryRequest("x", "https://x.test", "y", ("z",), (), Place("a", 1, 1)),
            ),
        ),
    ],
)
def test_every_part_of_the_request_counts(other: ImageDefinition) -> None:
    assert request_digest(other) != request_digest(fake_definition("nodejs", "curl"))


def test_a_lock_that_answers_the_definition_is_accepted() -> None:
    definition, lock = locked("nodejs", "!awk")
    check_lock(lock, definition, "20.lock.json")


def test_the_lock_of_another_definition_is_refused() -> None:
    definition, lock = locked("nodejs")
    for other in (
        replace(definition, image="python"),
        replace(definition, file=Path("images/node/debian-13/22.yaml")),
    ):
        with pytest.raises(
            LockError, match=r"x\.lock\.json: is the lock of node \(20\.yaml\), not"
        ):
            check_lock(lock, other, "x.lock.json")


def test_a_changed_request_is_refused_with_what_changed_and_the_way_out() -> None:
    _, lock = locked("nodejs", "!awk")
    changed = fake_definition("nodejs=20*", "curl", platforms=("linux/amd64", "linux/arm/v7"))
    with pytest.raises(LockError) as caught:
        check_lock(lock, changed, "20.lock.json")
    message = str(caught.value)
    assert "added curl, nodejs=20*; removed !awk, nodejs" in message
    assert "platforms added linux/arm/v7; platforms removed linux/arm64" in message
    assert "ironhull lock --update images/node/debian-13/20.yaml" in message


def test_a_change_that_names_do_not_show_is_said_as_such() -> None:
    definition, lock = locked("nodejs")
    with pytest.raises(LockError, match="its repositories or distribution changed"):
        check_lock(lock, replace(definition, codename="forky"), "20.lock.json")
