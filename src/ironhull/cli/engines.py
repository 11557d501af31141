"""What the verbs that use a container engine share: settings, names, images of the store."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from ironhull.cli.settings import Settings, settings
from ironhull.engine.find import BUILDERS, EngineSettings
from ironhull.errors import InputError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.platform import Platform
from ironhull.oci.reference import Reference
from ironhull.store.layout import ImageLayout

engine_option = click.option(
    "--engine",
    "engine_name",
    type=click.Choice(BUILDERS),
    help="Which container engine; without it the first of podman and docker that works.",
)
platform_option = click.option(
    "--platform", "platform", metavar="OS/CPU", help="Which platform; without it this machine's."
)


def engine_settings(given: Settings | None = None) -> EngineSettings:
    """What `podman_args`, `buildah_args` and `docker_host` say (IRONHULL_PODMAN_ARGS, …)."""
    found = given or settings()
    return EngineSettings(
        podman=_words(found, "podman_args"),
        buildah=_words(found, "buildah_args"),
        docker_host=found.get("docker_host"),
        cache=found.home.root / "cache" / "engines.json",
    )


def _words(found: Settings, name: str) -> tuple[str, ...]:
    text = found.get(name) or ""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(f"the setting {name} ({text!r}): {error}") from None


def stored(layout: ImageLayout, name: str) -> Descriptor:
    """The image of the store; NotFoundError says how to get it there."""
    try:
        return layout.find(name if ":" in name else f"{name}:latest")
    except NotFoundError as error:
        raise NotFoundError(f"{error}; to build it: ironhull build {name}") from None


def given_platform(text: str | None) -> Platform | None:
    return Platform.parse(text) if text else None


def engine_name_of(text: str) -> str:
    """A name for an image in an engine, complete: `node:20` is `docker.io/library/node:20`."""
    reference = Reference.parse(text)
    if reference.digest is not None:
        raise InputError(f"{text!r}: a name that is given has a tag, not a digest")
    return str(reference)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end us as Ctrl-C does, so that what we started is cleaned up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a second Ctrl-C or SIGTERM not end what tidies up after the first."""

    def ignore(number: int, frame: FrameType | None) -> None:
        pass

    before = {
        number: signal.signal(number, ignore)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def host_environment() -> dict[str, str]:
    return dict(os.environ)
