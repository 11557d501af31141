"""What is attached to images of the store's repositories: listed, and VEX that counts on pages.

VEX counts where its signature holds by somebody who is believed, and only then is it read. What is
known of an image is kept by digest, whatever repositories have it; so that nothing said in one
shows in another, what counts is what is attached in every repository that has the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ironhull.attest.attaching import PREDICATE_ANNOTATIONS
from ironhull.attest.bundle import BUNDLE_TYPE
from ironhull.errors import InputError, IronhullError, MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.entries import Entry
from ironhull.registry.server.listing import Listing
from ironhull.verify.evidence import Verified, collect
from ironhull.verify.kinds import VEXES, is_of
from ironhull.verify.refusal import RefusedError
from ironhull.verify.strict import strict_object
from ironhull.verify.trust import Trust
from ironhull.vex.model import VexDocument
from ironhull.vex.openvex import parse
from ironhull.workspace.catalog_trust import Believed

MAX_DOCUMENT, MAX_DOCUMENTS = 32 << 20, 256 << 20
"""Bytes of one bundle, and of all of an image's, that are read to say whose signatures hold."""
MAX_VEX, MAX_VEXES = 8 << 20, 32 << 20
"""The same of VEX that is to be applied."""
_LOOKS = 50
Places = Sequence[tuple[str, Digest]]
"""Repositories that have an image, each with what its tags point at: an index, or the image."""


class RepositoryPlace:
    """An image of a repository with what refers to it there, pushed or built; `ImagePlace`.

    `only` are the referrers that are shown, None: all; `limits` the bytes that are read of one
    document and of all.
    """

    def __init__(
        self,
        contents: Contents,
        repository: str,
        root: Digest,
        only: frozenset[Digest] | None = None,
        limits: tuple[int, int] | None = None,
    ) -> None:
        self._contents, self._repository, self._root = contents, repository, root
        self._only = only
        self._most, self._left = limits or (MAX_DOCUMENT, MAX_DOCUMENTS)

    def root(self) -> Document:
        """As `ImagePlace.root`."""
        return self.named(self._root)

    def named(self, digest: Digest) -> Document:
        """An index or a manifest by its digest alone."""
        return self._contents.layout.document(digest)

    def document(self, descriptor: Descriptor) -> Document:
        """As `ImagePlace.document`."""
        return self._contents.layout.document(descriptor.digest, descriptor.media_type)

    def read(self, descriptor: Descriptor) -> bytes:
        """As `ImagePlace.read`; MalformedError for what is more than a page is worth."""
        most = min(self._most, self._left)
        if descriptor.size > most:
            raise MalformedError(
                f"a document of {descriptor.size} bytes: more than is read for a page of one, or of"
                " all that is attached"
            )
        self._left -= descriptor.size
        return self._contents.blobs.read(descriptor.digest, most)

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        """As `ImagePlace.referrers`."""
        found = self._contents.referrers(self._repository, digest)
        return [each for each in found if self._only is None or each.digest in self._only]


def place_of(
    contents: Contents, name: str, limits: tuple[int, int] | None = None
) -> RepositoryPlace:
    """The image of `repository@digest` or `repository:tag`; `limits` as of `RepositoryPlace`.

    Refusal where it is not there.
    """
    repository, at, reference = name.partition("@")
    if not at:
        repository, _, reference = name.rpartition(":")
    root = contents.find_manifest(repository, reference).digest
    return RepositoryPlace(contents, repository, root, None, limits)


@dataclass(frozen=True, slots=True)
class SaidVex:
    """Signed VEX about one image."""

    documents: tuple[VexDocument, ...] = ()
    """Each by the digest of its referrer."""
    signers: Mapping[str, str] = field(default_factory=dict)
    """Name of a document → who signed it."""
    words: frozenset[str] = frozenset()
    """Whom all of it stands on, as `Believed.word` gives them."""
    problems: tuple[str, ...] = ()
    """What of it cannot be read."""


