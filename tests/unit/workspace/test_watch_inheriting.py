"""For what an image was rebuilt, and what that says of images that are made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.archive import fake_archive, fake_definition
from tests.fakes.definition import AMD64

from ironhull.definition.model import ImageTrack, Place
from ironhull.lock.file import render_lock
from ironhull.lock.make import lock_definition
from ironhull.oci.digest import digest_of
from ironhull.state.watch_records import Attempt, Event
from ironhull.state.watching import WatchState
from ironhull.watch.bases import Bases
from ironhull.watch.model import Wanted
from ironhull.watch.plan import Observed
from ironhull.workspace.watch_inheriting import reasons

OLD, NEW = str(digest_of(b"old")), str(digest_of(b"new"))
BEGAN, DURING, ENDED = (f"2026-11-29T{hour}:00:00Z" for hour in ("10", "11", "12"))


class Asked(WatchState):
    """A state that counts the images whose events it is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"sqlite:///{folder}/state.sqlite", lambda: datetime.now(UTC))
        self.asked: list[str] = []
        self.kinds: set[str] = set()

    def events(self, *, image: str = "", **more: object) -> list[Event]:  # type: ignore[override]
        found = super().events(image=image, **more)  # type: ignore[arg-type]
        self.asked.append(image)
        self.kinds |= {each.kind for each in found}
        return found


def chain(length: int) -> dict[str, Sequence[str]]:
    return {f"i{n}": [f"i{n - 1}"] if n else [] for n in range(length)}


def diamonds(depth: int) -> dict[str, Sequence[str]]:
    """Two images on each floor, each made from both below, and one at either end."""
    below, found = ["first"], {"first": list[str]()}
    for floor in range(depth):
        names = [f"l{floor}", f"r{floor}"]
        found |= dict.fromkeys(names, below)
        below = names
    return {**found, "last": below}


def rebuilt(state: WatchState, images: Mapping[str, Sequence[str]]) -> dict[str, Wanted]:
    """All were rebuilt from old bases to new ones, the first of them for a vulnerability."""
    archives, place = {AMD64: fake_archive("app 1")}, Place("x.yaml", 1, 1)
    plain, lock = lock_definition(lambda _: fake_definition("app"), archives)
    found = {}
    with state.transaction():
        for name, below in images.items():
            old, new = (
                state.keep_lock(render_lock(replace(lock, variables=dict.fromkeys(below, digest))))
                for digest in (OLD, NEW)
            )
            state.begin(
                Attempt(
                    name, "", "routine", BEGAN, "me", ended=ENDED, result="published",
                    old=OLD, new=NEW, old_lock=old, new_lock=new,
                )
            )  # fmt: skip
            followed = tuple(ImageTrack(f"{base}:1", base, place) for base in below)
            definition = replace(plain, followed=followed)
            held = replace(lock, variables=dict.fromkeys(below, OLD))
            found[name] = Wanted(name, Path("x.yaml"), definition, held, "")
        state.happened(
            [
                Event("CVE-2026-0001", next(iter(images)), kind, DURING, "high")
                for kind in ("seen", "published", "fix")
            ]
        )
        state.observed({f"CVE-2026-{number}": BEGAN for number in range(1000, 1100)})
    return found


@pytest.mark.parametrize("images", [diamonds(12), chain(500)], ids=["diamonds", "chain"])
@pytest.mark.parametrize("backwards", [False, True])
def test_what_a_far_base_was_rebuilt_for_is_looked_for_once_for_all_that_is_made_from_it(
    tmp_path: Path, images: Mapping[str, Sequence[str]], backwards: bool
) -> None:
    with Asked(tmp_path) as state:
        catalog = rebuilt(state, images)
        bases = Bases(
            {name: each for name, each in catalog.items() if images[name]},
            {f"{name}:1": name for name in images},
        )
        observed = Observed(images={f"{name}:1": NEW for name in images})
        wanted = list(catalog.values())[:: -1 if backwards else 1]
        found = reasons(state, bases, wanted, observed)
    *below, _ = images
    assert {reference for reference, _ in found} == {f"{name}:1" for name in below}
    for each in found.values():
        assert [fix.vulnerability for fix in each.fixes] == ["CVE-2026-0001"]
        assert (each.urgency, each.since) == ("high", BEGAN)
    assert sorted(state.asked) == sorted(below), "each once"
    assert state.kinds == {"seen", "published"}


def test_a_base_of_which_nothing_is_known_is_asked_for_once_too(tmp_path: Path) -> None:
    with Asked(tmp_path) as state:
        images = {"first": list[str](), "one": ["first"], "two": ["first"], "three": ["first"]}
        catalog = rebuilt(state, images)
        asked = []
        attempts = state.attempts
        state.attempts = lambda *words: asked.append(words) or attempts(*words)  # type: ignore
        bases = Bases({}, {"first:1": "first"})
        observed = Observed(images={"first:1": str(digest_of(b"newer"))})
        assert reasons(state, bases, catalog.values(), observed) == {}
    assert len(asked) == 1
