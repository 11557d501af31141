"""`ironhull build`: images from definitions."""

from __future__ import annotations

import time
from pathlib import Path

import click

from ironhull.build.built import BuiltImage
from ironhull.build.document import builds_document
from ironhull.cli.machine import opened
from ironhull.cli.options import archive_options, platforms_option
from ironhull.cli.output import as_json, print_json, print_lines, table
from ironhull.cli.signals import ended_by_signals
from ironhull.errors import CheckFailedError, UnfitImageError
from ironhull.oci.platform import Platform
from ironhull.reports.words import shown_size, tally
from ironhull.workspace.building import BuildChoices, build_images, write_layout
from ironhull.workspace.machine import Machine


@click.command()
@click.argument("images", metavar="NAME:TAG|FILE...", nargs=-1, required=True)
@platforms_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write the image there, as an OCI image layout.",
)
@click.option("--compression", help="zstd[:1-19], zstd:chunked[:1-19] or gzip[:1-9].")
@click.option("--update", is_flag=True, help="Lock to what the archive has now, then build.")
@click.option("--locked", is_flag=True, help="Fail if there is no lock yet.")
@click.option(
    "--suggest",
    is_flag=True,
    help="If its check fails: all it found, and lines that would mend it.",
)
@click.option(
    "--start",
    is_flag=True,
    help="Start each once in a container engine or the sandbox, as `check` does; 1 if one fails.",
)
@click.option("--no-attest", is_flag=True, help="Sign nothing, though there is a key.")
@click.option(
    "--check-reproducible",
    "twice",
    is_flag=True,
    help="Build stages twice (another folder, time zone, number of jobs); fail if bytes differ.",
)
@click.option("--jobs", type=click.IntRange(1, 64), help="Layers made at once; default: the CPUs.")
@archive_options
@as_json
def build(
    images: tuple[str, ...],
    platforms: tuple[str, ...],
    output: Path | None,
    compression: str | None,
    update: bool,
    locked: bool,
    suggest: bool,
    start: bool,
    no_attest: bool,
    twice: bool,
    jobs: int | None,
    mirror: str | None,
    keyring: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    r"""Build images from their definitions into Ironhull's store.

    An image is built from the packages in its lock, the JSON file beside the definition. Without
    one, the archive is resolved and the lock is written first. The same lock gives the same digest
    on every machine. If there is a key (ironhull key generate), statements about the image are
    signed and attached: SBOM, provenance, VEX and the rest of `ironhull attest`.

    \b
    Examples:
      ironhull build node:20
      ironhull build node:20 node:20-dev --platform linux/arm64
      ironhull build images/nginx/debian-13/1.26.yaml -o out --compression gzip
    """
    if update and (locked or offline):
        raise click.UsageError("--update asks the archive; it excludes --locked and --offline")
    if output is not None and len(images) > 1:
        raise click.UsageError("--output takes one image")
    began = time.monotonic()
    chosen = BuildChoices(
        Platform.parse_all(platforms), compression, update, locked, jobs, not no_attest, twice
    )
    with opened(as_json, mirror=mirror, keyring=keyring, offline=offline) as machine:

        def write(image: BuiltImage) -> None:
            if output is not None:
                write_layout(machine.home, image, output)

        try:
            built = build_images(machine, images, chosen, write)
        except UnfitImageError as error:
            if not suggest:
                raise
            # The lines alone are data, so that they can be sent into a file.
            if as_json:
                print_json({"mending": error.mending})
            else:
                # A build that passes needs no trees of files.
                from ironhull.build.mending import yaml_lines

                click.echo(yaml_lines(error.mending), nl=False)
            raise CheckFailedError(error.whole) from None
        _said(machine, built, time.monotonic() - began, start, as_json)


def _said(
    machine: Machine, built: list[BuiltImage], seconds: float, start: bool, as_json: bool
) -> None:
    if as_json and not start:
        print_json(builds_document(built, seconds))
    elif not as_json:
        click.echo(_text(built, seconds))
    if start:
        _start(machine, built, seconds, as_json)


def _start(machine: Machine, built: list[BuiltImage], seconds: float, as_json: bool) -> None:
    """Start each once and say what became of it. Loaded here: most builds start nothing."""
    from ironhull.workspace.checking import started_once
    from ironhull.workspace.checking_report import start_document, start_lines

    with ended_by_signals():
        started = [started_once(machine, image) for image in built]
    if as_json:
        starts = [start_document(*one) for one in started]
        print_json(builds_document(built, seconds) | {"starts": starts})
    else:
        for image, one in zip(built, started, strict=True):
            print_lines([f"{image.name}:{image.tags[0]}", *start_lines(*one)])
    failed = sum(one is not None and not one.started for one, _ in started)
    if failed:
        raise CheckFailedError(f"{failed} of {tally(built, 'image')} did not start")


def _text(built: list[BuiltImage], seconds: float) -> str:
    rows = [
        (
            f"{image.name}:{image.tags[0]}",
            platform.platform,
            str(len(platform.packages)),
            str(platform.layers),
            shown_size(platform.compressed_size),
            f"{sum(check.ok for check in platform.checks)} of {len(platform.checks)}",
            platform.digest[:19],
        )
        for image in built
        for platform in image.platforms
    ]
    headings = ("IMAGE", "PLATFORM", "PACKAGES", "LAYERS", "TO PULL", "CHECKS", "DIGEST")
    lines = [table(headings, rows, right=(2, 3, 4)), ""]
    for image in built:
        lines.append(f"{image.name}@{image.descriptor.digest}")
        lines.append(f"  {', '.join(image.tags)}")
    made = sum(image.layers_made for image in built)
    reused = sum(image.layers_reused for image in built)
    lines.append(f"{tally(made, 'layer')} made, {reused} reused, {seconds:.1f} s")
    return "\n".join(lines)
