"""A policy as the rules see it: checked, frozen. What is None is not asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from ironhull.values import dataclass
from ironhull.verify.signed import ANYBODY, Signers
from ironhull.verify.trust import NamedKey
from ironhull.verify.verdict import PolicyName


@dataclass(frozen=True, slots=True)
class StatementRule:
    """A statement that has to be there."""

    type: str
    signers: Signers


@dataclass(frozen=True, slots=True)
class NamedIdentity:
    """Somebody who signs with certificates, as sigstore does it, by a name of the policy."""

    name: str
    identity: str
    """An address of mail or a URI, exactly as certificates name it."""
    issuer: str
    trust_root: Path
    """A `trusted_root.json`: which authorities and logs are believed."""


@dataclass(frozen=True, slots=True)
class TimestampRule:
    """Whose timestamps count, and whether there has to be one."""

    authorities: tuple[Path, ...]
    required: bool = False


@dataclass(frozen=True, slots=True)
class ProvenanceRule:
    """What provenance has to say; an empty tuple asks nothing."""

    signers: Signers
    builders: tuple[str, ...] = ()
    build_types: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    archive_keys: tuple[str, ...] = ()
    packages: bool = False


@dataclass(frozen=True, slots=True)
class SbomRule:
    """What the SBOM has to say."""

    signers: Signers
    matches: str = ""
    """`distribution`, `all`, or empty: it only has to be there."""


@dataclass(frozen=True, slots=True)
class VexRule:
    """Whose VEX counts."""

    signers: Signers = ANYBODY
    authors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgeRule:
    """Days; None: any age."""

    image: int | None = None
    scan: int | None = None
    advisories: int | None = None


@dataclass(frozen=True, slots=True)
class VulnerabilityRule:
    """Limits; None and what is not in a map: no limit."""

    known_exploited: bool = False
    before_vex: Mapping[str, int] | None = None
    after_vex: Mapping[str, int] | None = None
    fixable: int | None = None
    epss_model: str = ""
    epss_most: float | None = None


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A base that is allowed."""

    name: str
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BaseRule:
    """What an image may be built on."""

    allowed: tuple[BaseImage, ...]
    none: bool = False


@dataclass(frozen=True, slots=True)
class InputsRule:
    """How many of which rebuilders."""

    threshold: int
    of: tuple[str, ...]
    fingerprints: frozenset[str]


@dataclass(frozen=True, slots=True)
class Exemption:
    """A rule that need not hold, for a while."""

    rule: str
    owner: str
    reason: str
    expires: date
    vulnerabilities: frozenset[str] = frozenset()
    image: str = ""

    def covers(self, rule: str, reference: str) -> bool:
        """Whether it is about a rule as a whole, of this image."""
        return (
            rule == self.rule
            and not self.vulnerabilities
            and (not self.image or fnmatchcase(reference, self.image))
        )

    def takes(self, rule: str, reference: str, today: date) -> frozenset[str]:
        """The vulnerabilities that it takes out of a rule today."""
        live = rule == self.rule and today <= self.expires
        fits = not self.image or fnmatchcase(reference, self.image)
        return self.vulnerabilities if live and fits else frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it."""

    name: PolicyName
    keys: tuple[NamedKey, ...] = ()
    """Those whose bytes the policy has; others it names by fingerprint."""
    identities: tuple[NamedIdentity, ...] = ()
    """Who signs without a key; with a fingerprint in `named` like a key."""
    named: Mapping[str, str] | None = None
    """Name → fingerprint, of every key and identity of the policy; None: any known key counts."""
    anybody: Signers = ANYBODY
    """Any one key that may sign, where a rule names none: not those of rebuilders alone."""
    timestamps: TimestampRule | None = None
    signatures: Signers = ANYBODY
    statements: tuple[StatementRule, ...] = ()
    provenance: ProvenanceRule | None = None
    sbom: SbomRule | None = None
    record: bool = False
    vex: VexRule | None = None
    age: AgeRule = AgeRule()
    vulnerabilities: VulnerabilityRule = VulnerabilityRule()
    no_root: bool = False
    contents: tuple[str, ...] = ()
    """Names of `contents` that are denied."""
    base: BaseRule | None = None
    no_end_of_life: bool = False
    inputs: InputsRule | None = None
    reproduced: Signers | None = None
    """Who has to have built the image again to the same bytes."""
    exceptions: tuple[Exemption, ...] = ()
