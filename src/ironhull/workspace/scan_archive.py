"""What the archive of an image's release offers, by the mirror that is set on this machine."""

from __future__ import annotations

from functools import partial

from ironhull.archive.debian import ArchiveContext, load_releases, open_archive
from ironhull.archive.fetch import default_transfer
from ironhull.archive.mirror import find_repositories
from ironhull.inventory.model import Inventory
from ironhull.oci.platform import Platform
from ironhull.scan.archive_index import InstalledIndex
from ironhull.workspace.machine import Machine
from ironhull.workspace.network import network


def archive_index(machine: Machine, inventory: Inventory) -> InstalledIndex:
    """The versions that all suites of the release have of what is installed."""
    distribution = f"debian-{inventory.distribution.version_id.partition('.')[0]}"
    repositories = find_repositories(distribution, mirror=machine.settings.mirror)
    context = ArchiveContext(
        cache=machine.home.archive,
        progress=machine.progress,
        transfer=partial(default_transfer, network=network(machine)),
    )
    releases = load_releases(repositories, context)
    platform = inventory.image.platform or Platform("linux", "amd64")
    archive = open_archive(releases, platform.debian, context)
    try:
        names = {package.name for package in inventory.packages if package.type == "deb"}
        return InstalledIndex(found for name in sorted(names) for found in archive.versions(name))
    finally:
        archive.close()
