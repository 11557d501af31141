"""What SLSA provenance says: who built, from which definition, out of which packages.

Every provenance that counts has to hold: one that does not is as signed as the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ironhull.verify.facts import Case
from ironhull.verify.kinds import PROVENANCES
from ironhull.verify.policy.model import ProvenanceRule
from ironhull.verify.refusal import RefusedError
from ironhull.verify.rules.choosing import (
    chosen,
    dependencies_of,
    document,
    inner,
    missing,
    outcome,
    some,
)
from ironhull.verify.verdict import Outcome

_RELEASE = "ironhull:release/"
_KEY = "openpgp4fpr:"
# What Ironhull names without an address: files that are in the statement itself.
_OWN = ("ironhull:source/", "ironhull:file/")


@dataclass(frozen=True, slots=True)
class _Said:
    """One provenance."""

    value: Mapping[str, Any]
    digest: str

    @property
    def dependencies(self) -> list[Mapping[str, Any]]:
        return dependencies_of(self.value)

    def uris(self, start: str) -> list[str]:
        """The rest of the addresses that begin so."""
        uris = [each.get("uri") for each in self.dependencies]
        return [uri[len(start) :] for uri in uris if isinstance(uri, str) and uri.startswith(start)]


def provenance(case: Case) -> Iterator[Outcome]:
    """An outcome for each part that the policy asks for."""
    rule = case.policy.provenance
    if rule is None:
        return
    types = PROVENANCES
    found = chosen(case, types, rule.signers)
    if not found:
        yield missing(case, "provenance.present", "provenance", types, rule.signers)
        return
    try:
        said = [_Said(document(each, "provenance"), each.digest) for each in found]
    except RefusedError as error:
        yield outcome(
            case, "provenance.present", "fail", f"{error.reason}: {error}", "sound provenance"
        )
        return
    yield outcome(case, "provenance.present", "pass", f"{len(said)} signed")
    for name, wanted, read, check in _PARTS:
        patterns = wanted(rule)
        if patterns:
            yield _matched(case, f"provenance.{name}", said, patterns, read, check)
    if rule.packages:
        # What reads purls: only for who compares packages.
        from ironhull.verify.rules.provenance_packages import provenance_packages

        yield provenance_packages(case, [each.value for each in said])


def _matched(
    case: Case,
    rule: str,
    said: Sequence[_Said],
    patterns: tuple[str, ...],
    read: Callable[[_Said], list[str]],
    every: bool,
) -> Outcome:
    """Whether what is said fits: all of it, or one of it where several are named."""
    needed = f"{' or '.join(patterns)}"
    shown: list[str] = []
    for each in said:
        found = read(each)
        if not found:
            text = f"{each.digest[:19]} says nothing of it"
            return outcome(case, rule, "fail", text, needed)
        bad = [text for text in found if not _fits(text, patterns)]
        if bad and (every or len(bad) == len(found)):
            return outcome(case, rule, "fail", some(bad), needed)
        shown += found
    return outcome(case, rule, "pass", some(list(dict.fromkeys(shown)), 3))


def _fits(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _builder(said: _Said) -> list[str]:
    return _texts(inner(said.value, "runDetails", "builder", "id"))


def _build_type(said: _Said) -> list[str]:
    return _texts(inner(said.value, "buildDefinition", "buildType"))


def _source(said: _Said) -> list[str]:
    """Where the definition is: a text, or what an object calls it."""
    found = inner(said.value, "buildDefinition", "externalParameters", "definition")
    if isinstance(found, Mapping):
        return [text for key in ("uri", "path", "name") for text in _texts(found.get(key))][:1]
    return _texts(found)


def _archives(said: _Said) -> list[str]:
    """Repository and suite of every release file; the address of whatever else was fetched.

    A package names the release file that vouches for it: one that is not there is said too.
    """
    releases = said.uris(_RELEASE)
    found = list(releases)
    for each in said.dependencies:
        uri = each.get("uri")
        if not isinstance(uri, str):
            found.append("a dependency without an address")
        elif uri.startswith("pkg:deb/"):
            notes = each.get("annotations")
            notes = notes if isinstance(notes, Mapping) else {}
            named = f"{notes.get('repository', '?')}/{notes.get('suite', '?')}"
            if named not in releases:
                found.append(named)
        elif not uri.startswith((_RELEASE, _KEY, *_OWN)):
            found.append(uri)
    return list(dict.fromkeys(found))


def _archive_keys(said: _Said) -> list[str]:
    """The keys that signed each release file; a file by none that is listed is said as such."""
    listed = {text.upper() for text in said.uris(_KEY)}
    found: list[str] = []
    for each in said.dependencies:
        uri = each.get("uri")
        if isinstance(uri, str) and uri.startswith(_RELEASE):
            signed = inner(each, "annotations", "signedBy")
            names = [text.upper() for text in signed if isinstance(text, str)] if signed else []
            found += [name for name in names if name in listed] or ["a release file without a key"]
    return list(dict.fromkeys(found))


# Rule → what the policy wants, what is said, and whether all of it has to fit or one is enough.
_PARTS: tuple[
    tuple[str, Callable[[ProvenanceRule], tuple[str, ...]], Callable[[_Said], list[str]], bool], ...
] = (
    ("builders", lambda rule: rule.builders, _builder, True),
    ("build-types", lambda rule: rule.build_types, _build_type, True),
    ("sources", lambda rule: rule.sources, _source, True),
    ("archives", lambda rule: rule.archives, _archives, True),
    ("archive-keys", lambda rule: rule.archive_keys, _archive_keys, True),
)


def _texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) and value else []
