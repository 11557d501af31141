"""A publication put down: signed, numbered, stored in the registry and in the home.

1. under the home's lock of the repository: the registry's record must be ours, or go on from it
   (then it is verified and taken over), or be behind; a fork ends here, before a tag is moved
2. the tags are moved
3. the record is signed on top, unless the newest about these tags says the same and is young
4. the registry gets the tiles that it lacks, and the record if it still has the one of 1; where it
   knows no conditions (`ironhull serve` does), it is read before and after. If another publisher
   was faster, it is signed anew on top of his
5. the home gets them

Where conditions are known, 3 is before 2, and the record comes with what else the image needs, to
get its tag right after the image.
Killed in between, nothing is half: the next publication finds the registry ahead of the home, and
goes on from there. A registry without compare-and-swap cannot keep two publishers that write
between 4's two requests from overwriting each other; the slower one sees a fork next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from ironhull.attest.statement import Subject, render_statement
from ironhull.errors import InputError, NetworkError
from ironhull.oci.digest import Digest, digest_of, hex_of
from ironhull.oci.document import Document
from ironhull.publication.chain import Position, merged, open_chain, position_of, record_in
from ironhull.publication.folder import LogFolder, folder_of
from ironhull.publication.log_tag import LOG_TAG
from ironhull.publication.record import (
    MAX_RECORDS,
    Publication,
    Record,
    VexSet,
    publication_of,
    render_record,
)
from ironhull.publication.refusal import LogRefusedError
from ironhull.publication.registry_log import fetch_log, lacking, manifests_of, store_log, swap_log
from ironhull.publication.tiles import Lines
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.repository import Repository
from ironhull.signing.dsse import signed_bundle
from ironhull.signing.interface import Signer
from ironhull.statements.kinds import PUBLICATION
from ironhull.verify.trust import Trust

RENEWED = timedelta(days=1)
"""After this long a publication in which nothing is new is recorded all the same: still current."""
_ROUNDS = 5


class Along(Protocol):
    """What sends parts of a record together with an image; a `RegistryTarget` is one."""

    record_given: bool
    """Whether the record that was given got its tag."""

    def along(self, data: bytes) -> bool:
        """Take a blob; False: it has to go by itself."""
        ...

    def record(self, document: Document, tag: str, before: Digest | None) -> None:
        """Take the manifest of a record, for a tag that is to be at `before` until then."""
        ...


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who records what goes from this home to repositories."""

    publications: Path
    """The home's folder of records."""
    signer: Signer
    trust: Trust
    """Whose records are taken over; the signer's own among them."""
    clock: Callable[[], datetime]
    vex_set: VexSet | None = None

    def publish(
        self,
        repository: Repository,
        tags: Sequence[str],
        root: Document,
        attached: Sequence[Document],
        give_tags: Callable[[], object],
        along: Along | None = None,
    ) -> Position:
        """Move tags by `give_tags`, and record it; the newest record then.

        `along` brings what it can of the record with what `give_tags` sends.
        LogRefusedError where the records of registry and home fork or do not hold, InputError for
        what cannot be recorded, before any tag is moved.
        """
        said = publication_of(repository.name, tags, root, attached, self.vex_set, self.clock())
        if LOG_TAG in tags:
            raise InputError(f"{repository}:{LOG_TAG} is the record of publications, no image")
        folder = LogFolder(folder_of(self.publications, repository.name))
        with folder.changing():
            base, there = self._joined(folder.lines(), repository)
            conditions = repository.session.together
            lines = self._continued(base, said) if conditions else base
            left = lacking(lines, there) if conditions else []
            if along is not None and conditions and lines != there:
                left = [data for data in left if not along.along(data)]
                if not left:
                    document, before = manifests_of(lines, there)
                    along.record(document, LOG_TAG, before)
            give_tags()
            done = along is not None and along.record_given
            if not done and not (conditions and _swapped(repository, lines, there, left)):
                lines = self._stored(repository, base, said)
            folder.write(lines)
        newest = position_of(lines)
        assert newest is not None  # noqa: S101 - there is at least what was just said
        return newest

    def _joined(self, ours: Lines, repository: Repository) -> tuple[Lines, Lines]:
        """Ours, or the registry's if they go on from ours; and the registry's as they are.

        What others have added is verified.
        """
        where = f"{repository}:{LOG_TAG}"
        there = fetch_log(repository, ours) or ()
        joined = merged(ours, there, where)
        if len(joined) > len(ours):
            try:
                open_chain(joined, repository.name, self.trust)
            except LogRefusedError as error:
                raise LogRefusedError(
                    error.reason,
                    f"{where}: {error} (`ironhull key trust` believes another publisher, "
                    "--no-record leaves the record as it is)",
                ) from None
        return joined, there

    def _stored(self, repository: Repository, base: Lines, said: Publication) -> Lines:
        for _ in range(_ROUNDS):
            base, there = self._joined(base, repository)
            lines = self._continued(base, said)
            with _published():
                store_log(repository, lines, there)
            there = fetch_log(repository, lines) or ()
            if there[: len(lines)] == lines:
                return lines
        raise NetworkError(
            f"{repository}:{LOG_TAG}: others keep writing records as soon as ours is there; the "
            "tags are moved, push again when they are done to have it recorded"
        )

    def _continued(self, base: Lines, said: Publication) -> Lines:
        """The records with this publication on top, if it is worth a record."""
        if _stands(base, said):
            return base
        number = len(base) + 1
        if number > MAX_RECORDS:
            raise InputError(
                f"{said.repository}: a record of publications ends after {MAX_RECORDS}; begin "
                "another repository"
            )
        if base:
            # A clock that goes back does not make the record go back.
            said = said.at(max(said.published, record_in(base[-1]).publication.published))
        record = Record(number, digest_of(base[-1]) if base else None, said)
        about = Subject(said.repository, {"sha256": hex_of(said.image)})
        statement = render_statement([about], PUBLICATION, render_record(record))
        return (*base, signed_bundle(statement, self.signer))


def _swapped(repository: Repository, lines: Lines, there: Lines, left: Sequence[bytes]) -> bool:
    """Whether the registry, if it knows conditions, has these in the place of those."""
    if not repository.session.together:
        return False
    with _published():
        return swap_log(repository, lines, there, left)


@contextmanager
def _published() -> Iterator[None]:
    """While a record is stored: its image is there already, whatever the registry says to it."""
    try:
        yield
    except Refused as error:
        raise Refused(
            f"{error}; the image is published, its record is not (to do without one: --no-record)",
            error.status,
            error.codes,
            error.wait,
        ) from None


def _stands(base: Lines, said: Publication) -> bool:
    """Whether the newest record about each of the tags says the same, and is young."""
    wanted = set(said.tags)
    for line in reversed(base):
        found = record_in(line).publication
        here = wanted & set(found.tags)
        if here:
            if said.published - found.published >= RENEWED or not said.says_the_same_as(found):
                return False
            wanted -= here
        if not wanted:
            return True
    return False
