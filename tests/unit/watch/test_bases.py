"""Images made from others: who goes first, who waits, and who goes in a circle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.fakes.archive import fake_archive, fake_definition
from tests.fakes.definition import AMD64

from ironhull.definition.model import ImageTrack, Place
from ironhull.lock.make import lock_definition
from ironhull.state.watch_records import ImageState
from ironhull.watch.bases import Bases, Line, circles
from ironhull.watch.model import Cause, CauseKind, Entry, Fix, Rebuilt, Wanted
from ironhull.watch.plan import Observed, examined, plan

ARCHIVE = {AMD64: fake_archive("app 1")}


def wanted(name: str, *bases: str) -> Wanted:
    """An image that takes files from others, of which its lock has `sha256:1`."""
    place = Place(f"{name}.yaml", 1, 1)
    followed = tuple(ImageTrack(f"{base}:1", base.upper(), place) for base in bases)
    definition = replace(fake_definition("app", image=name), followed=followed)
    values = {each.variable: "sha256:1" for each in followed}
    _, lock = lock_definition(lambda _: definition, ARCHIVE, values)
    return Wanted(name, Path(f"{name}.yaml"), definition, lock, f"inputs of {name}")


def catalog(of: Mapping[str, str]) -> tuple[dict[str, Wanted], dict[str, str]]:
    """Images by name, each with those that it takes files from; and their references."""
    return {name: wanted(name, *bases.split()) for name, bases in of.items()}, {
        f"{name}:1": name for name in of
    }


def current(*names: str) -> dict[str, ImageState]:
    return {
        name: ImageState(name, published="sha256:1", inputs=f"inputs of {name}", state="current")
        for name in names
    }


def entry(one: Wanted, urgency: str = "routine") -> Entry:
    return Entry(one, (Cause(CauseKind.NEW, "it was never published"),), (), (), urgency, "")


def taken(line: Line, running: Sequence[str] = ()) -> list[str]:
    """Those that may be begun at once."""
    found = []
    while (one := line.take([*running, *found])) is not None:
        found.append(one.name)
    return found


def test_none_is_begun_before_what_it_is_made_from_and_others_do_not_wait() -> None:
    images, ours = catalog({"a": "b", "b": "c", "c": "", "x": ""})
    line = Line([entry(images[name]) for name in "abxc"], Bases(images, ours))
    assert taken(line) == ["c", "x"]
    assert taken(line, ["c"]) == []
    assert taken(line) == ["b"]
    assert taken(line, ["b"]) == []
    assert taken(line) == ["a"]
    assert len(line) == 0


def test_what_a_more_urgent_image_waits_for_goes_before_what_is_less_urgent() -> None:
    images, ours = catalog({"a": "b", "b": "z", "z": "", "m": "", "n": ""})
    urgencies = {"a": "critical", "m": "high", "n": "exploited"}
    entries = [entry(one, urgencies.get(name, "routine")) for name, one in images.items()]
    line = Line(entries, Bases(images, ours))
    assert taken(line) == ["n", "z", "m"]
    assert taken(line) == ["b"]
    assert taken(line) == ["a"]


def test_what_is_rebuilt_for_its_base_stands_behind_it_and_says_for_what() -> None:
    images, _ = catalog({"a": "z", "z": "", "m": "", "b": ""})
    fix = Fix("CVE-2026-1", "critical", exploited=True)
    since = "2026-11-02T00:00:00.000Z"
    states = current("a", "z", "m", "b")
    states["a"] = replace(states["a"], behind_since="2026-11-09T00:00:00.000Z")
    states["m"] = replace(states["m"], behind_since="2026-11-01T00:00:00.000Z")
    observed = Observed(
        states,
        found={"m": [fix], "b": [Fix("CVE-2026-2", "critical")]},
        images={"z:1": "sha256:2"},
        rebuilt={("z:1", "sha256:1"): Rebuilt("z", "exploited", (fix,), since)},
    )
    entries = plan([*images.values()], observed)
    assert [(each.name, each.urgency) for each in entries] == [
        ("m", "exploited"), ("a", "exploited"), ("b", "critical"),
    ]  # fmt: skip
    said = "z:1, which it takes files from, was rebuilt and fixes CVE-2026-1 (exploited)"
    assert entries[1].cause == said
    assert (entries[1].fixes, entries[1].bases[0].fixes) == ((), (fix,))
    assert entries[1].since == "2026-11-09T00:00:00.000Z", "its own"


def test_a_plan_shows_what_follows_right_behind_what_it_is_made_from() -> None:
    images, ours = catalog({"a": "b", "b": "z", "c": "", "d": "y", "y": "", "z": ""})
    states = current(*images)
    states["y"] = replace(states["y"], hold="until Monday")
    fix = Fix("CVE-2026-1", "high")
    observed = Observed(states, found={"z": [fix], "c": [Fix("CVE-2", "medium")], "y": [fix]})
    bases, now = Bases(images, ours), datetime.now(UTC)
    entries = bases.expected(plan([*images.values()], observed), observed, now)
    assert [(each.name, each.urgency) for each in entries] == [
        ("z", "high"), ("b", "high"), ("a", "high"), ("y", "high"), ("c", "medium"),
    ]  # fmt: skip
    assert entries[1].cause == (
        "z:1, which it takes files from, is rebuilt first and fixes CVE-2026-1 (high)"
    )
    assert entries[2].bases == (Rebuilt("b", "high", (fix,), ""),)
    assert bases.expected([], observed, now) == []


def test_what_is_far_away_is_waited_for_because_what_is_between_may_follow() -> None:
    images, ours = catalog({"a": "b", "b": "c", "c": ""})
    bases = Bases(images, ours)
    line = Line([entry(images["a"], "critical"), entry(images["c"])], bases)
    assert taken(line) == ["c"]
    observed, near = bases.moved("c", "sha256:2", Observed(current("a", "b", "c")))
    more = plan(near, observed)
    assert [(each.name, each.cause) for each in more] == [
        ("b", "c:1, which it takes files from, was rebuilt")
    ]
    line.add(more)
    assert taken(line) == ["b"]
    assert bases.moved("c", "sha256:2", observed) == (observed, [])


def test_an_image_at_the_digest_that_locks_have_moves_nothing() -> None:
    images, ours = catalog({"a": "b", "b": ""})
    observed = Observed(current("a", "b"))
    moved, near = Bases(images, ours).moved("b", "sha256:1", observed)
    assert plan(near, moved) == []
    assert Bases(images, ours).moved("a", "sha256:2", observed)[1] == []
    assert Bases(images, ours).moved("b", "", observed) == (observed, [])


def test_what_it_is_made_from_is_part_of_what_an_image_was_worked_on_with() -> None:
    one, two = wanted("a", "b"), Observed(archives={"a": "archive"})
    seen = [examined(one, replace(two, images=images)) for images in (
        {}, {"b:1": "sha256:1"}, {"b:1": "sha256:2"}, {"b:1": "sha256:2", "c:1": "sha256:3"},
    )]  # fmt: skip
    assert len(set(seen)) == 3
    assert seen[2] == seen[3]
    assert all(len(each) <= 80 for each in seen)


def test_an_image_is_planned_when_its_base_is_another_one_than_its_lock_has() -> None:
    one = wanted("a", "b", "c")
    at = {"b:1": "sha256:2", "c:1": "sha256:1"}
    (found,) = plan([one], Observed(current("a"), images=at))
    assert [cause.kind for cause in found.causes] == [CauseKind.IMAGE]
    assert found.cause == "b:1, which it takes files from, was rebuilt"
    assert plan([one], Observed(current("a"), images={"c:1": "sha256:1"})) == []


def test_those_in_a_circle_are_said_and_no_others() -> None:
    images, ours = catalog({"a": "b", "b": "a", "c": "a d", "d": "", "e": "e", "f": "c"})
    found = circles(images.values(), ours)
    assert sorted(found) == ["a", "b", "e"]
    assert found["e"] == "e ← e"
    assert found["a"] == found["b"]
    assert sorted(found["a"].split(" ← ")) in (["a", "a", "b"], ["a", "b", "b"])
    left = {name: one for name, one in images.items() if name not in found}
    assert set(Bases(left, ours).of("f")) == {"a", "c", "d"}


def test_a_chain_of_thousands_is_no_trouble() -> None:
    names = [f"i{number}" for number in range(2000)]
    definition = wanted("i0", "b").definition
    images = {
        name: replace(
            wanted_like,
            definition=replace(
                definition, followed=(replace(definition.followed[0], reference=f"{base}:1"),)
            ),
        )
        for name, base in zip(names[1:], names, strict=False)
        for wanted_like in [Wanted(name, Path(name), definition, None, "")]
    }
    ours = {f"{name}:1": name for name in names}
    assert circles(images.values(), ours) == {}
    assert len(set(Bases(images, ours).of(names[-1]))) == len(names) - 1
