"""What is published already and the state knows nothing of: it was lost, or belongs to a new one.

An image counts if all moving tags are at it, if it says that it is this one, and if a key that this
machine believes has signed it. Whatever else is there is a stranger's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from ironhull.attest.listing import ImagePlace, LayoutPlace
from ironhull.errors import InputError, NotFoundError
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.reference import Reference
from ironhull.registry.client.parallel import ask_all
from ironhull.registry.client.places import RegistrySource
from ironhull.sbom.identity import NAME_LABEL
from ironhull.state.watch_records import ImageState
from ironhull.statements.kinds import SIGNATURE
from ironhull.verify.evidence import collect
from ironhull.verify.signed import signed
from ironhull.verify.trust import Trust
from ironhull.watch.model import Wanted
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import registries
from ironhull.workspace.signature_check import believed_keys
from ironhull.workspace.signed_here import is_signed_here
from ironhull.workspace.watch_publishing import repository_of, served

_MISSING = (
    "{} may not be read ({}), and who may push finds no tag of it there: it is taken for not "
    "published yet, and nothing is compared with it"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What is there of images that the state knows nothing of."""

    ours: Mapping[str, str] = field(default_factory=dict)
    """By image: the digest of what is published."""
    strangers: Mapping[str, str] = field(default_factory=dict)
    """By image: what is there, and why it does not count; or why it is taken for not there."""
    repositories: Mapping[str, str] = field(default_factory=dict)
    """By image: where it is published; of none in the own store."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """By image: why the registry does not show what is there; it is to be looked for again."""

    def taken(self, known: ImageState) -> ImageState:
        """Where an image of ours stands, unless its state knows of another one meanwhile."""
        if known.published:
            return known
        place = self.repositories.get(known.name, "")
        return replace(known, repository=place, published=self.ours[known.name])


def see_published(machine: Machine, target: str, unknown: Sequence[Wanted]) -> Found:
    """What the target has of these images, or without one the own store. NetworkError, and others.

    Each is asked for once; only of what has all moving tags more is read.
    """
    if not target:
        return _stored(machine, unknown)
    trust = believed_keys(machine)
    by_name = {each.name: each for each in unknown}
    places = {
        each.name: (repository_of(target, each.definition), each.definition.tags)
        for each in unknown
    }
    seen = served(machine, places)
    at = {name: digest for name, digest in seen.at.items() if digest}
    with registries(machine) as opened:
        sources = {
            name: RegistrySource(opened.repository(Reference.parse(places[name][0])), digest)
            for name, digest in at.items()
        }
        asked = [partial(_refusal, each, by_name[n], trust) for n, each in sources.items()]
        refusals = dict(zip(sources, ask_all(asked, opened.stop), strict=True))
    found = _found(at, refusals, {name: place for name, (place, _) in places.items()})
    return replace(
        found,
        strangers={
            **found.strangers,
            **{
                name: _MISSING.format(places[name][0], each.status)
                for name, each in seen.missing.items()
            },
        },
        refused={name: str(each) for name, each in seen.refused.items()},
    )


def _stored(machine: Machine, unknown: Sequence[Wanted]) -> Found:
    """Of the own store, which nobody else writes: a signature is asked for where one is made."""
    try:
        store = machine.home.existing_store
    except NotFoundError:
        return Found()
    index = store.index()
    at: dict[str, str] = {}
    refusals: dict[str, str] = {}
    for each in unknown:
        names = [f"{each.definition.image}:{tag}" for tag in each.definition.tags]
        found = {item.digest: item for name in names if (item := index.find(name))}
        if len(found) == 1 and all(map(index.find, names)):
            (root,) = found.values()
            at[each.name] = root.digest
            refusals[each.name] = _refusal(LayoutPlace(store, root.digest), each, None)
            if machine.signs and not (refusals[each.name] or is_signed_here(machine, root)):
                refusals[each.name] = "no signature that counts"
    return _found(at, refusals, {})


def _found(
    at: Mapping[str, str], refusals: Mapping[str, str], repositories: Mapping[str, str]
) -> Found:
    said = (
        "{} has {} under its tags, which is not taken for what is published: {}; nothing is "
        "compared with it"
    )
    return Found(
        {name: digest for name, digest in at.items() if not refusals[name]},
        {
            name: said.format(repositories.get(name, "the store"), at[name][:19], refusal)
            for name, refusal in refusals.items()
            if refusal
        },
        repositories,
    )


def _refusal(place: ImagePlace, wanted: Wanted, trust: Trust | None) -> str:
    """Why what is there is not ours; empty: it is. Without `trust` no signature is asked for."""
    try:
        root = place.root()
        named = _name_in(place, root)
        if named != wanted.definition.image:
            return f"it says that it is {named!r:.80}, not {wanted.definition.image!r}"
        if trust is None:
            return ""
        outcome = signed(collect(place, root, trust, wanted=lambda kind: kind == SIGNATURE))
        return "" if outcome.holds else outcome.found
    except InputError as error:
        return str(error)


def _name_in(place: ImagePlace, root: Document) -> str:
    """The name that a build gave it, as the config of its first platform has it."""
    manifest = place.document(root.manifests[0]) if root.manifests else root
    if manifest.config.size > MAX_DOCUMENT:
        return ""
    config = Document.parse(place.read(manifest.config)).value.get("config")
    labels = config.get("Labels") if isinstance(config, dict) else None
    return str(labels.get(NAME_LABEL, "")) if isinstance(labels, dict) else ""
