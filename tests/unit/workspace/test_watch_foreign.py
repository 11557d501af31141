"""Images that are not ours: scanned at a registry, and told when what they stand on is fixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.image import make_image
from tests.fakes.running_server import RunningServer, serving
from tests.fakes.watched import APP, Watched, published

from ironhull.store.layout import ImageLayout
from ironhull.watch.foreign import BASE_NAME, ForeignChoice
from ironhull.watch.measures import Measured
from ironhull.workspace.publishing import copy
from ironhull.workspace.watch_foreign import Following
from ironhull.workspace.watch_reading import measured, status_now

OS_RELEASE = 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nPRETTY_NAME="Debian 13"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("registry") / "store") as running:
        yield running


class World(Watched):
    """A base and an application upon it, at a registry; `lib` of the base has a vulnerability."""

    def __init__(self, folder: Path, server: RunningServer) -> None:
        self.place = f"{server.host}/{folder.name.replace('_', '-')}"
        super().__init__(folder, f"{self.place}/ours")
        self.said: list[tuple[str, str, str]] = []
        self.put("base", "1")
        self.put("shop", "1", {"srv/shop": "all of it\n"})
        self.advise({"CVE-2026-0002": ("lib", "2"), "CVE-2026-0003": ("lib", None)})

    def put(
        self, name: str, lib: str, *above: dict[str, str], labels: dict[str, str] | None = None
    ) -> None:
        status = (
            "Package: lib\nStatus: install ok installed\nArchitecture: amd64\n"
            f"Version: {lib}\nDescription: it\n"
        )
        layout = ImageLayout(self.folder / f"layout-{name}-{lib}", create=True)
        layers = [{"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": status}, *above]
        config = {"Labels": labels} if labels else None
        make_image(layout, layers, names=["it:1"], config=config)
        copy(self.machine, f"oci:{layout.root}:it:1", f"{self.place}/{name}:1", record=False)

    def follow(self, *choices: ForeignChoice) -> dict[str, tuple[set[str], set[str]]]:
        """By name: what is open, and what the base has fixed; by a watcher that begins anew."""
        with self.state() as state:

            def complain(subject: str, text: str, kind: str) -> None:
                if state.say(subject, text):
                    self.said.append((subject, text, kind))

            Following(self.machine, state, choices, self.clock, complain).follow()
            return {
                each.reference.rpartition("/")[2]: (set(each.findings), set(each.fixed))
                for each in state.foreign()
            }

    def measured(self) -> Measured:
        with self.state() as state:
            return measured(state, self.policy)


@pytest.fixture
def world(tmp_path: Path, server: RunningServer) -> World:
    return World(tmp_path, server)


def test_it_is_told_once_when_the_base_was_fixed_and_is_over_when_the_image_was_rebuilt(
    world: World,
) -> None:
    shop = ForeignChoice(f"{world.place}/shop:1", base=f"{world.place}/base:1")
    both = {"CVE-2026-0002", "CVE-2026-0003"}
    assert world.follow(shop) == {"shop:1": (both, set())}
    assert world.said == []
    world.put("base", "2")
    for _ in range(2):
        assert world.follow(shop) == {"shop:1": (both, {"CVE-2026-0002"})}
    ((subject, text, kind),) = world.said
    assert (subject, kind) == (f"foreign {shop.image}", "foreign")
    assert text.startswith(f"{shop.base} is fixed, and this still stands on an older one: ")
    assert "CVE-2026-0002" in text
    assert "CVE-2026-0003" not in text
    world.put("shop", "2", {"srv/shop": "all of it\n"})
    assert world.follow(shop) == {"shop:1": ({"CVE-2026-0003"}, set())}
    with world.state() as state:
        assert state.complaints() == []
        (seen,) = status_now(world.machine, state, world.policy).foreign
        assert seen.base == shop.base


def test_an_image_says_itself_what_it_stands_on_if_that_is_where_the_policy_looks(
    world: World,
) -> None:
    labels = {BASE_NAME: f"{world.place}/base:1"}
    world.put("shop", "1", {"srv/shop": "all\n"}, labels=labels)
    world.put("base", "2")
    shop = ForeignChoice(f"{world.place}/shop:1")
    assert world.follow(shop)["shop:1"][1] == {"CVE-2026-0002"}
    # Whoever writes a label does not send the watcher anywhere.
    labels[BASE_NAME] = "127.0.0.1:9/base:1"
    world.put("shop", "1", {"srv/shop": "other\n"}, labels=labels)
    world.said.clear()
    assert world.follow(shop)["shop:1"][1] == set()
    assert world.said == []


def test_what_is_there_for_comparison_is_counted_and_nobody_is_told(world: World) -> None:
    world.put("base", "2")
    choice = ForeignChoice(f"{world.place}/shop:1", f"{world.place}/base:1", APP)
    world.follow(choice)
    assert world.said == []
    with world.state() as state:
        state.count(state.now[:10], APP, {"low": 1})
    world.policy = replace(world.policy, foreign=(choice,))
    found = world.measured()
    (one,) = found.spent
    assert (one.image, one.counterpart, one.days) == (APP, choice.image, 1)
    assert (sum(one.findings.values()), sum(one.other_findings.values())) == (1, 2)
    ((ours, theirs),) = found.beside.values()
    assert (ours, theirs) == (1, 2)
    assert [day["vulnerable"] for day in found.days.values()] == [1], "theirs are not ours"


def test_one_that_cannot_be_seen_is_said_and_the_others_are_looked_at(world: World) -> None:
    gone = ForeignChoice(f"{world.place}/nothing:1")
    found = world.follow(gone, ForeignChoice(f"{world.place}/shop:1"))
    assert set(found) == {"shop:1"}
    ((subject, _, kind),) = world.said
    assert (subject, kind) == (f"foreign {gone.image}", "problem")
    assert world.follow() == {}
    with world.state() as state:
        assert state.complaints() == [], "what is not followed any more is not complained of"


def test_a_round_tells_those_whose_images_stand_on_one_of_ours(world: World) -> None:
    world.advise({})
    assert world.results(world.watch()) == published([APP, "tool:1-debian13"])
    ours, theirs = f"{world.publish}/app:1", f"{world.place}/team:1"
    copy(world.machine, ours, theirs, record=False)
    world.policy = replace(world.policy, foreign=(ForeignChoice(theirs, ours),))
    world.advise({"CVE-2026-0002": ("lib", "2")})
    world.offer(world.deb("lib", "2"), suite="trixie-security")
    assert world.results(world.watch()) == published([APP])
    assert not any("is fixed" in note for note in world.notes.notes)
    world.forward(hours=2)
    world.watch()
    told = [note for note in world.notes.notes if "is fixed, and this still stands" in note]
    assert len(told) == 1
    assert "CVE-2026-0002" in told[0]
    assert world.measured().days, "what is open is counted each day"


def test_registries_are_asked_once_an_hour(world: World) -> None:
    choice = ForeignChoice(f"{world.place}/shop:1")
    with world.state() as state:
        one = Following(world.machine, state, (choice,), world.clock, lambda *_: None)
        one.follow()
        (first,) = state.foreign()
        world.forward(minutes=30)
        one.follow()
        assert state.foreign() == [first]
        world.forward(minutes=31)
        one.follow()
        assert state.foreign()[0].checked > first.checked
    assert world.ahead == timedelta(minutes=61)
