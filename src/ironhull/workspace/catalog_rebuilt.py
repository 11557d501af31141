"""Who rebuilt the packages of an image of the store, for the catalog's pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ironhull.attest.listing import read_attachment
from ironhull.catalog.facts import RebuilderFacts, RebuildFacts
from ironhull.errors import IronhullError, MalformedError
from ironhull.json_fields import decode, objects, text
from ironhull.oci.digest import Digest
from ironhull.registry.server.contents import Contents
from ironhull.reports.text import one_line
from ironhull.statements.kinds import REBUILDS
from ironhull.workspace.attestations import ListedAttestation, listed_at
from ironhull.workspace.catalog_attached import RepositoryPlace, place_of

MAX_READ = 8 << 20
"""Bytes of one statement: of most images it has some hundred packages."""
MAX_STATEMENTS, MAX_REBUILDERS = 5, 20
_SAID = 200


def rebuilt(contents: Contents, name: str, manifest: str) -> tuple[RebuildFacts, ...]:
    """As `Live.rebuilds`: what is attached in this repository to the image of a platform."""
    try:
        place = place_of(contents, name, (MAX_READ, MAX_STATEMENTS * MAX_READ))
        listed, _ = listed_at(place)
    except IronhullError:
        return ()
    found = [
        each
        for each in listed
        if each.attachment.type == REBUILDS and each.attachment.subject == Digest(manifest)
    ]
    return tuple(_read(place, each) for each in found[:MAX_STATEMENTS])


def _read(place: RepositoryPlace, listed: ListedAttestation) -> RebuildFacts:
    digest = str(listed.attachment.digest)
    try:
        opened = list(read_attachment(place, listed.attachment, "rebuilds", MAX_READ))
        said = decode(opened[0].document, "rebuilds") if opened else {}
        packages = objects(said, "packages", "rebuilds")
        by = [each.get("rebuiltBy") for each in packages]
        if not all(isinstance(each, list) for each in by):
            raise MalformedError("packages without a list of who rebuilt them")
        names = {
            text(each, "key", "rebuilds"): text(each, "name", "rebuilds")
            for each in objects(said, "rebuilders", "rebuilds")
        }
    except IronhullError as error:
        return RebuildFacts(digest, 0, 0, (), one_line(str(error), _SAID))
    return _counted(digest, [set(map(str, each or ())) for each in by], names)


def _counted(digest: str, by: Sequence[set[str]], names: dict[str, str]) -> RebuildFacts:
    known = Counter(key for keys in by for key in keys)
    return RebuildFacts(
        digest,
        sum(map(bool, by)),
        len(by),
        tuple(
            RebuilderFacts(one_line(names.get(key, ""), _SAID), one_line(key, _SAID), number)
            for key, number in known.most_common(MAX_REBUILDERS)
        ),
    )
