"""Compose files: ports, health check, user, volumes and init of the services that use the image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ironhull.migrate.outside.edit import replaced
from ironhull.migrate.outside.model import Edit, Found, Wanted
from ironhull.migrate.outside.nodes import Place
from ironhull.migrate.outside.programs import needs_shell

PORT = re.compile(r"(?:.*:)?(?P<port>\d{1,5})(?:/(?:tcp|udp))?")
"""A port as compose writes it in short; `port` is the container's."""
_FULL = (".", "./")


def compose_changes(name: str, text: str, document: Place, wanted: Wanted) -> Iterator[Found]:
    """What to change in one document."""
    for _, service in document.get("services").pairs():
        if _uses(service, wanted):
            yield from _ports(name, text, service, wanted)
            yield from _health(name, service, wanted)
            yield from _rights(name, text, service, wanted)


def compose_names(document: Place) -> Iterator[str]:
    """What the images are called that are built from this folder."""
    for _, service in document.get("services").pairs():
        image = service.get("image").text
        if image and built_here(service):
            yield repository(image)


def repository(image: str) -> str:
    """A reference without tag and digest."""
    plain = image.partition("@")[0]
    folder, slash, last = plain.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def built_here(service: Place) -> bool:
    """Whether the service is built from the folder that the compose file is in."""
    build = service.get("build")
    return build.text in _FULL or build.get("context").text in _FULL


def _uses(service: Place, wanted: Wanted) -> bool:
    image = service.get("image").text
    return built_here(service) or (bool(image) and repository(image) in wanted.names)


def _ports(name: str, text: str, service: Place, wanted: Wanted) -> Iterator[Found]:
    short = [*service.get("ports").each(), *service.get("expose").each()]
    places = [(one, one.text) for one in short if one.text]
    places += [(one.get("target"), one.get("target").text) for one in short if one.get("target")]
    for place, value in places:
        found = PORT.fullmatch(value)
        port = int(found["port"]) if found else 0
        if found and port in wanted.ports:
            new = wanted.ports[port]
            yield Found(
                name, place.line, "port", value,
                f"the container listens on {new} instead of {port}",
                replaced(text, place.span, str(port), str(new), last=True),
            )  # fmt: skip
        elif not found and "-" in value:
            yield Found(name, place.line, "port", value, "a range: look whether its ports changed")


def _health(name: str, service: Place, wanted: Wanted) -> Iterator[Found]:
    test = service.get("healthcheck", "test")
    if test and not wanted.shell and needs_shell(test.words, string_is_shell=bool(test.text)):
        yield Found(
            name, test.line, "probe", " ".join(test.words),
            "the image has no shell and no curl: leave it out, the image may have one of its own",
        )  # fmt: skip
    for key in ("command", "entrypoint"):
        words = service.get(key)
        if words and not wanted.shell and needs_shell(words.words, string_is_shell=False):
            yield Found(
                name, words.line, "command", " ".join(words.words),
                "the image has no shell: start the program itself",
            )  # fmt: skip


def _rights(name: str, text: str, service: Place, wanted: Wanted) -> Iterator[Found]:
    user = service.get("user")
    if user.text.partition(":")[0] in ("0", "root"):
        new = f"{wanted.uid}:{wanted.gid}"
        edit = replaced(text, user.span, user.text, new) if wanted.uid else None
        yield Found(name, user.line, "user", user.text, f"the image runs as {new}", edit)
    if wanted.init and not service.get("init"):
        yield Found(name, service.line, "init", "", "init: true", _init(text, service))
    if wanted.uid:
        for volume in service.get("volumes").each():
            value = volume.text or volume.get("target").text
            if value and not value.endswith(":ro") and volume.get("read_only").text != "true":
                yield Found(
                    name, volume.line, "volume", value,
                    f"where the application writes: has to belong to {wanted.uid}:{wanted.gid}",
                )  # fmt: skip


def _init(text: str, service: Place) -> Edit | None:
    """A line of its own, before the service's first key, if that stands on a line of its own."""
    first = next((key for key, _ in service.pairs()), Place(None))
    start = first.span[0]
    before = text[text.rfind("\n", 0, start) + 1 : start]
    if not first or before.strip():
        return None
    end = "\r\n" if "\r\n" in text else "\n"
    return Edit(start, start, f"init: true{end}{before}")
