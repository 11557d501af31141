"""Facts about images as frozen values: what pages show and the API gives, in one form.

They are kept, and given to programs, as JSON with the names of these fields; the OpenAPI document
is made of them too. Moments are RFC 3339 in UTC, sizes are bytes; an empty text is `not known`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["affected", "not_affected", "fixed", "unknown"]
"""Of a finding after VEX; `affected` includes what is under investigation."""
_SAW_ALL = ("complete", "stale")
"""Verdicts of scans after which no finding means that there is none."""


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """One package of an image."""

    name: str
    version: str
    type: str
    """deb, apk, npm, pypi, …"""
    source: str
    """The source package; empty where there is none."""
    source_version: str
    architecture: str
    licenses: tuple[str, ...]
    location: str
    layer: str
    """Digest."""
    why: str
    """`asked for by the definition`, `needed by nodejs`; empty where no lock says it."""


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One layer, lowest first."""

    digest: str
    size: int
    """As it is pulled."""
    uncompressed: int
    files: int
    created_by: str
    packages: tuple[str, ...]
    """`name version` of the packages in it."""


@dataclass(frozen=True, slots=True)
class FindingFacts:
    """One vulnerability of one package, with what was decided about it and why."""

    id: str
    package: str
    version: str
    source: str
    type: str
    location: str
    severity: str
    status: Status
    why: str
    """Which versions were compared, in words."""
    advice: str
    justification: str
    """VEX's word; empty where nothing was decided."""
    statement: str
    """In the words of who decided it."""
    evidence: str
    """The document that decides it."""
    fix_state: str
    fixed_version: str
    cvss: float | None
    exploited: bool
    """Whether CISA lists it as exploited."""
    title: str
    published: str
    feed: str
    said_by: str = ""
    """Who signed the statement, where it is attached: a key's or identity's name and fingerprint.

    `evidence` is then the digest of the statement's referrer; empty: nobody but Ironhull itself.
    """
    before: Status | None = None
    """The status without that statement; null where there is none."""


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What a scan of one platform said."""

    manifest: str
    """Digest."""
    scanned: str
    database: str
    """Date of the newest advisories that were used."""
    verdict: str
    """complete, partial, stale, unknown or eol."""
    warnings: tuple[str, ...]
    findings: tuple[FindingFacts, ...]

    @property
    def known(self) -> bool:
        """Whether no finding means that there is none."""
        return self.verdict in _SAW_ALL

    @property
    def open(self) -> tuple[FindingFacts, ...]:
        """What is left after VEX."""
        return tuple(each for each in self.findings if each.status in ("affected", "unknown"))


@dataclass(frozen=True, slots=True)
class AttestationFacts:
    """One statement that is attached to an image; nothing is said of its signature here."""

    kind: str
    type: str
    digest: str
    """Of the referrer's manifest."""
    platform: str
    """Empty: it is about the whole image."""
    created: str


@dataclass(frozen=True, slots=True)
class InputFacts:
    """One thing that an image was made of, as its provenance says."""

    name: str
    uri: str
    digest: str
    archive: str = ""
    """Of a package the `uri` of the release file that vouches for it; empty: not said."""


