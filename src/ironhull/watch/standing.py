"""What is behind, since when and why: the alarm that something should have happened and did not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from ironhull.state.watch_records import ForeignState, ImageState, Said, moment

WAITING = "waiting "
"""Begins the subject under which it is said which fixes of an image the archive lacks."""
ENDING = "end "
"""Begins the subject under which it is said that an image's life ended: no rebuild is its end."""


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """One image, as a person asks for it."""

    name: str
    state: str
    published: str
    tag: str
    published_at: str
    behind_since: str
    """Empty: it is as it should be."""
    cause: str
    """Why it has to be rebuilt."""
    why: str
    """Why it was not yet: held, failing, an archive that cannot be used. Empty: its turn comes."""
    waiting: str
    """Fixes that are known and that the archive does not have."""
    ending: str
    """That its life ended, and until when it is built."""
    alarm: bool
    """Behind for longer than the bound."""

    def json(self) -> dict[str, Any]:
        """As `--json` says it; null for what is not so."""
        return {key: None if value == "" else value for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class CatalogStatus:
    """All images, and what is wrong with the world around them."""

    images: tuple[ImageStatus, ...]
    foreign: tuple[ForeignState, ...]
    """Images that are not ours and are followed."""
    complaints: tuple[Said, ...]
    """Of archive, advisories, registry, definitions, in the order in which they began."""
    alarms: tuple[str, ...]
    """What is so for longer than the bound: why the verb fails."""


def status(
    states: Mapping[str, ImageState],
    said: Sequence[Said],
    bound: timedelta,
    now: datetime,
    foreign: Sequence[ForeignState] = (),
) -> CatalogStatus:
    """Where everything stands, by the state alone."""
    waiting, ending = (
        {
            each.subject.removeprefix(prefix): each.text
            for each in sorted(said, key=lambda each: each.last)
            if each.subject.startswith(prefix)
        }
        for prefix in (WAITING, ENDING)
    )
    around = tuple(
        each
        for each in said
        if each.subject not in states and not each.subject.startswith((WAITING, ENDING))
    )
    archive = next((each.text for each in around if each.subject == "archive"), "")
    images = tuple(
        _image(state, waiting.get(name, ""), ending.get(name, ""), archive, bound, now)
        for name, state in sorted(states.items())
    )
    return CatalogStatus(images, tuple(foreign), around, tuple(_alarms(images, around, bound, now)))


def _image(
    state: ImageState, waiting: str, ending: str, archive: str, bound: timedelta, now: datetime
) -> ImageStatus:
    why = ""
    if state.hold:
        why = f"held by hand: {state.hold}"
    elif state.state in ("held", "proposed", "failing", "quarantined", "ended"):
        why = f"{state.state}: {state.reason}" if state.reason else state.state
    elif state.behind_since and archive:
        why = archive
    return ImageStatus(
        state.name,
        state.state,
        state.published,
        state.tag,
        state.published_at,
        state.behind_since,
        state.cause,
        why,
        waiting,
        ending,
        _late(state.behind_since, bound, now) and state.state != "ended",
    )


def _late(since: str, bound: timedelta, now: datetime) -> bool:
    begun = moment(since)
    return begun is not None and now - begun > bound


def _alarms(
    images: Sequence[ImageStatus], around: Sequence[Said], bound: timedelta, now: datetime
) -> Iterator[str]:
    for image in images:
        if image.alarm:
            yield (
                f"{image.name} is behind since {image.behind_since[:16]}: "
                f"{image.why or image.cause or 'its turn does not come'}"
            )
    for each in around:
        if _late(each.first, bound, now):
            yield f"{each.subject} since {each.first[:16]}: {each.text}"
