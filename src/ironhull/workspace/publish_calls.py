"""The verbs of publishing, proving and verifying as calls of a `Workspace`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from ironhull.catalog.export import Exported
from ironhull.oci.platform import Platform
from ironhull.registry.client.tree import Node
from ironhull.verify.policy.reader import read_policy
from ironhull.verify.verdict import Unverified, Verdict
from ironhull.workspace import (
    attestations,
    attesting,
    catalog_serving,
    cataloguing,
    history,
    publishing,
    reproducing,
    verifying,
    vex_publishing,
)
from ironhull.workspace.attestations import ListedAttestation
from ironhull.workspace.attesting import AttestChoices, Attested
from ironhull.workspace.history import History, HistoryChoices
from ironhull.workspace.machine import Machine
from ironhull.workspace.publishing import Published
from ironhull.workspace.reproducing import ReproduceChoices, Reproduced
from ironhull.workspace.verifying import VerifyChoices


class PublishCalls:
    """What goes to registries and comes from them, what is said of it, and who is believed."""

    machine: Machine

    def push(
        self,
        name: str,
        *targets: str,
        all_tags: bool = False,
        with_referrers: bool = True,
        mount_from: str | None = None,
        platforms: Sequence[str] = (),
        record: bool = True,
        vex_set: str | Path | None = None,
        check: bool = False,
    ) -> list[Published]:
        """Push an image of the store to registries; see `publishing.push`."""
        return publishing.push(
            self.machine,
            name,
            targets,
            all_tags=all_tags,
            with_referrers=with_referrers,
            mount_from=mount_from,
            platforms=Platform.parse_all(platforms),
            record=record,
            vex_set=vex_set,
            check=check,
        )

    def pull(
        self, reference: str, *, platforms: Sequence[str] = (), with_referrers: bool = False
    ) -> Published:
        """Bring an image from a registry into the store."""
        return publishing.pull(
            self.machine,
            reference,
            platforms=Platform.parse_all(platforms),
            with_referrers=with_referrers,
        )

    def copy(
        self,
        source: str,
        target: str,
        *,
        platforms: Sequence[str] = (),
        with_referrers: bool = True,
        record: bool = True,
    ) -> Published:
        """Copy an image between registries, layouts, archives and the store."""
        return publishing.copy(
            self.machine,
            source,
            target,
            platforms=Platform.parse_all(platforms),
            with_referrers=with_referrers,
            record=record,
        )

    def tags(self, reference: str) -> list[str]:
        """The tags of a repository."""
        return publishing.tags(self.machine, reference)[1]

    def tree(self, reference: str) -> Node:
        """An image's manifests, config, layers, and what refers to them."""
        return publishing.tree(self.machine, reference)[1]

    def gather_catalog(self) -> cataloguing.Gathered:
        """Bring up to date what the catalog's pages are made of; `serve` does it by itself."""
        return cataloguing.gather(self.machine)

    def export_catalog(self, target: str | Path, whom: VerifyChoices | None = None) -> Exported:
        """Write the catalog's pages and API to a folder, for any web server.

        `whom` has the keys and the identity whose statements count there; None: the ring's keys.
        """
        return catalog_serving.export_catalog(self.machine, Path(target), whom)

    def attest(self, name: str, chosen: AttestChoices | None = None) -> Attested:
        """Sign statements about an image, and attach them to it; see `attesting.attest`."""
        return attesting.attest(self.machine, name, chosen or attesting.AttestChoices())

    def publish_vex(
        self, target: str | Path, *images: str, url: str
    ) -> vex_publishing.PublishedVex:
        """Write the VEX of the store's images as a signed VEX repository; see `vex_publishing`."""
        return vex_publishing.publish_vex(self.machine, target, images, url)

    def reproduce(self, image: str, chosen: ReproduceChoices | None = None) -> Reproduced:
        """Build an image again from its signed provenance; see `reproducing.reproduce`."""
        return reproducing.reproduce(self.machine, image, chosen or ReproduceChoices())

    def attach_summaries(self, done: Reproduced) -> Attested:
        """Say, signed and beside the image, what came of it; see `reproducing.attach_summaries`."""
        return reproducing.attach_summaries(self.machine, done)

    def history(
        self,
        reference: str,
        *,
        keys: Sequence[str | Path] = (),
        max_age: timedelta | None = None,
        export: str | Path | None = None,
    ) -> History:
        """What was published in a repository, by its signed record; see `history.history`."""
        target = None if export is None else Path(export)
        chosen = HistoryChoices(tuple(map(Path, keys)), max_age, target)
        return history.history(self.machine, reference, chosen)

    def attestations(self, image: str) -> tuple[ListedAttestation, ...]:
        """What is attached to an image in any place; nothing is verified."""
        return attestations.attestations(self.machine, image)[2]

    def read_attestation(
        self, image: str, wanted: str, *, platform: str | None = None, bundle: bool = False
    ) -> bytes:
        """What an attestation says, by kind, type or digest; see `attestations`."""
        return attestations.read_attestation(
            self.machine, image, wanted, Platform.parse_given(platform), bundle=bundle
        )

    def verify(
        self,
        image: str,
        *,
        keys: Sequence[str | Path] = (),
        policy: str | Path | None = None,
        platforms: Sequence[str] = (),
    ) -> Verdict:
        """Whether any image is to be believed: `passed`, and each rule with what was found.

        `keys` are files of public keys; none: the keys of the home's ring. See `verifying.verify`.
        """
        chosen = _choices(keys, policy, platforms)
        return verifying.verify(self.machine, image, chosen)

    def verify_all(
        self,
        images: Sequence[str],
        *,
        keys: Sequence[str | Path] = (),
        policy: str | Path | None = None,
        platforms: Sequence[str] = (),
    ) -> list[Verdict | Unverified]:
        """Many images in one call, in their order: a thousand on this disk in a few seconds.

        What cannot be looked at is Unverified with its reason, and stops no other.
        """
        return verifying.verify_all(self.machine, images, _choices(keys, policy, platforms))


def _choices(
    keys: Sequence[str | Path], policy: str | Path | None, platforms: Sequence[str]
) -> VerifyChoices:
    read = None if policy is None else read_policy(Path(policy))
    return VerifyChoices(tuple(map(Path, keys)), read, Platform.parse_all(platforms))
