"""`ironhull package`: source packages of the distribution with patches of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import archive_options
from ironhull.cli.output import as_json, print_json
from ironhull.lock.file import lock_path
from ironhull.reports.words import tally
from ironhull.workspace.packages import build_package, lock_package

_file = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
_update = click.option(
    "--update", is_flag=True, help="Lock anew to what the archive has now to build it from."
)


@click.group(short_help="Patch the distribution's source packages.")
def package() -> None:
    """Build source packages of Debian with patches of one's own, into an archive of one's own.

    Example: ironhull package build examples/packages/jbigkit/jbigkit.yaml
    """


@package.command(short_help="Fix a patched package to exact inputs.")
@_file
@_update
@archive_options
def lock(file: Path, update: bool, mirror: str | None, keyring: Path | None, offline: bool) -> None:
    """Write the lock of FILE beside it: the source's files, and all that it is built from.

    Example: ironhull package lock examples/packages/jbigkit/jbigkit.yaml
    """
    with opened(mirror=mirror, keyring=keyring, offline=offline) as machine:
        definition, locked = lock_package(machine, file, update=update)
    count = len(locked.source.files)
    click.echo(f"{lock_path(file)}: {definition.source} {definition.base}, {tally(count, 'file')}")


@package.command(short_help="Build a patched package, and publish it.")
@_file
@_update
@archive_options
@as_json
def build(
    file: Path,
    update: bool,
    mirror: str | None,
    keyring: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Build the source package of FILE with its patches, twice, into this machine's own archive.

    It is unpacked, patched and built in the sandbox without a network; a second build in another
    folder and time zone must give the same bytes. Image definitions take the packages from
    `deb ironhull:own CODENAME main`, others from `ironhull serve` (/apt/own) or any web server.
    What was fixed is said as VEX, OSV, bill of materials and provenance; scans here heed it.

    Example: ironhull package build examples/packages/jbigkit/jbigkit.yaml
    """
    with opened(as_json, mirror=mirror, keyring=keyring, offline=offline) as machine:
        built = build_package(machine, file, update=update)
    if as_json:
        names = {deb.file_name: deb.digest for deb in built.debs}
        print_json({"archive": str(built.archive), "key": built.signed_by, "packages": names})
        return
    for deb in built.debs:
        click.echo(f"{deb.file_name}  {deb.digest}")
    fixes = ", ".join(built.definition.fixes)
    click.echo(f"{built.archive}: {built.definition.version} fixes {fixes}")
