"""What a human decides of a watched image: to publish what is held, to hold it, to go back."""

from __future__ import annotations

from dataclasses import replace

from ironhull.errors import InputError, NotFoundError
from ironhull.oci.reference import Reference
from ironhull.registry.client.locations import registry_source
from ironhull.registry.client.places import RegistryTarget
from ironhull.registry.client.transfer import transfer
from ironhull.state.watch_records import Attempt, ImageState
from ironhull.state.watching import WatchState
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.machine import Machine
from ironhull.workspace.recording import publisher_of, recording
from ironhull.workspace.registries import registries
from ironhull.workspace.watch_choices import Decided
from ironhull.workspace.watch_leases import leased


def watched_name(machine: Machine, state: WatchState, text: str) -> str:
    """The name under which an image is watched: its own, or what the catalog finds by it."""
    if text in state.images():
        return text
    catalog = Definitions(machine).catalog
    path = catalog.find(text)
    for entry in catalog.all():
        if entry.path == path:
            return str(entry)
    raise NotFoundError(f"{text} is not in the catalog {catalog.place}, and so is not watched")


def approve(machine: Machine, state: WatchState, text: str) -> Decided:
    """Let what is held be published, and end a hold and a quarantine; InputError for nothing."""
    name = watched_name(machine, state, text)
    said: list[str] = []

    def change(known: ImageState) -> ImageState:
        if known.candidate and known.state == "held":
            said.append(f"{known.candidate[:19]} will be published ({known.reason})")
        if known.hold:
            said.append(f"the hold is over ({known.hold})")
        if known.state in ("quarantined", "failing"):
            said.append(f"it is tried again ({known.reason})")
        if not said:
            raise InputError(f"{name} is {known.state}: nothing is held, nothing to approve")
        return replace(
            known,
            approved=known.candidate,
            hold="",
            failures=0,
            retry_at="",
            examined="",
            state="behind" if known.state in ("quarantined", "failing") else known.state,
        )

    state.change(name, change)
    return Decided(name, "; ".join(said))


def hold(machine: Machine, state: WatchState, text: str, reason: str) -> Decided:
    """Publish nothing new of an image until it is approved."""
    name = watched_name(machine, state, text)
    state.change(name, lambda known: replace(known, hold=reason or "no reason was given"))
    return Decided(name, "nothing new of it is published until it is approved")


def take_clock(state: WatchState) -> None:
    """Take this machine's clock for right, and that of the last round for wrong."""
    state.set_note("round", state.now)


def rollback(machine: Machine, state: WatchState, text: str, digest: str = "") -> Decided:
    """Move the tags back to what was published before, or to a digest; and hold the image there.

    What is moved back is recorded as a publication. InputError where there is nothing before,
    EnvironmentProblem while a watcher works on the image.
    """
    name = watched_name(machine, state, text)
    with leased(state, name):
        return _rolled_back(machine, state, name, digest)


def _rolled_back(machine: Machine, state: WatchState, name: str, digest: str) -> Decided:
    known = state.image(name)
    before = _before(state, known, digest)
    definition, _ = Definitions(machine).definition(str(_path(machine, name)))
    if known.repository:
        with registries(machine) as opened:
            place = Reference.parse(f"{known.repository}@{before.new}")
            repository = opened.repository(Reference.parse(known.repository), write=True)
            target = recording(
                RegistryTarget(repository, list(definition.tags)), publisher_of(machine)
            )
            transfer(
                registry_source(place, opened),
                target,
                progress=opened.progress,
                stop=opened.stop,
            )
    else:
        store = machine.home.store
        names = [f"{definition.image}:{tag}" for tag in definition.tags]
        store.tag(store.find(before.new), names)
    now = state.now
    number = state.begin(
        Attempt(name, "rolled back by hand", "routine", now, "a human", old=known.published)
    )
    state.end(number, result="rolled-back", step="push", new=before.new, new_lock=before.new_lock)
    reason = f"rolled back from {known.published[:19]}"
    state.change(
        name,
        lambda s: replace(
            s,
            published=before.new,
            tag="",
            lock=before.new_lock,
            inputs="",
            hold=reason,
            published_at=now,
        ),
    )
    return Decided(name, f"its tags are at {before.new} again; it is held there until approved")


def _path(machine: Machine, name: str) -> object:
    for entry in Definitions(machine).catalog.all():
        if str(entry) == name:
            return entry.path
    raise NotFoundError(f"the definition of {name} is gone: its tags cannot be known")


def _before(state: WatchState, known: ImageState, digest: str) -> Attempt:
    done = [
        each
        for each in state.attempts([known.name])
        if each.result in ("published", "rolled-back") and each.new != known.published
    ]
    if digest:
        done = [each for each in done if each.new == digest]
    if not known.published or not done:
        which = (
            f"{digest} was never" if digest else "nothing to go back to: no other image was ever"
        )
        raise InputError(f"{known.name}: {which} published by a watcher of this state")
    return done[0]
