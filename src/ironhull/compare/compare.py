"""Sides → comparison: the baseline against each of the others. Pure; whoever calls it measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from ironhull.compare.figures import FIGURES, SURFACE_TITLES, change, compressed
from ironhull.compare.model import (
    Comparison,
    FindingChanges,
    LayerChanges,
    ListChange,
    MeasuredImage,
    Pair,
    TextChange,
    Unknown,
)
from ironhull.compare.packages import compare_packages
from ironhull.errors import InputError
from ironhull.inventory.model import SURFACE_LISTS, ImageConfig, Layer
from ironhull.reports.words import moment
from ironhull.scan.model import Finding

MAX_SIDES = 20


def compare(
    sides: Sequence[MeasuredImage], now: datetime, commands: Sequence[str] = ()
) -> Comparison:
    """The first side is the baseline. InputError unless there are two to MAX_SIDES of them."""
    if not 2 <= len(sides) <= MAX_SIDES:
        raise InputError(f"a comparison takes 2 to {MAX_SIDES} images, got {len(sides)}")
    return Comparison(
        sides=tuple(sides),
        pairs=tuple(_pair(sides, number, now) for number in range(1, len(sides))),
        made=moment(now),
        commands=tuple(commands),
    )


def _pair(sides: Sequence[MeasuredImage], number: int, now: datetime) -> Pair:
    baseline, image = sides[0], sides[number]
    old, new = baseline.inventory, image.inventory
    return Pair(
        image=number,
        figures=tuple(
            change(figure, figure.read(baseline, now), figure.read(image, now))
            for figure in FIGURES
        ),
        packages=compare_packages(old.packages, new.packages),
        findings=_findings(baseline, image),
        surface=tuple(
            _list(
                SURFACE_TITLES[name],
                (found.path for found in getattr(old.surface, name)),
                (found.path for found in getattr(new.surface, name)),
            )
            for name in SURFACE_LISTS
        ),
        lists=_lists(baseline, image),
        config=tuple(_config(old.config, new.config)),
        layers=_layers(baseline, image),
    )


def _findings(baseline: MeasuredImage, image: MeasuredImage) -> FindingChanges | Unknown:
    old, new = baseline.findings, image.findings
    if isinstance(old, Unknown):
        return Unknown(f"baseline: {old.reason}")
    if isinstance(new, Unknown):
        return Unknown(f"image: {new.reason}")
    before, after = ({_finding_key(each) for each in side} for side in (old, new))
    return FindingChanges(
        gone=tuple(each for each in old if _finding_key(each) not in after),
        new=tuple(each for each in new if _finding_key(each) not in before),
        same=len(before & after),
    )


def _finding_key(finding: Finding) -> tuple[str, str, str]:
    """The same vulnerability of the same package, wherever in the image it lies."""
    return finding.id, finding.type, finding.package


def _list(subject: str, baseline: Iterable[str], image: Iterable[str]) -> ListChange:
    old, new = set(baseline), set(image)
    return ListChange(subject, tuple(sorted(new - old)), tuple(sorted(old - new)), len(old & new))


def _lists(baseline: MeasuredImage, image: MeasuredImage) -> tuple[ListChange, ...]:
    old, new = baseline.inventory, image.inventory

    def licences(side: MeasuredImage) -> Iterable[str]:
        return (name for package in side.inventory.packages for name in package.licenses)

    return (
        _list("environment", old.config.env, new.config.env),
        _list("ports", old.config.ports, new.config.ports),
        _list("volumes", old.config.volumes, new.config.volumes),
        _list(
            "users",
            (f"{user.name} ({user.uid})" for user in old.users),
            (f"{user.name} ({user.uid})" for user in new.users),
        ),
        _list("licences", licences(baseline), licences(image)),
    )


def settings_of(config: ImageConfig) -> dict[str, str]:
    """The settings of a configuration as people write them."""
    return {
        "user": config.user,
        "entrypoint": " ".join(config.entrypoint),
        "command": " ".join(config.cmd),
        "working directory": config.working_dir,
        "stop signal": config.stop_signal,
        "health check": " ".join(config.healthcheck),
    }


def _config(baseline: ImageConfig, image: ImageConfig) -> Iterable[TextChange]:
    after = settings_of(image)
    for name, text in settings_of(baseline).items():
        if text != after[name]:
            yield TextChange(name, text, after[name])


def _layers(baseline: MeasuredImage, image: MeasuredImage) -> LayerChanges | Unknown:
    old = {layer.digest: layer for layer in baseline.inventory.layers}
    new = {layer.digest: layer for layer in image.inventory.layers}
    if not old or not new:
        return Unknown("a folder has no layers")
    sizes = [compressed(side) for side in (baseline, image)]

    def bytes_of(layers: dict[str, Layer], size: int | Unknown) -> int | Unknown:
        if isinstance(size, Unknown):
            return size
        return sum(layer.size for layer in layers.values())

    only_old = {digest: layer for digest, layer in old.items() if digest not in new}
    only_new = {digest: layer for digest, layer in new.items() if digest not in old}
    return LayerChanges(
        shared=len(old.keys() & new.keys()),
        only_image=len(only_new),
        only_baseline=len(only_old),
        pull=bytes_of(only_new, sizes[1]),
        pull_back=bytes_of(only_old, sizes[0]),
    )
