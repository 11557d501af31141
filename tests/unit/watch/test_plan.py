"""The plan: what is wanted beside what is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.archive import fake_archive, fake_definition
from tests.fakes.definition import AMD64
from tests.work import calls

from ironhull.lock.make import make_lock
from ironhull.state.watch_records import ImageState
from ironhull.watch.model import CauseKind, Fix, Update, Wanted
from ironhull.watch.plan import Observed, examined, plan
from ironhull.watch.updates import Newest

ARCHIVE = """
app 1
  Depends: lib, tool
lib 1 source=libs
lib-data 1 source=libs
tool 1
"""


def wanted(name: str = "app", *requests: str, archive: str = ARCHIVE) -> Wanted:
    definition = fake_definition(*(requests or ("app", "lib-data")), image=name)
    lock = make_lock(definition, {AMD64: fake_archive(archive)})
    return Wanted(name, Path(f"{name}.yaml"), definition, lock, f"inputs of {name}")


def current(name: str = "app", **changes: object) -> ImageState:
    base = ImageState(name, published="sha256:a", inputs=f"inputs of {name}", state="current")
    return replace(base, **changes)  # type: ignore[arg-type]


def newer(text: str, one: Wanted | None = None) -> tuple[Update, ...]:
    one = one or wanted()
    assert one.lock is not None
    return Newest({AMD64: fake_archive(text)}).updates(one.definition, one.lock)


def test_updates_are_packages_that_the_archive_has_newer() -> None:
    assert newer(ARCHIVE) == ()
    found = newer(ARCHIVE + "lib 2 source=libs suite=trixie-security\nlib 1.5 source=libs\n")
    assert [(each.package, each.before, each.after, each.suite) for each in found] == [
        ("lib", "1", "2", "trixie-security")
    ]


def test_what_is_older_or_gone_is_no_update() -> None:
    assert newer("app 0.9\nlib 0.9\n") == ()


def test_other_bytes_of_the_same_version_are_an_update() -> None:
    one = wanted()
    assert one.lock is not None
    (locked,) = one.lock.platforms.values()
    packages = tuple(replace(p, sha256="sha256:" + "0" * 64) for p in locked.packages)  # type: ignore[arg-type]
    lock = replace(one.lock, platforms={"linux/amd64": replace(locked, packages=packages)})
    found = Newest({AMD64: fake_archive(ARCHIVE)}).updates(one.definition, lock)
    assert [each.package for each in found] == ["app", "lib", "lib-data", "tool"]


def test_a_pinned_package_does_not_move() -> None:
    one = wanted("app", "app", "lib=1")
    assert newer(ARCHIVE + "lib 2 source=libs\n", one) == ()


@pytest.mark.parametrize(
    ("state", "observed", "kinds"),
    [
        (ImageState("app"), {}, [CauseKind.NEW]),
        (current(), {}, []),
        (current(inputs="other"), {}, [CauseKind.DEFINITION]),
        (current(), {"served": {"app": "sha256:b"}}, [CauseKind.REGISTRY]),
        (current(), {"served": {"app": ""}}, [CauseKind.REGISTRY]),
        (current(), {"served": {"app": "sha256:a"}}, []),
        (current(), {"found": {"app": [Fix("CVE-1")]}}, [CauseKind.ADVISORY]),
        (current(candidate="sha256:c", approved="sha256:c"), {}, [CauseKind.APPROVED]),
        (current(candidate="sha256:c", approved="sha256:d"), {}, []),
        (current(state="ended", inputs="other"), {}, []),
        (current(), {"images": {"base:1": "sha256:b"}}, []),
    ],
)
def test_why_an_image_is_in_the_plan(
    state: ImageState, observed: dict[str, object], kinds: list[CauseKind]
) -> None:
    entries = plan([wanted()], Observed({"app": state}, **observed))  # type: ignore[arg-type]
    assert [cause.kind for entry in entries for cause in entry.causes] == kinds


def test_updates_of_one_source_are_one_cause_with_what_they_end() -> None:
    updates = newer(ARCHIVE + "lib 2 source=libs\nlib-data 2 source=libs\ntool 2\n")
    fixes = {each: (Fix("CVE-1", "high"), Fix("CVE-2", "low")) for each in updates[:2]}
    observed = Observed({"app": current()}, {"app": updates}, fixes=fixes)
    (entry,) = plan([wanted()], observed)
    assert [cause.text for cause in entry.causes] == [
        "lib, lib-data 1 → 2 (trixie) fixes CVE-1, CVE-2",
        "tool 1 → 2 (trixie)",
    ]
    assert (entry.urgency, [fix.vulnerability for fix in entry.fixes]) == (
        "high", ["CVE-1", "CVE-2"],
    )  # fmt: skip


def test_updates_that_the_resolver_did_not_take_are_not_planned_again() -> None:
    one, updates = wanted(), newer(ARCHIVE + "tool 2\n")
    observed = Observed({}, {"app": updates}, {"app": "archive of today"})
    states = {"app": current(examined=examined(one, observed))}
    assert plan([one], replace(observed, states=states)) == []
    tomorrow = replace(observed, states=states, archives={"app": "archive of tomorrow"})
    assert len(plan([one], tomorrow)) == 1


def test_the_exploited_come_first_then_the_worst_then_the_oldest() -> None:
    fixes = {
        "a": [],
        "b": [Fix("CVE-1", "low")],
        "c": [Fix("CVE-2", "critical")],
        "d": [Fix("CVE-3", "low", exploited=True)],
        "e": [Fix("CVE-2", "critical")],
        "f": [Fix("CVE-4", "unknown")],
    }
    since = {"e": "2026-11-01", "c": "2026-11-02"}
    states = {name: current(name, inputs="old", behind_since=since.get(name, "")) for name in fixes}
    entries = plan([wanted(name) for name in fixes], Observed(states, found=fixes))
    assert [entry.name for entry in entries] == ["d", "e", "c", "b", "f", "a"]


def test_planning_grows_with_the_definitions_and_no_faster() -> None:
    one = wanted()
    text = ARCHIVE + "lib 2 source=libs\n"

    def work(number: int) -> int:
        names = [f"image{index}" for index in range(number)]
        catalog = [replace(one, name=name) for name in names]
        states = {name: current(name, inputs=one.inputs) for name in names}

        def planned() -> None:
            newest = Newest({AMD64: fake_archive(text)})
            assert one.lock is not None
            updates = {each.name: newest.updates(each.definition, one.lock) for each in catalog}
            assert len(plan(catalog, Observed(states, updates))) == number

        return calls(planned)

    few, many = work(200), work(2_000)
    assert many < 11 * few


@pytest.mark.parametrize(
    ("suite", "fixes", "until", "planned"),
    [
        ("trixie", (), "2026-12-01T00:00:00.000Z", False),
        ("trixie", (), "", True),
        ("trixie", (Fix("CVE-2026-1", "low"),), "2026-12-01T00:00:00.000Z", True),
        ("trixie", None, "2026-12-01T00:00:00.000Z", True),
        ("trixie-security", (), "2026-12-01T00:00:00.000Z", True),
    ],
    ids=["young", "old", "a fix", "nobody can say", "of a security suite"],
)
def test_a_young_package_waits_and_what_may_be_a_security_fix_never_does(
    suite: str, fixes: tuple[Fix, ...] | None, until: str, *, planned: bool
) -> None:
    (update,) = newer(f"{ARCHIVE}tool 2 suite={suite}\n")
    observed = Observed(
        {"app": current()},
        {"app": (update,)},
        fixes={} if fixes is None else {update: fixes},
        cooling={update: until} if until else {},
    )
    assert bool(plan([wanted()], observed)) is planned


def test_a_fix_takes_the_young_packages_with_it_and_a_changed_definition_too() -> None:
    young, fix = newer(ARCHIVE + "lib 2 source=libs suite=trixie-security\ntool 2\n")[::-1]
    cooling = dict.fromkeys((young, fix), "2026-12-01T00:00:00.000Z")
    seen = Observed({"app": current()}, {"app": (young, fix)}, fixes={young: ()}, cooling=cooling)
    (entry,) = plan([wanted()], seen)
    assert {each.package for each in entry.updates} == {"lib", "tool"}
    other = replace(seen, states={"app": current(inputs="older")}, updates={"app": (young,)})
    assert [cause.kind for cause in plan([wanted()], other)[0].causes] == [CauseKind.DEFINITION]
