"""What repositories need not keep for ever: by number, by age, and what no tag leads to.

[[retention]]
repositories = ["team/*"]
keep = 10                    # the newest tags stay, however old
older-than = "90d"           # others go when they were not set for so long
untagged = "7d"              # images that no tag leads to go so long after they were pushed
protect = ["*:latest"]       # REPOSITORY:TAG that stay, as immutable ones do

1. A tag goes if it is beyond `keep` *and* older than `older-than`, as far as these are given.
2. A manifest goes if no tag that stays leads to it (through indexes, or as what refers to such an
   image) and it was pushed, or pulled through, longer ago than `untagged`; without that, none goes.
3. What the store itself has (what was built here) never goes; of several rules the first that fits
   a repository holds.

Blobs are the sweep's afterwards. The age of a tag is when its manifest was pushed there last.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ironhull.oci.digest import Digest
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.mirrored import MirrorRecords
from ironhull.registry.server.retention_rules import Retention
from ironhull.store.files import locked

# cosign's signatures and the referrers tag (distribution-spec, "Referrers Tag Schema").
_NAMED_FOR = re.compile(r"sha256-([0-9a-f]{64})(?:\..*)?")


@dataclass(frozen=True, slots=True)
class GoingTag:
    """A tag that nothing keeps; `set` is when it was, in seconds since 1970."""

    tag: str
    digest: Digest
    set: float


@dataclass(frozen=True, slots=True)
class Going:
    """What goes of one repository, and how much of it there is."""

    repository: str
    tags: tuple[GoingTag, ...]
    manifests: tuple[Digest, ...]
    """What lists others before what is listed."""
    tags_left: int

    def json(self) -> dict[str, Any]:
        """As it is shown."""
        return {
            "repository": self.repository,
            "tags": [{"tag": each.tag, "digest": each.digest} for each in self.tags],
            "manifests": list(self.manifests),
            "tags_left": self.tags_left,
        }

    def counts(self) -> dict[str, str | int]:
        """As the log has it."""
        counts = {"tags": len(self.tags), "manifests": len(self.manifests)}
        return {"repository": self.repository, **counts}


def going(contents: Contents, now: float | None = None) -> list[Going]:
    """What the rules let go of now; nothing is changed."""
    now = time.time() if now is None else now
    found = [_going(contents, repository, now) for repository in contents.repositories()]
    return [each for each in found if each is not None and (each.tags or each.manifests)]


def let_go(contents: Contents, now: float | None = None) -> list[Going]:
    """Remove what the rules let go of now, and say what it was.

    Repository by repository, none of which takes a push meanwhile: what is pushed again stays.
    """
    now = time.time() if now is None else now
    done = []
    for repository in contents.repositories():
        if contents.rules.retention_of(repository) is None:
            continue
        with locked(contents.sweep_lock):
            found = _going(contents, repository, now)
            if found is None or not (found.tags or found.manifests):
                continue
            _remove(contents, found)
        done.append(found)
    return done


def _going(contents: Contents, repository: str, now: float) -> Going | None:
    rule = contents.rules.retention_of(repository)
    if rule is None:
        return None
    everything = _tags(contents, repository)
    # What hangs on an image by a tag of its name is no image: it goes and stays with it.
    hanging = {each: subject for each in everything if (subject := _subject(each.tag))}
    tags = [each for each in everything if each not in hanging]
    gone = list(_tags_beyond(contents, repository, rule, tags, now))
    names = {each.tag for each in gone} | {each.tag for each in hanging}
    listed = contents.tags.listing().tags.get(repository, {})
    roots = {item.digest for tag, item in listed.items() if tag not in names}
    roots |= {each.digest for each in tags if each.tag not in names}
    manifests: list[Digest] = []
    if rule.untagged is not None:
        manifests = _untagged(contents, repository, rule.untagged, _Tree(roots, hanging), now)
        removed = frozenset(manifests)
        gone += [each for each in hanging if each.digest in removed]
    left = ({*listed} | {each.tag for each in everything}) - {each.tag for each in gone}
    return Going(repository, tuple(gone), tuple(manifests), len(left))


def _tags(contents: Contents, repository: str) -> list[GoingTag]:
    """Tags that were pushed or pulled through, the newest first; not those of the store itself."""
    if contents.is_mirror(repository):
        kept = MirrorRecords(contents.records).tags(repository)
        found = [GoingTag(tag, each.descriptor.digest, each.checked) for tag, each in kept.items()]
    else:
        pushed = dict(contents.records.dated_manifests(repository))
        built = set(contents.records.built(repository))
        listed = contents.tags.listing().tags.get(repository, {})
        found = [
            GoingTag(tag, item.digest, pushed[item.digest])
            for tag, item in listed.items()
            if item.digest in pushed and item.digest not in built
        ]
    return sorted(found, key=lambda each: (-each.set, each.tag))


def _subject(tag: str) -> Digest | None:
    """The digest that a tag is named for: of signatures, and lists of referrers."""
    match = _NAMED_FOR.fullmatch(tag)
    return Digest(f"sha256:{match[1]}") if match else None


def _tags_beyond(
    contents: Contents, repository: str, rule: Retention, tags: Iterable[GoingTag], now: float
) -> Iterable[GoingTag]:
    if rule.keep is None and rule.older_than is None:
        return
    for place, each in enumerate(tags):
        name = f"{repository}:{each.tag}"
        if contents.rules.never_moves(repository, each.tag):
            continue
        if any(fnmatchcase(name, pattern) for pattern in rule.protect):
            continue
        beyond = rule.keep is None or place >= rule.keep
        old = rule.older_than is None or now - each.set > rule.older_than
        if beyond and old:
            yield each


@dataclass(frozen=True, slots=True)
class _Tree:
    """What keeps manifests: tags that stay, and what hangs on images by tags of their names."""

    roots: set[Digest]
    hanging: Mapping[GoingTag, Digest]


def _untagged(
    contents: Contents, repository: str, after: float, tree: _Tree, now: float
) -> list[Digest]:
    """Old manifests that none of the roots leads to, lists before what is in them."""
    records = contents.records
    pushed = dict(records.dated_manifests(repository))
    subjects: dict[Digest, list[Digest]] = {}
    children: dict[Digest, tuple[Digest, ...]] = {}
    for digest in pushed:
        entry = contents.entries.get(digest, records.media_type(repository, digest))
        if entry is None:
            continue
        children[digest] = entry.manifests
        if entry.subject is not None:
            subjects.setdefault(entry.subject, []).append(digest)
    for tag, subject in tree.hanging.items():
        subjects.setdefault(subject, []).append(tag.digest)
    referring = {digest for found in subjects.values() for digest in found}
    old = {digest for digest, when in pushed.items() if now - when > after}
    # What is too new to go keeps what it lists; what refers to an image does not keep it.
    new = pushed.keys() - old - referring
    kept, open_digests = set[Digest](), [*tree.roots, *new, *contents.members(repository).built]
    while open_digests:
        digest = open_digests.pop()
        if digest not in kept:
            kept.add(digest)
            open_digests += [*children.get(digest, ()), *subjects.get(digest, ())]
    return _lists_first(old - kept, children)


def _lists_first(
    digests: set[Digest], children: Mapping[Digest, tuple[Digest, ...]]
) -> list[Digest]:
    below = {child for digest in digests for child in children.get(digest, ())}
    return [*sorted(digests - below), *sorted(digests & below)]


def _remove(contents: Contents, found: Going) -> None:
    repository, tags = found.repository, {each.tag: each.digest for each in found.tags}
    if contents.is_mirror(repository):
        mirrored = MirrorRecords(contents.records)
        for tag in tags:
            mirrored.drop_tag(repository, tag)
    elif tags:
        contents.tags.remove(repository, lambda tag, digest: tags.get(tag) == digest)
    for digest in found.manifests:
        entry = contents.entries.get(digest)
        if entry is not None and entry.subject is not None:
            contents.records.drop_referrer(repository, entry.subject, digest)
        contents.records.drop_manifest(repository, digest)
