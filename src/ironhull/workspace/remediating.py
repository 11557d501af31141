"""A foreign Debian image with the archive's fixes on top: planned, made, compared, stored.

The image itself is not touched: the result is a new one under a name of its own, with all of the
old one's layers below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ironhull.archive.debian import ArchiveContext, load_releases, open_archive
from ironhull.archive.fetch import MirrorSource, Wording, default_transfer
from ironhull.build.compression import Compression
from ironhull.compare.model import Comparison, Unknown
from ironhull.errors import CheckFailedError, InputError
from ironhull.inventory.model import Inventory
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.platform import Platform
from ironhull.registry.client.naming import Kind, find_location
from ironhull.registry.client.places import LayoutTarget
from ironhull.registry.client.transfer import transfer
from ironhull.remediate.image import patched
from ironhull.remediate.model import Refused, Upgrade
from ironhull.remediate.patch import Patch, patch
from ironhull.remediate.plan import Versions, sources_with_newer
from ironhull.remediate.reading import read_image
from ironhull.reports.words import UNKNOWN, shown_size
from ironhull.scan.model import FIXABLE, Finding
from ironhull.store.choice import choose_manifest
from ironhull.workspace.examining import opened_taker
from ironhull.workspace.image_place import image_place
from ironhull.workspace.machine import Machine
from ironhull.workspace.measuring import MeasureChoices
from ironhull.workspace.measuring import compare as compare_images
from ironhull.workspace.network import network
from ironhull.workspace.repositories import distributions_own
from ironhull.workspace.scanning import ScanChoices, scan

_WORDING = Wording("package", "packages", "The archive moved meanwhile: run it again.")


@dataclass(frozen=True, slots=True)
class RemedyChoices:
    """What remediating may be told besides the image."""

    platform: Platform | None = None
    """Of an index: which image; None: this machine's."""
    all_packages: bool = False
    """Every package with a newer version, not only those with fixed vulnerabilities."""
    plan_only: bool = False
    """Say what would be done, and make nothing of it a name."""
    scan: ScanChoices = field(default_factory=ScanChoices)


@dataclass(frozen=True, slots=True)
class Remedied:
    """What was done to an image, and what was not."""

    image: str
    digest: Digest
    """Of the manifest that was patched."""
    result: str
    """The new image's name in the store; empty where nothing was made."""
    made: Digest | None
    """Of the new manifest."""
    upgrades: tuple[Upgrade, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]
    new_bytes: int
    """Of the layers that were added, as they are pulled."""
    comparison: Comparison | None
    """The image beside the new one; None where nothing was made."""


def remediate(
    machine: Machine, image: str, result: str, chosen: RemedyChoices | None = None
) -> Remedied:
    """Patch an image of a registry, a layout, an archive or the store; `result` names the new one.

    InputError for an image that is not Debian's, or without an advisory database (unless all
    packages are asked for); CheckFailedError if the new image is not what was planned: nothing gets
    the name then. Otherwise the errors of fetching and of archives.
    """
    chosen = chosen or RemedyChoices()
    if not chosen.plan_only:
        _must_be_free(machine, image, result)
    root = _brought(machine, image)
    layout = machine.home.store
    manifest = choose_manifest(layout, root, chosen.platform)
    place = f"store:{root.digest}"
    found = None if chosen.all_packages else scan(machine, place, chosen.scan, chosen.platform)
    with opened_taker(machine) as taker, taker.opened(place, chosen.platform) as (opened, view):
        inventory = taker.take(place, chosen.platform)
        archive = _Archive(machine, inventory)
        try:
            database = read_image(taker, opened, view)
            if found is None:
                wanted = sources_with_newer(database.installed, archive.versions)
            else:
                wanted = {finding.source for finding in found.open if _mended(finding)}
            done = patch(
                database,
                wanted,
                archive.versions,
                archive.fetch,
                machine.home.packages,
                layout.blobs,
                Compression.parse("gzip"),
                archive.mtime,
            )
        finally:
            archive.close()
    if not done.layers or chosen.plan_only:
        return _said(image, manifest.digest, done)
    document = layout.document(manifest.digest, manifest.media_type)
    made = patched(layout, document, done.layers, archive.created, (image, manifest.digest))
    layout.tag(made, [result])
    try:
        comparison = _checked(machine, place, result, done, chosen)
    except BaseException:
        layout.update(lambda before: [one for one in before if one.digest != made.digest])
        raise
    return _said(image, manifest.digest, done, result, made, comparison)


def _said(
    image: str,
    digest: Digest,
    done: Patch,
    result: str = "",
    made: Descriptor | None = None,
    comparison: Comparison | None = None,
) -> Remedied:
    return Remedied(
        image,
        digest,
        result,
        made.digest if made else None,
        done.upgrades,
        done.refused,
        done.notes,
        sum(layer.descriptor.size for layer in done.layers),
        comparison,
    )


