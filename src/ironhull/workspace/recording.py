"""Publications recorded as they happen: a registry as target, with the record of its repository."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ironhull.errors import InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import Document
from ironhull.publication.chain import Position, merged
from ironhull.publication.log_tag import LOG_TAG
from ironhull.publication.record import VexSet
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.publication.registry_log import fetch_log, read_log
from ironhull.publication.writing import Publisher
from ironhull.registry.client.interface import Advance, Source, Target
from ironhull.registry.client.places import RegistryTarget
from ironhull.signing.keyring import Keyring
from ironhull.transport.stop import Stop
from ironhull.verify.trust import NamedKey, Trust
from ironhull.workspace.machine import Machine
from ironhull.workspace.signing_keys import signer_of


def publisher_of(machine: Machine, vex_set: str | Path | None = None) -> Publisher | None:
    """Who records publications of this machine; None where no key signs here.

    `vex_set` is the folder or the reference of a published set that records are to name.
    InputError, and others of `signer_of`, for a key that cannot be used: before anything is sent.
    """
    if not machine.signs:
        return None
    try:
        signer = signer_of(machine)
    except InputError as error:
        raise type(error)(f"{error}; to publish without a record of it: --no-record") from None
    ring = Keyring(machine.home.keys).known()
    named = next((key.name for key in ring if key.public == signer.public), "signer")
    trust = Trust.of([NamedKey(named, signer.public)], ring, whole=True)
    named_set = None
    if vex_set is not None:
        # What reads sets reads the images of a store: nobody loads it who names none.
        from ironhull.workspace.vex_publishing import published_set

        named_set = VexSet(*published_set(machine, vex_set, signer.public))
    clock = partial(datetime.now, UTC)
    return Publisher(machine.home.publications, signer, trust, clock, named_set)


class RecordingTarget:
    """A registry's repository: what is published there is recorded there, and in the home."""

    keeps_tags = True

    def __init__(self, target: RegistryTarget, publisher: Publisher) -> None:
        self.label = target.label
        self.recorded: Position | None = None
        """The newest record, once it is published."""
        self._target = target
        self._publisher = publisher

    def expect(self, images: Sequence[Document], referrers: Sequence[Document], stop: Stop) -> None:
        """As `Target.expect`."""
        self._target.expect(images, referrers, stop)

    def take(self, descriptor: Descriptor, source: Source, advance: Advance) -> int:
        """As `Target.take`."""
        return self._target.take(descriptor, source, advance)

    def store(self, document: Document) -> None:
        """As `Target.store`."""
        self._target.store(document)

    def tag(self, document: Document, tag: str) -> None:
        """As `Target.tag`."""
        self._target.tag(document, tag)

    def publish(self, root: Document, referrers: Sequence[Document]) -> None:
        """As `Target.publish`, and the record last."""
        target = self._target
        self.recorded = self._publisher.publish(
            target.repository,
            target.tags,
            root,
            referrers,
            lambda: target.publish(root, referrers),
            target,
        )


class MirroredRecord:
    """A repository that gets the record of another one, which has to go on from its own."""

    keeps_tags = False

    def __init__(self, target: RegistryTarget) -> None:
        self.label = target.label
        self._target = target

    def expect(self, images: Sequence[Document], referrers: Sequence[Document], stop: Stop) -> None:
        """As `Target.expect`."""
        self._target.expect(images, referrers, stop)

    def take(self, descriptor: Descriptor, source: Source, advance: Advance) -> int:
        """As `Target.take`."""
        return self._target.take(descriptor, source, advance)

    def store(self, document: Document) -> None:
        """As `Target.store`."""
        self._target.store(document)

    def tag(self, document: Document, tag: str) -> None:
        """As `Target.tag`: never asked to."""

    def publish(self, root: Document, referrers: Sequence[Document]) -> None:
        """As `Target.publish`; LogRefusedError for what is no record, or would take one back."""
        repository = self._target.repository
        theirs = read_log(repository, root)
        ours = fetch_log(repository) or ()
        if len(merged(ours, theirs, self.label)) > len(theirs):
            raise LogRefusedError(
                LogReason.ROLLED_BACK,
                f"{self.label}: it has {len(ours)} records, and the copy would leave "
                f"{len(theirs)} of them",
            )
        self._target.publish(root, referrers)


def recording(target: Target, publisher: Publisher | None) -> Target:
    """The target, with a record of it if it is a registry and somebody signs here.

    The tag of the record itself takes nothing but a record.
    """
    if not isinstance(target, RegistryTarget):
        return target
    if LOG_TAG in target.tags:
        return MirroredRecord(target)
    return target if publisher is None else RecordingTarget(target, publisher)
