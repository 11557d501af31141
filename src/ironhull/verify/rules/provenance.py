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
    for name, wanted, read in _PARTS:
        patterns = wanted(rule)
        if patterns:
            yield _matched(case, f"provenance.{name}", said, patterns, read)
    if rule.archives:
        yield _archives(case, said, rule.archives)
    if rule.archive_keys:
        yield _archive_keys(case, said, rule.archive_keys)
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
) -> Outcome:
    """Whether all that is said fits."""
    needed = f"{' or '.join(patterns)}"
    shown: list[str] = []
    for each in said:
        found = read(each)
        if not found:
            text = f"{each.digest[:19]} says nothing of it"
            return outcome(case, rule, "fail", text, needed)
        bad = [text for text in found if not _fits(text, patterns)]
        if bad:
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


def _archives(case: Case, said: Sequence[_Said], patterns: tuple[str, ...]) -> Outcome:
    """All that was fetched is from these; each package has a release file that vouches for it."""
    rule, needed = "provenance.archives", " or ".join(patterns)
    held: list[str] = []
    for each in said:
        releases = each.uris(_RELEASE)
        fetched = [_fetched(one, releases) for one in each.dependencies]
        bad = [text for text in releases if not _fits(text, patterns)]
        bad += [f"no release file of {text}" for text, known in fetched if text and not known]
        bad += [text for text, known in fetched if text and known and not _fits(text, patterns)]
        if bad or not (releases or any(text for text, _ in fetched)):
            text = some(list(dict.fromkeys(bad))) or f"{each.digest[:19]} says nothing of it"
            return outcome(case, rule, "fail", text, needed)
        held += releases
    return outcome(case, rule, "pass", some(list(dict.fromkeys(held)), 3))


def _fetched(dependency: Mapping[str, Any], releases: Sequence[str]) -> tuple[str, bool]:
    """Where a dependency is from, and whether that is known; empty for what is in the statement.

    A package is from the repository and suite whose release file vouches for it, if it is there;
    anything else from its address.
    """
    uri = dependency.get("uri")
    if not isinstance(uri, str):
        return "a dependency without an address", True
    if uri.startswith("pkg:deb/"):
        notes = dependency.get("annotations")
        notes = notes if isinstance(notes, Mapping) else {}
        named = f"{notes.get('repository', '?')}/{notes.get('suite', '?')}"
        return named, named in releases
    return ("", True) if uri.startswith((_RELEASE, _KEY, *_OWN)) else (uri, True)


def _archive_keys(case: Case, said: Sequence[_Said], wanted: tuple[str, ...]) -> Outcome:
    """Each release file is signed by one of the wanted keys; archives sign with several."""
    rule, needed = "provenance.archive-keys", f"release files signed by {' or '.join(wanted)}"
    held: list[str] = []
    for each in said:
        listed = {text.upper() for text in each.uris(_KEY)}
        releases = [one for one in each.dependencies if _starts(one, _RELEASE)]
        for release in releases:
            signed = inner(release, "annotations", "signedBy")
            names = [one for one in signed if isinstance(one, str)] if _is_list(signed) else []
            names = [name for name in map(str.upper, names) if name in listed]
            good = [name for name in names if name in wanted]
            if not good:
                where = release["uri"].removeprefix(_RELEASE)
                text = f"{where} is signed by {some(names) or 'no key that is listed'}"
                return outcome(case, rule, "fail", text, needed)
            held += good
        if not releases:
            text = f"{each.digest[:19]} names no release file"
            return outcome(case, rule, "fail", text, needed)
    return outcome(case, rule, "pass", some(list(dict.fromkeys(held)), 3))


def _starts(dependency: Mapping[str, Any], start: str) -> bool:
    uri = dependency.get("uri")
    return isinstance(uri, str) and uri.startswith(start)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


# Rule → what the policy wants, and what is said, all of which has to fit.
_PARTS: tuple[
    tuple[str, Callable[[ProvenanceRule], tuple[str, ...]], Callable[[_Said], list[str]]], ...
] = (
    ("builders", lambda rule: rule.builders, _builder),
    ("build-types", lambda rule: rule.build_types, _build_type),
    ("sources", lambda rule: rule.sources, _source),
)


def _texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) and value else []
