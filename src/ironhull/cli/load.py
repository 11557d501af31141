"""`ironhull load`: an image of the store into a container engine."""

from __future__ import annotations

import click

from ironhull.cli.engines import engine_option
from ironhull.cli.machine import silent
from ironhull.cli.options import given_platform, platform_option
from ironhull.cli.output import as_json, print_json
from ironhull.cli.signals import ended_by_signals
from ironhull.workspace.engines import load as load_image


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
    with ended_by_signals():
        loaded = load_image(
            silent(),
            image,
            engine_name=engine_name,
            names=names,
            platform=given_platform(platform),
        )
    if as_json:
        print_json(
            {
                "engine": loaded.engine,
                "names": list(loaded.names),
                "id": loaded.identity,
                "manifest": loaded.manifest,
            }
        )
        return
    click.echo(f"loaded into {loaded.engine}: {', '.join(loaded.names)}")
    if loaded.engine != "buildah":
        click.echo(
            f"run it:  {loaded.engine} run --rm --read-only --tmpfs /tmp --cap-drop=all "
            f"--security-opt=no-new-privileges {loaded.names[0]}"
        )
