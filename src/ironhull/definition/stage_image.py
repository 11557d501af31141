"""A build stage as the definition of an image: what is locked for it, and what its root is."""

from __future__ import annotations

from dataclasses import replace

from ironhull.definition.model import (
    Accounts,
    BuildStage,
    ImageDefinition,
    Keep,
    PackageRequest,
)

_ALL_TOOLS = Keep(False, True, True, True)  # documentation apart
_WITH_DATABASE = replace(_ALL_TOOLS, package_database="dpkg")
_ROOT = Accounts("root", True, (), ())
_BASE = "base-files"
"""Brings the links of a merged /usr, without which no other package works."""


def stage_definition(definition: ImageDefinition, stage: BuildStage) -> ImageDefinition:
    """The stage's packages, files and accounts in place of the image's; all tools stay in it."""
    packages = stage.packages
    if stage.uses is None and all(one.name != _BASE for one in packages):
        packages = (PackageRequest(_BASE, stage.place), *packages)
    return replace(
        definition,
        packages=packages,
        files=stage.files,
        artifacts=stage.artifacts,
        builds=(),
        accounts=stage.accounts or _ROOT,
        paths=stage.paths,
        keep=_WITH_DATABASE if stage.complete else _ALL_TOOLS,
        entrypoint=(),
        cmd=(),
        tests=(),
        tracks=(),
    )