class AttachedVex:
    """VEX attached to the images of repositories, by those who are believed."""

    def __init__(self, contents: Contents, believed: Believed) -> None:
        self._contents, self._believed = contents, believed
        # Repository → what others refer to there: of most images nothing does, and a look at each
        # of thousands takes long.
        self._subjects: dict[str, frozenset[Digest]] = {}
        self._loose: tuple[Listing | None, Mapping[str, frozenset[Digest]]] = (None, {})

    def changed(
        self, repositories: Iterable[str], patience: Callable[[], None] = lambda: None
    ) -> int:
        """Another number when something that refers to another was pushed, or removed.

        `patience` is called between the repositories, now and then.
        """
        found = []
        for repository in repositories:
            found.append(self._contents.records.referrers_stamp(repository))
            if len(found) % _LOOKS == 0:
                patience()
        return hash(tuple(found))

    def look(self) -> None:
        """Forget which images had referrers: begin a round of `attached`."""
        self._subjects = {}

    def attached(self, places: Places, manifest: Digest) -> frozenset[Digest]:
        """Referrers that may be VEX about the image, and are attached wherever it is."""
        found: frozenset[Digest] | None = None
        for repository, root in places:
            here = frozenset(
                digest
                for subject in dict.fromkeys((root, manifest))
                for digest in self._referring(repository, subject)
            )
            found = here if found is None else found & here
            if not found:
                break
        return found or frozenset()

    def said(self, places: Places, manifest: Digest, attached: frozenset[Digest]) -> SaidVex:
        """Those of them whose signature holds, read."""
        if not attached or not places:
            return SaidVex()
        repository, root = places[0]
        limits = (MAX_VEX, MAX_VEXES)
        place = RepositoryPlace(self._contents, repository, root, attached, limits)
        statements = _statements(place, {root, manifest}, self._believed.trust())
        documents, signers, words, problems = [], {}, set(), []
        for each in statements:
            try:
                documents.append(parse(strict_object(each.predicate, "VEX"), each.digest))
            except (RefusedError, InputError) as error:
                problems.append(f"VEX {each.digest[:19]}: {error}")
                continue
            signers[str(each.digest)] = ", ".join(str(signer) for signer in each.signers)
            words |= {self._believed.word(signer.fingerprint) for signer in each.signers}
        return SaidVex(tuple(documents), signers, frozenset(words), tuple(problems))

    def _referring(self, repository: str, subject: Digest) -> Iterable[Digest]:
        contents = self._contents
        if repository not in self._subjects:
            self._subjects[repository] = contents.records.subjects(repository)
        pushed = subject in self._subjects[repository]
        for digest in contents.records.referrers(repository, subject) if pushed else ():
            entry = contents.entries.get(digest, contents.records.media_type(repository, digest))
            if entry is not None and _may_be_vex(entry):
                yield digest
        loose = self._listed().get(subject)
        if loose and subject in contents.members(repository).built:
            yield from loose

    def _listed(self) -> Mapping[str, frozenset[Digest]]:
        """Subject → what index.json lists of it beside the tags: what a build attached."""
        listing = self._contents.tags.listing()
        if self._loose[0] is not listing:
            found: dict[str, set[Digest]] = {}
            for each in listing.loose:
                # Most of the thousands that builds attach are listed as something else.
                if not _typed_as_vex(each.annotations):
                    continue
                entry = self._contents.entries.get(each.digest, each.media_type)
                if entry is not None and entry.subject and _may_be_vex(entry):
                    found.setdefault(entry.subject, set()).add(each.digest)
            self._loose = (listing, {key: frozenset(value) for key, value in found.items()})
        return self._loose[1]


def _may_be_vex(entry: Entry) -> bool:
    return entry.artifact_type == BUNDLE_TYPE and _typed_as_vex(entry.annotations)


def _typed_as_vex(annotations: Mapping[str, str]) -> bool:
    """What names its type is that; in what does not, VEX may be."""
    types = [annotations[key] for key in PREDICATE_ANNOTATIONS if annotations.get(key)]
    return not types or any(is_of(each, VEXES) for each in types)


def _statements(place: RepositoryPlace, subjects: set[Digest], trust: Trust) -> list[Verified]:
    """The verified VEX about any of these; what cannot be looked at says nothing."""
    found: dict[Digest, Verified] = {}
    for subject in sorted(subjects):
        with suppress(IronhullError):
            document = place.named(subject)
            evidence = collect(place, document, trust, wanted=lambda kind: is_of(kind, VEXES))
            for each in evidence.root.statements:
                if is_of(each.type, VEXES):
                    found.setdefault(each.digest, each)
    return list(found.values())
