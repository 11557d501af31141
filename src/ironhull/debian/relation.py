"""Relationship fields of Debian packages: their syntax and what satisfies them (Policy chapter 7).

A field is a list of clauses that must all hold; a clause is a list of relations of which one must.
What a whole archive offers, and which relation is best taken, is for `ironhull.lock`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ironhull.debian.names import DebianVersion
from ironhull.debian.version import parse_version, satisfies
from ironhull.errors import MalformedError
from ironhull.values import dataclass

MAX_FIELD = 1 << 20
"""Characters of a field; the longest of Debian 13 has about 60,000."""
MAX_CLAUSES = 1 << 15
MAX_ALTERNATIVES = 1 << 10

# For text whose white space was made single spaces: matching takes linear time whatever is in it.
_RELATION = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9+._-]*)"
    r"(?::(?P<qualifier>[a-z0-9][a-z0-9-]*))?"
    r" ?(?:\( ?(?P<operator><<|<=|=|>=|>>|<|>) ?(?P<version>[^ ()]+) ?\))?"
    r" ?(?:\[(?P<architectures>[a-z0-9! -]*)\])?"
    r" ?(?P<profiles>(?:<[a-z0-9.! +-]*> ?)*)"
)
_NO_VERSION = DebianVersion("")
_PROFILE = re.compile(r"<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation to a package name, real or virtual."""

    name: str
    operator: str = ""
    """`<<`, `<=`, `=`, `>=`, `>>`, or empty: any version, also none."""
    version: DebianVersion = _NO_VERSION
    qualifier: str = ""
    """`any`, `native` or an architecture, as written after the colon."""
    architectures: tuple[str, ...] = ()
    """`[amd64 !i386]`: the architectures that the relation is for; empty: all."""
    profiles: tuple[tuple[str, ...], ...] = ()
    """`<!nocheck> <cross>`: build profiles; Ironhull activates none."""

    def __str__(self) -> str:
        qualifier = f":{self.qualifier}" if self.qualifier else ""
        version = f" ({self.operator} {self.version})" if self.operator else ""
        return f"{self.name}{qualifier}{version}"

    def applies_on(self, architecture: str) -> bool:
        """Whether the relation counts on this architecture, with no build profile active."""
        if self.profiles and not any(
            all(term.startswith("!") for term in terms) for terms in self.profiles
        ):
            return False
        if not self.architectures:
            return True
        if self.architectures[0].startswith("!"):
            return f"!{architecture}" not in self.architectures
        return architecture in self.architectures or "any" in self.architectures

    def holds_for(self, version: DebianVersion | None) -> bool:
        """Whether a package or a provision of this version satisfies it.

        None is a provision without a version, which satisfies no versioned relation (Policy 7.5).
        """
        if not self.operator:
            return True
        return version is not None and _satisfies(version, self.operator, self.version)

    def admits(self, multi_arch: str, architecture: str) -> bool:
        """Whether the qualifier lets a package of this Multi-Arch field satisfy the relation.

        Images hold one architecture, so `same` and `foreign` decide nothing; `name:any` is only for
        packages that say `allowed`, and `name:arch` only for the image's own.
        """
        match self.qualifier:
            case "" | "native":
                return True
            case "any":
                return multi_arch == "allowed"
            case _:
                return self.qualifier == architecture


@dataclass(frozen=True, slots=True)
class Clause:
    """Alternatives of which one must hold, in the order of preference, and how they are written."""

    text: str
    alternatives: tuple[Relation, ...]


@lru_cache(maxsize=1 << 16)
def parse_relations(field: str) -> tuple[Clause, ...]:
    """The clauses of Depends, Conflicts and the like; MalformedError names the part at fault."""
    return tuple(parse_clause(text) for text in _parts(field))


@lru_cache(maxsize=1 << 16)
def parse_clause(text: str) -> Clause:
    """One clause, `a (>= 1) | b`, with its text as written but for runs of white space."""
    parts = text.split("|")
    if len(parts) > MAX_ALTERNATIVES:
        raise MalformedError(
            f"a relation of {len(parts)} alternatives, the limit is {MAX_ALTERNATIVES}"
        )
    return Clause(" ".join(text.split()), tuple(parse_relation(part) for part in parts))


@lru_cache(maxsize=1 << 16)
def parse_relation(text: str) -> Relation:
    """One relation: a name, then `:qualifier (>= version) [architectures] <profiles>` if there."""
    text = " ".join(text.split())
    found = _RELATION.fullmatch(text)
    if found is None:
        raise MalformedError(
            f"not a package relation: {text!r:.120} (expected for example 'libc6 (>= 2.36)')"
        )
    version = found["version"] or ""
    if version:
        parse_version(version)
    return Relation(
        name=found["name"],
        # The old single forms mean the same as those with an equals sign (Policy 7.1).
        operator={"<": "<=", ">": ">="}.get(found["operator"] or "", found["operator"] or ""),
        version=DebianVersion(version),
        qualifier=found["qualifier"] or "",
        architectures=tuple((found["architectures"] or "").split()),
        profiles=tuple(tuple(terms.split()) for terms in _PROFILE.findall(found["profiles"])),
    )


@lru_cache(maxsize=1 << 16)
def parse_provides(field: str) -> tuple[tuple[str, DebianVersion | None], ...]:
    """Names that a Provides field gives, each with its version or None.

    Alternatives, and operators other than `=`, have no meaning there: MalformedError.
    """
    provided = []
    for text in _parts(field):
        relation = parse_relation(text)
        if relation.operator not in ("", "="):
            raise MalformedError(f"Provides with {relation.operator!r}: {text.strip()!r:.120}")
        provided.append((relation.name, relation.version or None))
    return tuple(provided)


def _parts(field: str) -> list[str]:
    if len(field) > MAX_FIELD:
        raise MalformedError(f"a relation field of {len(field)} characters, limit {MAX_FIELD}")
    # A trailing or doubled comma is tolerated: dpkg tolerates it, and packages have it.
    parts = [part for part in field.split(",") if part and not part.isspace()]
    if len(parts) > MAX_CLAUSES:
        raise MalformedError(f"a relation field of {len(parts)} clauses, limit {MAX_CLAUSES}")
    return parts


@lru_cache(maxsize=1 << 16)
def _satisfies(version: DebianVersion, operator: str, bound: DebianVersion) -> bool:
    return satisfies(version, operator, bound)