@dataclass(frozen=True, slots=True)
class ProvenanceFacts:
    """How an image was made, as its provenance says."""

    builder: str
    build_type: str
    definition: InputFacts | None
    lock: InputFacts | None
    sources: tuple[InputFacts, ...]
    """Other files of the definition."""
    archives: tuple[InputFacts, ...]
    """Signed release files of package archives."""
    packages: tuple[InputFacts, ...]
    others: tuple[InputFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class PlatformFacts:
    """The image of one platform. It never changes under its digest."""

    platform: str
    digest: str
    created: str
    distribution: str
    size: int
    """Bytes of all layers as they are pulled."""
    uncompressed: int
    files: int
    user: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    working_directory: str
    ports: tuple[str, ...]
    environment: tuple[str, ...]
    """Names alone: values may be secrets."""
    labels: dict[str, str]
    shells: int
    package_managers: int
    setuid: int
    packages: tuple[PackageFacts, ...]
    layers: tuple[LayerFacts, ...]


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """One image by its digest: an index, or the manifest of an image for one platform."""

    digest: str
    media_type: str
    created: str
    title: str
    description: str
    version: str
    variant: str
    """runtime, dev, …"""
    flavor: str
    distribution: str
    end_of_life: str
    """YYYY-MM-DD"""
    platforms: tuple[PlatformFacts, ...]
    provenance: ProvenanceFacts | None = None
    problem: str = ""
    """Why the rest is not known."""
    provenances: dict[str, ProvenanceFacts] = field(default_factory=dict)
    """Of the platforms after the first, by the digest of each one's image."""

    def on(self, platform: str) -> PlatformFacts | None:
        """The image of a platform by its name; None where there is none."""
        return next((each for each in self.platforms if each.platform == platform), None)

    def made(self, manifest: str) -> ProvenanceFacts | None:
        """How the image of a platform was made, by its digest."""
        first = self.platforms[0].digest if self.platforms else manifest
        return self.provenance if manifest == first else self.provenances.get(manifest)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many findings an image has: of its platforms the highest number of each kind."""

    raw: int
    open: int
    severe: int
    known: bool
    """Whether scans saw all that there is on all platforms; else there may be more."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What lists show of a build, and what is sorted and searched by."""

    digest: str
    created: str
    title: str
    description: str
    variant: str
    flavor: str
    end_of_life: str
    platforms: tuple[str, ...]
    size: int
    """Of the first platform, as it is pulled."""
    packages: int
    names: str
    """Names of its packages in one text, for searching."""
    raw: int = 0
    """Findings before VEX, of the first platform."""
    open: int = 0
    """After VEX."""
    severe: int = 0
    """Critical and high after VEX."""
    scanned: str = ""
    """Empty: nobody looked; the counts say nothing then."""
    verdict: str = ""
    """Of the scan."""
    problem: str = ""
    rest: tuple[tuple[str, str], ...] = ()
    """(manifest, verdict) of the scans of the other platforms."""
    counts: tuple[tuple[str, int, int, int], ...] = ()
    """(manifest, before VEX, after it, critical and high after it) of these scans."""

    @property
    def worst(self) -> Counts:
        """Findings as lists count them: of each kind as on the platform that has most."""
        if not self.counts:
            return Counts(self.raw, self.open, self.severe, self.looked and not self.rest)
        rows = [(self.raw, self.open, self.severe), *(each[1:] for each in self.counts)]
        raw, left, severe = (max(column) for column in zip(*rows, strict=True))
        return Counts(raw, left, severe, self.looked and len(self.counts) >= len(self.rest))

    @property
    def known(self) -> bool:
        """Whether the counts are those of all that there is, as of `ScanFacts.known`."""
        return bool(self.scanned) and self.verdict in _SAW_ALL

    @property
    def looked(self) -> bool:
        """Whether what no scan found is in none of its platforms' images."""
        if not self.known or len(self.rest) + 1 < len(self.platforms):
            return False
        return not self.rest or all(verdict in _SAW_ALL for _, verdict in self.rest)


@dataclass(frozen=True, slots=True)
class Moved:
    """A tag that was seen at another image than before."""

    tag: str
    digest: str
    at: str
    """When it was seen first; it may have moved earlier."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """Findings of a tag on a day."""

    day: str
    tag: str
    raw: int
    open: int


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """One rule of a verification."""

    rule: str
    status: str
    found: str
    platform: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying an image said just now."""

    answer: Literal["verified", "refused", "unknown"]
    text: str
    at: str
    rules: tuple[RuleFacts, ...] = ()
    signed: tuple[tuple[str, str], ...] = ()
    """(digest of the referrer, who signed it) of every statement whose signature holds."""
    refused: tuple[tuple[str, str], ...] = ()
    """(digest, why its signature does not count)."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A line of a repository's signed record of publications."""

    at: str
    tags: tuple[str, ...]
    digest: str
    by: str


@dataclass(frozen=True, slots=True)
class Published:
    """A repository's signed record of publications."""

    publications: tuple[Publication, ...] = ()
    """The newest first; none: it was not published from here, or the record is not believed."""
    problem: str = ""
    """Why a record that there is is not believed."""


@dataclass(frozen=True, slots=True)
class RebuilderFacts:
    """Somebody who built packages of an image again."""

    name: str
    """As the statement calls them."""
    key: str
    """Fingerprint."""
    packages: int
    """Of how many they got the same bytes."""


@dataclass(frozen=True, slots=True)
class RebuildFacts:
    """What one attached statement says of who rebuilt the packages of an image."""

    digest: str
    """Of the referrer's manifest."""
    rebuilt: int
    """Packages that anybody built again to the same bytes."""
    packages: int
    rebuilders: tuple[RebuilderFacts, ...]
    """Those of most packages first."""
    problem: str = ""
    """Why it cannot be read."""


@dataclass(frozen=True, slots=True)
class MirroredTag:
    """A tag that was brought from another registry."""

    tag: str
    digest: str
    asked: str
    """When the other registry was asked last."""


@dataclass(frozen=True, slots=True)
class MirrorFacts:
    """A repository that mirrors one of another registry; of its images nothing else is known."""

    name: str
    upstream: str
    """The repository there, with its host."""
    count: int
    """Tags that were had so far; upstream may have others."""
    tags: tuple[MirroredTag, ...]
    """The newest of them, by when they were asked for."""


@dataclass(frozen=True, slots=True)
class ChangelogFacts:
    """What the maintainers of a source package say of one version."""

    version: str
    urgency: str
    by: str
    """A name, without an address."""
    date: str
    text: str
    """Lines as they are written; a long text is cut."""


@dataclass(frozen=True, slots=True)
class SourceWords:
    """A source package whose binary packages came in a later version."""

    source: str
    before: str
    """Version."""
    after: str
    packages: tuple[str, ...]
    """Its binary packages that both images have."""
    entries: tuple[ChangelogFacts, ...] = ()
    """Of the versions after `before`, the newest first."""
    note: str = ""
    """Why there are no entries, or no more."""


@dataclass(frozen=True, slots=True)
class FixTimes:
    """How long fixes of one severity took, in words and in seconds."""

    span: str
    severity: str
    number: int
    half: str
    ninety: str
    longest: str
    target: str
    late: int
    half_seconds: int = 0
    """So long did half of them take at most."""
    ninety_seconds: int = 0
    longest_seconds: int = 0
    target_seconds: int | None = None
    """Null where there is none."""


@dataclass(frozen=True, slots=True)
class WatchedImage:
    """Where the watcher has one image."""

    name: str
    repository: str
    """Its repository in the registry that serves the pages, or empty."""
    state: str
    published_at: str
    behind_since: str
    why: str
    alarm: bool


@dataclass(frozen=True, slots=True)
class WatchFacts:
    """What the watcher's state says; without images: nobody watches here."""

    images: tuple[WatchedImage, ...] = ()
    alarms: tuple[str, ...] = ()
    times: tuple[FixTimes, ...] = ()
    days: dict[str, dict[str, int]] = field(default_factory=dict)
    """Day → severity → open findings over all images."""
    note: str = ""
    repositories: dict[str, tuple[FixTimes, ...]] = field(default_factory=dict)
    """Repository → how long fixes of its images took."""