def _must_be_free(machine: Machine, image: str, result: str) -> None:
    if ":" not in result or "/" in result.rpartition(":")[2]:
        raise InputError(f"{result!r} is no name in the store: write NAME:TAG")
    if result == image:
        raise InputError(f"the patched image needs a name of its own, not {image!r}")
    if find_location(result).kind is not Kind.STORE:
        raise InputError(f"{result!r} is not in the store: make it there, and push it then")


def _brought(machine: Machine, image: str) -> Descriptor:
    """The image in the store, with all that belongs to it."""
    with image_place(machine, image) as source:
        root = source.root()
        layout = machine.home.store
        if any(one.digest == root.digest for one in layout.descriptors()):
            return root.descriptor()
        # Without a name, but listed: a clean-up must not take it for rubbish.
        done = transfer(
            source,
            LayoutTarget(layout, [], "the store"),
            with_referrers=False,
            progress=machine.progress,
        )
        return done.root.descriptor()


def _mended(finding: Finding) -> bool:
    return finding.type == "deb" and finding.fix_state in FIXABLE


def _checked(
    machine: Machine, old: str, new: str, done: Patch, chosen: RemedyChoices
) -> Comparison:
    """Both images beside each other; CheckFailedError if the new one is not what was planned."""
    choices = MeasureChoices(chosen.scan, chosen.platform)
    comparison = compare_images(machine, old, [f"store:{new}"], choices)
    pair = comparison.pairs[0]
    planned = {(each.installed.name, each.deb.version) for each in done.upgrades}
    changed = {
        (each.package.name, each.after)
        for each in pair.packages.versions
        if each.package.type == "deb"
    }
    if changed != planned or pair.packages.added or pair.packages.removed:
        others = [f"{name} {version}" for name, version in sorted(changed ^ planned)]
        others += [package.name for package in (*pair.packages.added, *pair.packages.removed)]
        raise CheckFailedError(
            f"the patched image does not have the packages that were planned: {', '.join(others)}"
        )
    if not isinstance(pair.findings, Unknown) and pair.findings.new:
        names = ", ".join(f"{each.id} ({each.package})" for each in pair.findings.new)
        raise CheckFailedError(f"the patched image has vulnerabilities that it had not: {names}")
    return comparison


class _Archive:
    """The archive of an image's distribution, by the mirror of this machine."""

    def __init__(self, machine: Machine, inventory: Inventory) -> None:
        distribution = inventory.distribution
        if distribution.id != "debian":
            label = distribution.label or "an unknown distribution"
            raise InputError(f"{inventory.image.name} is {label}: only Debian's are patched")
        label = f"debian-{distribution.version_id.partition('.')[0]}"
        self._machine = machine
        self._repositories = distributions_own(machine.settings, label)
        context = ArchiveContext(
            cache=machine.home.archive,
            progress=machine.progress,
            offline=machine.settings.offline,
            transfer=partial(default_transfer, network=network(machine)),
        )
        releases = load_releases(self._repositories, context)
        platform = inventory.image.platform or Platform("linux", "amd64")
        self._archive = open_archive(releases, platform.debian, context)
        self.versions: Versions = self._archive.versions
        self.created = max(record.date for record in self._archive.releases)
        self.mtime = int(datetime.fromisoformat(self.created).timestamp())

    def fetch(self, upgrades: Sequence[Upgrade]) -> None:
        """Get the package files, verified."""
        source = MirrorSource(
            self._repositories,
            self._machine.home.packages,
            offline=self._machine.settings.offline,
            transfer=partial(default_transfer, network=network(self._machine)),
            wording=_WORDING,
        )
        source.fetch([upgrade.deb for upgrade in upgrades], self._machine.progress)

    def close(self) -> None:
        """The archive's files are no longer needed."""
        self._archive.close()


def remedied_json(done: Remedied) -> dict[str, object]:
    """What `ironhull remediate --json` says."""
    return {
        "image": done.image,
        "manifest": done.digest,
        "result": done.result or None,
        "made": done.made,
        "upgrades": [
            {
                "package": each.installed.name,
                "source": each.installed.source,
                "before": each.installed.version,
                "after": each.deb.version,
                "suite": each.deb.suite,
                "sha256": each.deb.sha256,
            }
            for each in done.upgrades
        ],
        "refused": [
            {"source": each.source, "packages": list(each.packages), "reason": each.reason}
            for each in done.refused
        ],
        "notes": list(done.notes),
        "new_bytes": done.new_bytes,
        "vulnerabilities": _counts(done.comparison),
        "summary": _summary(done),
    }


def _counts(comparison: Comparison | None) -> dict[str, object] | None:
    if comparison is None:
        return None
    change = comparison.pairs[0].figure("vulnerabilities.after_vex")
    before, after = (None if isinstance(e, Unknown) else e for e in (change.baseline, change.image))
    return {"before": before, "after": after}


def _summary(done: Remedied) -> str:
    counts = _counts(done.comparison) or {"before": None, "after": None}
    before, after = (UNKNOWN if counts[key] is None else counts[key] for key in ("before", "after"))
    size = shown_size(done.new_bytes)
    return f"vulnerabilities {before} → {after}, {size} more to pull"
