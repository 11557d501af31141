"""`ironhull engine`: the container engines of the machine, and settings for them."""

from __future__ import annotations

import click

from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.engine.find import list_engines
from ironhull.engine.registries import DEFAULT_MAPPINGS, docker_config, podman_config
from ironhull.errors import InputError
from ironhull.workspace.engines import engine_settings


@click.group()
def engine() -> None:
    """Show the container engines of this machine, and settings for them."""


@engine.command("list", short_help="List the engines, and why one cannot be used.")
@as_json
def list_(as_json: bool) -> None:
    r"""List the engines that Ironhull knows, and say why one cannot be used.

    \b
    Example:
      ironhull engine list
    """
    found = list_engines(engine_settings(silent()))
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "program": one.program,
                    "version": one.version,
                    "runs": one.runs,
                    "problem": one.problem,
                    "about": one.about,
                }
                for one in found
            ]
        )
        return
    rows = [
        (
            one.name,
            one.version or "-",
            "runs" if one.name == "sandbox" else "runs and builds" if one.runs else "builds",
            one.problem.splitlines()[0] if one.problem else f"works{one.about and ': '}{one.about}",
        )
        for one in found
    ]
    click.echo(table(("ENGINE", "VERSION", "DOES", "STATE"), rows))


@engine.command(short_help="Print settings that point FROM lines at Ironhull.")
@click.argument("name", metavar="ENGINE", type=click.Choice(["podman", "docker"]))
@click.option(
    "--registry",
    default="127.0.0.1:5000",
    show_default=True,
    metavar="HOST[:PORT]",
    help="The Ironhull registry (see: ironhull serve).",
)
@click.option("--insecure", is_flag=True, help="It speaks plain http.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="PREFIX=REPOSITORY",
    help="Ask for PREFIX as REPOSITORY; may be repeated. Podman only.",
)
def config(name: str, registry: str, insecure: bool, maps: tuple[str, ...]) -> None:
    r"""Print settings that let FROM lines with other names find Ironhull's images.

    Without --map: dhi.io/… is the registry itself, docker.io/library/node its repository node.
    The tags stay the same. Docker can only be given a mirror of Docker Hub; for other names there:
    ironhull load --as.

    \b
    Examples:
      ironhull engine config podman > /etc/containers/registries.conf.d/ironhull.conf
      ironhull engine config docker --insecure
    """
    if name == "docker":
        if maps:
            raise InputError("docker cannot map names (for other names: ironhull load --as NAME)")
        click.echo(docker_config(registry, insecure=insecure), nl=False)
        click.echo("put these keys into /etc/docker/daemon.json and restart dockerd", err=True)
        return
    mappings = dict(DEFAULT_MAPPINGS)
    if maps:
        mappings = {}
        for text in maps:
            prefix, equals, repository = text.partition("=")
            if not equals or not prefix:
                raise InputError(f"--map {text!r}: write PREFIX=REPOSITORY")
            mappings[prefix] = repository
    click.echo(podman_config(registry, mappings, insecure=insecure), nl=False)
