"""A definition that asks for nothing, for what has no file of its own: `replace` says the rest."""

from __future__ import annotations

from pathlib import Path

from ironhull.definition.model import Accounts, ImageDefinition
from ironhull.oci.digest import Digest


def bare_definition(file: Path, image: str = "") -> ImageDefinition:
    """An image without packages, files, accounts or configuration; `file` is for messages."""
    return ImageDefinition(
        file=file,
        digest=Digest(""),
        name=image,
        image=image,
        variant="",
        flavor="",
        tags=(),
        platforms=(),
        distribution="",
        codename="",
        packages=(),
        repositories=(),
        files=(),
        mappings={},
        accounts=Accounts("", False, (), ()),
        os_release={},
        environment={},
        entrypoint=(),
        cmd=(),
        work_dir="/",
        ports=(),
        volumes=(),
        stop_signal=None,
        healthcheck=None,
        labels={},
        annotations={},
        paths=(),
        compression="",
        squashed=False,
        dates={},
        tracks=(),
        tests=(),
    )
