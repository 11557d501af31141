"""`ironhull load`: an image of the store into a container engine."""

from __future__ import annotations

import click

from ironhull.cli.engines import (
    ended_by_signals,
    engine_name_of,
    engine_option,
    engine_settings,
    given_platform,
    platform_option,
    stored,
)
from ironhull.cli.output import as_json, print_json
from ironhull.cli.settings import settings
from ironhull.engine.find import builder, engine
from ironhull.store.export import choose_manifest


@click.command()
@click.argument("image", metavar="NAME:TAG")
@engine_option
@click.option(
    "--as",
    "names",
    multiple=True,
    metavar="NAME:TAG",
    help="Name in the engine, may be repeated; without it localhost/NAME:TAG.",
)
@platform_option
@as_json
def load(
    image: str,
    engine_name: str | None,
    names: tuple[str, ...],
    platform: str | None,
    as_json: bool,
) -> None:
    r"""Load a built image into podman, docker or buildah, under any name.

    \b
    Examples:
      ironhull load node:20 --engine podman
      ironhull load node:20 --engine docker --as dhi.io/node:20
    """
    wanted = [engine_name_of(name) for name in names or (f"localhost/{image}",)]
    layout = settings().home.store
    manifest = choose_manifest(layout, stored(layout, image), given_platform(platform))
    found = (
        builder("buildah", engine_settings())
        if engine_name == "buildah"
        else engine(engine_name, engine_settings())
    )
    with ended_by_signals():
        identity = found.load(layout, manifest, wanted)
    if as_json:
        print_json(
            {
                "engine": found.name,
                "names": wanted,
                "id": identity,
                "manifest": manifest.digest,
            }
        )
        return
    click.echo(f"loaded into {found.name}: {', '.join(wanted)}")
    if found.name != "buildah":
        click.echo(
            f"run it:  {found.name} run --rm --read-only --tmpfs /tmp --cap-drop=all "
            f"--security-opt=no-new-privileges {wanted[0]}"
        )
