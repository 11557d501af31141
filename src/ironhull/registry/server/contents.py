"""What repositories hold: an image layout and the records beside it, as one.

A manifest belongs to a repository if it was pushed there, if a tag of index.json points at it, if
an index that belongs there lists it, or if it is a loose entry of index.json whose subject the
store itself has under the repository's name. A blob belongs to it if it was pushed or mounted there
or a manifest of it consists of it. So what a build put into the layout can be pulled without a
record being written. Why nobody gets at what is another repository's this way:

1. `publishing` takes a manifest only if everything it consists of belongs to the repository.
2. What it names without consisting of it (a subject, a blob with addresses of its own) is not
   checked there, and so makes nothing belong here.
3. A mirrored repository has what upstream has sent, and a record is made of that: its manifests
   are others' word, and make nothing belong to it.
4. Loose entries say nothing about repositories. They go where index.json names their subject, not
   where somebody pushed it.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ironhull.errors import NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import MAX_DOCUMENT
from ironhull.registry.server.entries import Entries, Entry
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.listing import Listing, Tags
from ironhull.registry.server.names import digest as parse_digest
from ironhull.registry.server.names import is_tag
from ironhull.registry.server.records import Records
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.rules import Rules
from ironhull.store.files import locked
from ironhull.store.layout import ImageLayout

_SWAPPING = 64
_REPOSITORIES = 1000
"""Of which something is kept in memory."""
_MOMENT = 100_000_000
"""Nanoseconds: many times what a file system takes for one moment."""
Condition = Callable[[Digest | None], bool]
"""Whether a tag may be set, by what it is; None: there is none."""
_Tags = Mapping[str, Descriptor]
_Loose = tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """Everything of one repository."""

    manifests: frozenset[Digest]
    blobs: frozenset[Digest]
    named: frozenset[Digest]  # the blobs, and those that live elsewhere and may be here too
    built: frozenset[Digest]  # manifests that the store itself has under this name
    indexes: Mapping[Digest, Digest]  # a manifest → an index that lists it


@dataclass(frozen=True, slots=True)
class FoundBlob:
    """A blob that a repository has."""

    digest: Digest
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class FoundManifest:
    """A manifest that a repository has, as it was pushed."""

    digest: Digest
    media_type: str
    size: int


class Contents:
    """The repositories of one layout; reading and deleting. `publishing` puts manifests in."""

    def __init__(self, layout: ImageLayout, limits: Limits, rules: Rules | None = None) -> None:
        self.layout = layout
        self.rules = rules or Rules()
        self.blobs = layout.blobs
        self.limits = limits
        self.records = Records(layout.root)
        self.tags = Tags(layout)
        self.entries = Entries(layout.blobs)
        # Held shared while a push relies on blobs, exclusively while one is removed.
        self.sweep_lock = self.records.root / ".sweep"
        self._lock = threading.Lock()
        self._setting = threading.Lock()
        # Two of one repository that ask for a tag as it was; more would only wait for each other.
        self._swapping = [threading.Lock() for _ in range(_SWAPPING)]
        self._coming: Counter[str] = Counter()
        self._members: dict[str, tuple[_Tags | None, _Loose, tuple[int, int], Members]] = {}
        self._pushed: dict[str, _Tags] = {}
        self._by_subject: tuple[_Loose, Mapping[Digest, tuple[Entry, ...]]] | None = None

    # Pull.

    def find_manifest(self, repository: str, reference: str) -> FoundManifest:
        """A manifest by tag or digest."""
        if is_tag(reference):
            descriptor = self.tags.listing().tags.get(repository, {}).get(reference)
            if descriptor is None or not self.blobs.has(descriptor.digest):
                raise Refusal("MANIFEST_UNKNOWN", f"{repository} has no tag {reference!r}")
            return FoundManifest(descriptor.digest, descriptor.media_type, descriptor.size)
        if ":" not in reference:
            raise Refusal("MANIFEST_UNKNOWN", f"{reference!r:.200} is neither tag nor digest")
        digest = parse_digest(reference)
        media_type = self.records.media_type(repository, digest)
        if not self.has_manifest(repository, digest):
            raise Refusal("MANIFEST_UNKNOWN", f"{repository} has no manifest {digest}")
        entry = self.entries.get(digest, media_type)
        if entry is None or not self.blobs.has(digest):
            raise Refusal("MANIFEST_UNKNOWN", f"manifest {digest} is missing or damaged")
        return FoundManifest(digest, entry.media_type, entry.size)

    def read_manifest(self, repository: str, reference: str) -> tuple[FoundManifest, bytes]:
        """A manifest and its bytes, verified."""
        found = self.find_manifest(repository, reference)
        return found, self.blobs.read(found.digest, MAX_DOCUMENT)

    def find_blob(self, repository: str, digest: Digest) -> FoundBlob:
        """A blob of the repository; its age starts again, so that a push can rely on the answer."""
        if self.has_blob(repository, digest):
            with suppress(NotFoundError):
                self._touch(digest)
                return FoundBlob(digest, self.blobs.path(digest), self.blobs.size(digest))
        raise Refusal("BLOB_UNKNOWN", f"{repository} has no blob {digest}")

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Whether the blob belongs to the repository (not whether it is on disk)."""
        if self.records.has_blob(repository, digest):
            return True
        return not self.is_mirror(repository) and digest in self.members(repository).blobs

    def has_manifest(self, repository: str, digest: Digest) -> bool:
        """Whether a repository has a manifest, pushed or built here."""
        if self.records.media_type(repository, digest) is not None:
            return True
        return not self.is_mirror(repository) and digest in self.members(repository).manifests

    def is_mirror(self, repository: str) -> bool:
        """Whether manifests of the repository are others' word: they make nothing belong to it.

        Also of what was mirrored once: the rule may be gone, the manifests are there.
        """
        return self.rules.mirror(repository) is not None or self.records.is_mirror(repository)

    def built(self, repository: str) -> frozenset[Digest]:
        """The manifests that the store itself has under the repository's name."""
        # A repository that was only pushed to need not be walked: many tags are no slow push.
        return self.members(repository).built if self._has_own(repository) else frozenset()

    def _has_own(self, repository: str) -> bool:
        """Whether the store itself has anything under the repository's name.

        A tag that once was found to be a push's stays one: its record goes after it.
        """
        if any(self.records.built(repository)):
            return True
        tags = self._tagged(repository)
        known = self._pushed.get(repository, {})
        if any(
            self.records.media_type(repository, descriptor.digest) is None
            for tag, descriptor in tags.items()
            if known.get(tag) is not descriptor
        ):
            return True
        if len(self._pushed) > _REPOSITORIES:
            self._pushed.clear()
        self._pushed[repository] = tags
        return False

    # Content discovery.

    def tag_names(self, repository: str) -> list[str]:
        """Tags in the order of their bytes; NAME_UNKNOWN if there is no such repository."""
        tags = self.tags.listing().tags.get(repository)
        if tags is None and not any(self.records.manifests(repository)):
            raise Refusal("NAME_UNKNOWN", f"no repository {repository}")
        return sorted(tags or ())

    def repositories(self) -> list[str]:
        """Repositories with a tag or a manifest, in order."""
        names = set(self.tags.listing().tags)
        names.update(
            name
            for name in self.records.repositories()
            if name not in names and any(self.records.manifests(name))
        )
        return sorted(names)

    def referrers(self, repository: str, subject: Digest) -> list[Descriptor]:
        """Descriptors of all manifests of the repository whose subject this is, by digest."""
        listing = self.tags.listing()
        found = {
            entry.digest: entry
            for digest in self.records.referrers(repository, subject)
            if (entry := self.entries.get(digest, self.records.media_type(repository, digest)))
        }
        for descriptor in listing.tags.get(repository, {}).values():
            entry = self.entries.get(descriptor.digest, descriptor.media_type)
            if entry is not None and entry.subject == subject:
                found[entry.digest] = entry
        loose = self._loose_by_subject(listing).get(subject, ())
        if loose and subject in self.members(repository).built:
            found.update((entry.digest, entry) for entry in loose)
        return [
            Descriptor(
                entry.media_type,
                entry.digest,
                entry.size,
                entry.annotations,
                entry.artifact_type,
            )
            for _, entry in sorted(found.items())
        ]

    # Content management.

    def delete_tag(self, repository: str, tag: str) -> None:
        """Remove a tag; its manifest stays, to be had by digest."""
        descriptor = self.tags.listing().tags.get(repository, {}).get(tag)
        if descriptor is None:
            raise Refusal("MANIFEST_UNKNOWN", f"{repository} has no tag {tag!r}")
        self.check_movable(repository, [tag])
        self.keep_by_digest(repository, descriptor)
        self.tags.remove(repository, lambda name, _: name == tag)

    def delete_manifest(self, repository: str, digest: Digest) -> None:
        """Remove a manifest and the tags that point at it."""
        # A push in between would leave a tag without its record: it would pass for a build's.
        with locked(self.sweep_lock):
            self._delete_manifest(repository, digest)

    def _delete_manifest(self, repository: str, digest: Digest) -> None:
        if not self.has_manifest(repository, digest):
            raise Refusal("MANIFEST_UNKNOWN", f"{repository} has no manifest {digest}")
        index = self.members(repository).indexes.get(digest)
        if index is not None:
            raise Refusal(
                "UNSUPPORTED", f"{digest} is part of the index {index}: delete that first"
            )
        entry = self.entries.get(digest)
        if any(descriptor.digest == digest for descriptor in self.tags.listing().loose):
            raise Refusal("UNSUPPORTED", f"{digest} is in the store's index.json without a tag")
        tagged = [tag for tag, d in self._tagged(repository).items() if d.digest == digest]
        self.check_movable(repository, tagged)
        if tagged:
            self.tags.remove(repository, lambda _, of: of == digest)
        if entry is not None and entry.subject is not None:
            self.records.drop_referrer(repository, entry.subject, digest)
        self.records.drop_manifest(repository, digest)

    def delete_blob(self, repository: str, digest: Digest) -> None:
        """Take a blob out of the repository; the sweep removes what no repository has."""
        with locked(self.sweep_lock):
            if digest in self.members(repository).named and self.has_blob(repository, digest):
                raise Refusal("UNSUPPORTED", f"a manifest of {repository} refers to {digest}")
            if not self.records.drop_blob(repository, digest):
                raise Refusal("BLOB_UNKNOWN", f"{repository} has no blob {digest}")

    @contextmanager
    def moving(self, repository: str, tags: Mapping[str, Digest]) -> Iterator[None]:
        """While a manifest is put, one at a time where a rule goes by what is there already.

        Of two that set an immutable tag at once, the second is refused, and so is of two that
        together pass a quota. `tags` has what each is to be at.
        """
        immutable = [tag for tag in tags if self.rules.never_moves(repository, tag)]
        if not immutable and self.rules.room(repository) is None:
            yield
            return
        with self._setting:
            before = self._tagged(repository)
            for tag in immutable:
                if tag in before and before[tag].digest != tags[tag]:
                    self.check_movable(repository, [tag])
            yield

    @contextmanager
    def swapping(
        self, repository: str, wanted: Mapping[str, Condition]
    ) -> Iterator[Mapping[str, Digest | None]]:
        """While tags are set that have to be as somebody knows them; those that are not so.

        Of two that ask so at once the second finds another digest. Who asks for nothing does not
        wait.
        """
        if not wanted:
            yield {}
            return
        with self._swapping[hash(repository) % _SWAPPING]:
            before = self._tagged(repository)
            now = {tag: before[tag].digest if tag in before else None for tag in wanted}
            yield {tag: at for tag, at in now.items() if not wanted[tag](at)}

    def check_movable(self, repository: str, tags: Iterable[str]) -> None:
        """DENIED if one of the tags has to stay as it is."""
        for tag in tags:
            if self.rules.never_moves(repository, tag):
                raise Refusal("DENIED", f"{repository}:{tag} is immutable by this registry's rules")

    def check_room(self, repository: str, parts: Iterable[Digest]) -> None:
        """DENIED if the repository would hold more than its quota with these blobs too."""
        if self.rules.room(repository) is not None:
            size = self._size_of(self.members(repository).blobs | set(parts))
            self._check_quota(repository, size)

    @contextmanager
    def room_for(self, repository: str, size: int) -> Iterator[None]:
        """While a mirrored blob comes; DENIED if what is here and all that come pass the quota."""
        if self.rules.room(repository) is None:
            yield
            return
        with self._setting:
            held = self._size_of({digest for digest, _ in self.records.blobs(repository)})
            self._check_quota(repository, held + self._coming[repository] + size)
            self._coming[repository] += size
        try:
            yield
        finally:
            with self._setting:
                self._coming[repository] -= size

    def _check_quota(self, repository: str, size: int) -> None:
        room = self.rules.room(repository)
        if room is not None and size > room:
            raise Refusal(
                "DENIED",
                f"{repository} would hold {size} bytes, its quota is {room}: delete what is not "
                "needed any more, or ask for more",
            )

    def _size_of(self, digests: Iterable[Digest]) -> int:
        size = 0
        for digest in digests:
            with suppress(NotFoundError):
                size += self.blobs.size(digest)
        return size

    def keep_by_digest(self, repository: str, descriptor: Descriptor) -> None:
        """Record a tagged manifest, so that it can be pulled by digest when the tag moves on."""
        if self.records.media_type(repository, descriptor.digest) is None:
            # Every push is recorded: without a record it is the store's own.
            self.records.add_built(repository, descriptor.digest)
            self.records.add_manifest(repository, descriptor.digest, descriptor.media_type)

    def members(self, repository: str) -> Members:
        """Everything that belongs to the repository through its manifests."""
        listing = self.tags.listing()
        stamp = self.records.manifests_stamp(repository)
        with self._lock:
            kept = self._members.get(repository)
        # Tags of other repositories come and go with every push.
        mine = (listing.tags.get(repository), listing.loose)
        if kept is not None and kept[0] is mine[0] and kept[1] is mine[1] and kept[2] == stamp:
            return kept[3]
        members, whole = self._walk(repository, listing)
        # What comes in the same moment leaves the folder's date as it is, and so does a manifest
        # that was lost and comes again.
        if whole and time.time_ns() - max(stamp) > _MOMENT:
            with self._lock:
                if len(self._members) > _REPOSITORIES:
                    self._members.clear()
                self._members[repository] = (*mine, stamp, members)
        return members

    def _walk(self, repository: str, listing: Listing) -> tuple[Members, bool]:
        """What belongs to a repository, and whether all of it is there."""
        own, others = self._roots(repository, listing)
        built = self._reached(repository, own, self._loose_by_subject(listing))
        found = built | self._reached(repository, others - built.keys(), {})
        whole = own | others <= found.keys()
        entries = found.values()
        whole = whole and all(found.keys() >= set(entry.manifests) for entry in entries)
        blobs = {digest for entry in entries for digest in entry.blobs}
        members = Members(
            manifests=frozenset(found),
            blobs=frozenset(blobs),
            named=frozenset(blobs.union(*(entry.foreign for entry in entries))),
            built=frozenset(built),
            indexes={child: entry.digest for entry in entries for child in entry.manifests},
        )
        return members, whole

    def _roots(self, repository: str, listing: Listing) -> tuple[set[Digest], set[Digest]]:
        """Manifests that the store itself has under the repository's name, and pushed ones."""
        recorded = set(self.records.manifests(repository))
        tagged = {item.digest for item in listing.tags.get(repository, {}).values()}
        own = (tagged - recorded) | (recorded & set(self.records.built(repository)))
        return own, (tagged | recorded) - own

    def _reached(
        self,
        repository: str,
        roots: Iterable[Digest],
        loose: Mapping[Digest, tuple[Entry, ...]],
    ) -> dict[Digest, Entry]:
        """The manifests at and below the roots, and the loose ones that refer to these."""
        found: dict[Digest, Entry] = {}
        open_digests = list(roots)
        while open_digests:
            digest = open_digests.pop()
            if digest in found:
                continue
            entry = self.entries.get(digest, self.records.media_type(repository, digest))
            if entry is None:
                continue
            found[digest] = entry
            open_digests += entry.manifests
            open_digests += [referrer.digest for referrer in loose.get(digest, ())]
        return found

    def _loose_by_subject(self, listing: Listing) -> Mapping[Digest, tuple[Entry, ...]]:
        kept = self._by_subject
        if kept is not None and kept[0] is listing.loose:
            return kept[1]
        by_subject: dict[Digest, tuple[Entry, ...]] = {}
        for descriptor in listing.loose:
            entry = self.entries.get(descriptor.digest, descriptor.media_type)
            if entry is not None and entry.subject is not None:
                by_subject[entry.subject] = (*by_subject.get(entry.subject, ()), entry)
        self._by_subject = (listing.loose, by_subject)
        return by_subject

    def _tagged(self, repository: str) -> Mapping[str, Descriptor]:
        return self.tags.listing().tags.get(repository, {})

    def _touch(self, digest: Digest) -> None:
        path = self.blobs.path(digest)
        try:
            if time.time() - path.stat().st_mtime < self.limits.grace / 2:
                return
            with locked(self.sweep_lock, shared=True):
                os.utime(path)
        except FileNotFoundError:
            raise NotFoundError(f"no blob {digest}") from None
        except OSError:
            # A store that we may only read: nothing is swept there either.
            return
