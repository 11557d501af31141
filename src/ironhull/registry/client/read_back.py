"""What a registry has of an image that was pushed, asked for as other clients ask.

A tag is followed, every manifest fetched by its digest and compared byte for byte, every blob asked
for with its size, and what refers to each manifest looked for where clients look: in the referrers
API, and under the referrers tag where there is none (distribution-spec, "Listing Referrers").
Blobs are not downloaded: a registry that stores by digest has checked them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial
from typing import Any

from ironhull.errors import MalformedError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.platform import Platform
from ironhull.registry.client.interface import Source
from ironhull.registry.client.parallel import run_all
from ironhull.registry.client.places import RegistryTarget
from ironhull.registry.client.referrers import keeps_referrers, list_referrers
from ironhull.registry.client.transfer import Contents, contents
from ironhull.store.referrers import referrer_descriptor
from ironhull.transport.stop import Stop
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Loss:
    """One thing that the registry has not, or not as it was pushed."""

    part: str
    """tag, manifest, blob, referrer (not listed), or type (listed without what clients filter
    by: its artifactType or annotations)."""
    name: str
    """A tag or a digest."""
    why: str

    def __str__(self) -> str:
        return f"{self.part} {self.name}: {self.why}"


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Counts of what was asked for, and what was lost."""

    manifests: int
    referrers: int
    blobs: int
    by_api: bool | None
    """Whether the registry lists referrers itself; else clients find them under a tag. None where
    nothing refers to the image."""
    losses: tuple[Loss, ...]

    def json(self) -> dict[str, Any]:
        """For --json."""
        return {
            "manifests": self.manifests,
            "referrers": self.referrers,
            "blobs": self.blobs,
            "referrersApi": self.by_api,
            "lost": [
                {"part": loss.part, "name": loss.name, "why": loss.why} for loss in self.losses
            ],
        }


def read_back(
    source: Source,
    target: RegistryTarget,
    *,
    platforms: Sequence[Platform] = (),
    with_referrers: bool = True,
    stop: Stop | None = None,
) -> ReadBack:
    """Compare what `transfer` brought from the source to the target with what is there now.

    A registry that cannot be reached is a NetworkError; what it answers wrongly is a loss.
    """
    pushed = contents(source, platforms=platforms, with_referrers=with_referrers, stop=stop)
    check = _Check(target)
    work = [*check.tags(pushed.root), *check.documents(pushed)]
    work += [check.blob(blob) for blob in pushed.blobs]
    run_all(work, stop or Stop())
    by_api = check.lists(pushed.referrers)
    return ReadBack(
        len(pushed.images),
        len(pushed.referrers),
        len(pushed.blobs),
        by_api,
        tuple(sorted(check.losses)),
    )


@dataclass(slots=True)
class _Check:
    """The questions, and the losses so far (appended to by several threads)."""

    target: RegistryTarget
    losses: list[Loss] = field(default_factory=list)

    def tags(self, root: Document) -> list[Callable[[], None]]:
        """Work that follows each tag."""
        return [partial(self._document, "tag", tag, root) for tag in self.target.tags]

    def documents(self, pushed: Contents) -> list[Callable[[], None]]:
        """Work that fetches each manifest."""
        return [
            partial(self._document, "manifest", document.digest, document)
            for document in (*pushed.images, *pushed.referrers)
        ]

    def _document(self, part: str, name: str, wanted: Document) -> None:
        try:
            found = self.target.repository.fetch_manifest(name)
        except NotFoundError:
            self.losses.append(Loss(part, name, "the registry does not have it any more"))
        except (MalformedError, UntrustedError) as error:
            self.losses.append(Loss(part, name, str(error)))
        else:
            if found.raw != wanted.raw:
                self.losses.append(Loss(part, name, f"is {found.digest}, not {wanted.digest}"))
            elif found.media_type != wanted.media_type:
                said = f"answered as {found.media_type}, pushed as {wanted.media_type}"
                self.losses.append(Loss(part, name, said))

    def blob(self, blob: Descriptor) -> Callable[[], None]:
        """Work that asks for one blob."""

        def run() -> None:
            try:
                there = self.target.repository.has_blob(blob)
            except UntrustedError as error:
                self.losses.append(Loss("blob", blob.digest, str(error)))
                return
            if not there:
                self.losses.append(Loss("blob", blob.digest, "the registry does not have it"))

        return run

    def lists(self, referrers: Sequence[Document]) -> bool | None:
        """Compare the lists of referrers; whether they come from the API."""
        by_subject: dict[Digest, list[Descriptor]] = {}
        for document in referrers:
            if document.subject is not None:
                shown = by_subject.setdefault(document.subject.digest, [])
                shown.append(referrer_descriptor(document))
        by_api = None
        for subject, wanted in by_subject.items():
            if by_api is None:
                by_api = keeps_referrers(self.target.repository, subject)
            self._list(subject, wanted)
        return by_api

    def _list(self, subject: Digest, wanted: Sequence[Descriptor]) -> None:
        try:
            found = {item.digest: item for item in list_referrers(self.target.repository, subject)}
        except (MalformedError, UntrustedError, NotFoundError) as error:
            self.losses.append(Loss("referrer", subject, f"its list cannot be read: {error}"))
            return
        for item in wanted:
            listed = found.get(item.digest)
            if listed is None:
                why = f"is not in the list of what refers to {subject}"
                self.losses.append(Loss("referrer", item.digest, why))
            elif why := _changed(listed, item):
                self.losses.append(Loss("type", item.digest, why))


def _changed(listed: Descriptor, wanted: Descriptor) -> str:
    """What a list says otherwise of a referrer; nothing if it says what the referrer does."""
    if listed.artifact_type != wanted.artifact_type:
        return f"is listed as {listed.artifact_type or 'nothing'}, it is {wanted.artifact_type}"
    missing = sorted(
        key for key, text in wanted.annotations.items() if listed.annotations.get(key) != text
    )
    return f"is listed without its annotations {', '.join(missing)}" if missing else ""
