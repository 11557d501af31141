"""What becomes of images by looking alone: a cause that is over leaves nothing behind."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.watched import APP, TOOL, Watched, published

from ironhull.errors import NetworkError
from ironhull.oci.reference import Reference
from ironhull.state.transfer import export_state, import_state
from ironhull.state.watch_records import ImageState
from ironhull.workspace import watch_steps
from ironhull.workspace.registries import registries
from ironhull.workspace.watch_reading import status_now
from ironhull.workspace.watching import Watcher, opened_state


def standing(shop: Watched) -> tuple[ImageState, list[str]]:
    """Where the image stands, and what still is said of it."""
    with shop.state() as state:
        said = [each.text for each in state.complaints() if each.subject == APP]
        return state.image(APP), said


def scripted(shop: Watched) -> None:
    shop.offer(shop.deb("lib", "2", scripts={"postinst": "#!/bin/sh\n"}))


def withdrawn(shop: Watched) -> None:
    shop.offer(shop.deb("lib", "1"))


def unlockable(shop: Watched) -> None:
    path = shop.folder / "images/app/debian-13/1.yaml"
    path.write_text(path.read_text().replace("lib,", "nolib,"))


def lockable(shop: Watched) -> None:
    shop.define("app", "base, lib, app")


@pytest.mark.parametrize(
    ("wrong", "right", "result"),
    [(unlockable, lockable, "failing"), (scripted, withdrawn, "held")],
)
def test_what_nothing_asks_for_any_more_is_neither_failing_nor_held_nor_behind(
    shop: Watched,
    wrong: Callable[[Watched], None],
    right: Callable[[Watched], None],
    result: str,
) -> None:
    shop.watch()
    for _ in range(2):
        shop.notes.notes.clear()
        wrong(shop)
        shop.watch()
        before, said = standing(shop)
        assert before.state == result
        assert before.behind_since
        assert len(said) == 1
        assert sum(note.startswith(f"{APP}: ") for note in shop.notes.notes) == 1, "said anew"
        right(shop)
        assert shop.watch().done == {}
        after, said = standing(shop)
        assert (after.state, after.reason, after.behind_since) == ("current", "", "")
        assert (after.candidate, after.failures, after.retry_at) == ("", 0, "")
        assert said == []


def test_a_definition_that_is_there_again_is_looked_at_as_if_for_the_first_time(
    shop: Watched,
) -> None:
    path = shop.define("app", "base, lib, app")
    shop.watch()
    text = path.read_text()
    for _ in range(2):
        shop.notes.notes.clear()
        path.unlink()
        shop.watch()
        assert standing(shop)[0].state == "ended"
        assert sum("its definition is gone" in note for note in shop.notes.notes) == 1
        path.write_text(text)
        shop.watch()
        image, said = standing(shop)
        assert (image.state, image.reason, said) == ("current", "", [])


def test_what_was_held_when_its_definition_went_is_held_when_it_is_there_again(
    shop: Watched,
) -> None:
    path = shop.define("app", "base, lib, app")
    shop.watch()
    scripted(shop)
    assert shop.watch().done[APP].result == "held"
    text = path.read_text()
    path.unlink()
    shop.watch()
    path.write_text(text)
    assert shop.watch().done[APP].result == "held"


def test_an_end_of_life_is_said_once_whatever_is_rebuilt_and_once_when_grace_ends(
    shop: Watched,
) -> None:
    life = (datetime.now(UTC) - timedelta(days=3)).date()
    shop.define("app", "base, lib, app", dates=f"{{end-of-life: {life}}}")

    def said() -> list[str]:
        return [note for note in shop.notes.notes if "its life ended" in note]

    for version in ("1", "2", "3"):
        shop.offer(shop.deb("lib", version))
        assert shop.watch().done[APP].result == "published"
    (first,) = said()
    assert first.startswith(f"end {APP}: its life ended on {life}: it is built until ")
    with shop.state() as state:
        found = status_now(shop.machine, state, shop.policy)
        assert [each.ending for each in found.images if each.name == APP] == [
            first.partition(": ")[2]
        ]
        assert (found.complaints, found.alarms) == ((), ())
        kept = io.BytesIO()
        export_state(state, kept)
    # On another machine, with what was exported of the state.
    other = f"sqlite:///{shop.folder}/other.sqlite"
    with opened_state(shop.machine, other, shop.clock) as state:
        kept.seek(0)
        import_state(state, kept, "kept")
    shop.offer(shop.deb("lib", "4"))
    assert shop.watch(state=other).done[APP].result == "published"
    assert said() == [first]

    shop.forward(days=30)
    shop.advise({"CVE-2026-0008": ("lib", "5")})
    shop.offer(shop.deb("lib", "5"), date=shop.clock() - timedelta(hours=1))
    for _ in range(2):
        assert APP not in shop.watch(state=other).done
    text = f"its life ended on {life}: it is no longer built, its tags stay"
    assert said() == [first, f"end {APP}: {text}"]
    with opened_state(shop.machine, other, shop.clock) as state:
        (image,) = status_now(shop.machine, state, shop.policy, APP).images
        assert (image.state, image.why, image.behind_since) == ("ended", f"ended: {text}", "")
        assert (image.ending, image.waiting) == (text, "")


@pytest.mark.parametrize("days", [3, 60])
def test_of_a_definition_that_is_gone_no_end_of_life_is_said_any_more(
    shop: Watched, days: int
) -> None:
    shop.watch()
    life = (datetime.now(UTC) - timedelta(days=days)).date()
    path = shop.define("app", "base, lib, app", dates=f"{{end-of-life: {life}}}")
    shop.watch()
    path.unlink()
    # Another one's is left alone by a watcher of other images.
    shop.watch(images=["tool:1"])
    for ending in (True, False):
        with shop.state() as state:
            (image,) = status_now(shop.machine, state, shop.policy, APP).images
            subjects = {each.subject for each in state.complaints()}
        assert (bool(image.ending), f"end {APP}" in subjects) == (ending, ending)
        shop.watch()
    assert image.state == "ended"


def test_an_end_of_life_that_was_put_off_is_over_and_said_anew_when_it_comes(
    shop: Watched,
) -> None:
    life = datetime.now(UTC).date()
    for until, said in ((-3, 1), (-60, 2), (20, 2), (-4, 3), (None, 3)):
        date = "" if until is None else f"{{end-of-life: {life + timedelta(days=until)}}}"
        shop.define("app", "base, lib, app", **({"dates": date} if date else {}))
        shop.watch()
        assert sum("its life ended" in note for note in shop.notes.notes) == said
        with shop.state() as state:
            (image,) = status_now(shop.machine, state, shop.policy, APP).images
        assert bool(image.ending) == (until is not None and until < 0)
        assert (image.state == "ended") == (until == -60)


def test_tags_that_could_not_be_brought_back_are_tried_again_before_the_next_hour(
    shop: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.watch()
    with registries(shop.machine) as opened:
        place = Reference.parse(f"{shop.publish}/app")
        repository = opened.repository(place, write=True)
        at = repository.has_manifest("1")
        repository.delete("1")

        def refused(*words: object) -> object:
            raise NetworkError("the registry takes nothing")

        with opened_state(shop.machine, None, shop.clock) as state:
            watcher = Watcher(shop.machine, shop.choices(), state, clock=shop.clock)
            with monkeypatch.context() as patched:
                patched.setattr(watch_steps, "give", refused)
                assert watcher.once().done[APP].result == "failed"
                assert watcher.once().done == {}, "its pause is not over"
                assert state.image(APP).state == "failing"
            shop.forward(minutes=6)
            assert shop.results(watcher.once()) == published([APP])
            assert watcher.once().entries == ()
        assert repository.has_manifest("1") == at


def test_watchers_that_divide_a_catalog_leave_each_others_causes_alone(shop: Watched) -> None:
    shop.watch()
    # Both have a vulnerability whose fix the archive lacks, and one definition cannot be read.
    shop.advise({"CVE-2026-0007": ("base", "99")})
    shop.define("broken", "base").write_text("contents: [")
    shop.notes.notes.clear()
    for _ in range(2):
        for name in ("app:1", "tool:1", "broken:1"):
            shop.watch(images=[name])
    for text in (
        f"waiting {APP}: not in the archive: fixes of CVE-2026-0007",
        f"waiting {TOOL}: not in the archive: fixes of CVE-2026-0007",
        "definition broken:1-debian13: ",
    ):
        assert sum(note.startswith(text) for note in shop.notes.notes) == 1, shop.notes.notes
    shop.notes.notes.clear()
    shop.advise({"CVE-2026-0001": ("other", "9")})
    shop.watch(images=["app:1"])
    with shop.state() as state:
        said = {each.subject for each in state.complaints()}
    assert said == {f"waiting {TOOL}", "definition broken:1-debian13"}


def test_a_watcher_of_some_images_reads_no_other(shop: Watched) -> None:
    shop.define("broken", "base").write_text("contents: [")
    assert shop.results(shop.watch(images=["tool:1"])) == published([TOOL])
    with shop.state() as state:
        assert state.complaints() == []
        assert set(state.images()) == {TOOL}
