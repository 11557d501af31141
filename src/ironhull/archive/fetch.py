"""Gets .deb files and indexes into a blob store, verified while they are written.

Each is asked for at one address after the other until one gives the right bytes. Nothing is asked
of anybody for what the store has; urllib3 is loaded with the first file that it lacks, because
loading it takes longer than all else that an unchanged build does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from ironhull.archive.interface import Download, Repository
from ironhull.debian.package import Deb
from ironhull.errors import (
    EnvironmentProblem,
    InputError,
    IronhullError,
    MalformedError,
    NetworkError,
    NotFoundError,
    UntrustedError,
)
from ironhull.oci.digest import Digest, hex_of
from ironhull.progress import Progress
from ironhull.store.blobs import BlobStore
from ironhull.transport.address import shown
from ironhull.transport.network import DIRECT, Network

JOBS = 8

Advance = Callable[[int], object]
T = TypeVar("T")
R = TypeVar("R")


def default_transfer(note: Callable[[str], None], network: Network = DIRECT) -> Download:
    """A `Transfer` with the usual limits."""
    # Here, and not above: urllib3 (see the module's docstring).
    from ironhull.archive.transfer import Transfer

    return Transfer(network=network, note=note)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An archive that keeps what mirrors drop, by time: the setting `snapshot`.

    `template` is an address with `{timestamp}` (as 20261123T040506Z) and, if it has several
    archives, `{archive}` (a repository's name, for example `debian`).
    """

    template: str
    created: str
    """RFC 3339: the time at which the files were current, which is the lock's."""

    def root(self, repository: str) -> str:
        """The root address of a repository at that time; InputError if the template is wrong."""
        if "{timestamp}" not in self.template:
            raise InputError(
                f"the setting `snapshot` has no {{timestamp}}: {self.template!r} (expected for"
                " example https://snapshot.example/archive/{archive}/{timestamp})"
            )
        try:
            moment = datetime.fromisoformat(self.created).astimezone(UTC)
        except ValueError:
            raise MalformedError(f"not a date: {self.created!r}") from None
        timestamp = moment.strftime("%Y%m%dT%H%M%SZ")
        filled = self.template.replace("{timestamp}", timestamp).replace("{archive}", repository)
        return filled.rstrip("/")


@dataclass(frozen=True, slots=True)
class Wording:
    """How messages speak of what is fetched."""

    one: str
    some: str
    newer: str
    """What to do where the mirror has newer ones only."""
    listed: int = 20
    """How many of those that are missing a message lists."""


LOCKED = Wording(
    "locked package",
    "packages",
    "Move the lock to them with --update, or set `snapshot` to the address of an archive that"
    " keeps all.",
)


class MirrorSource:
    """.deb files from the repositories' mirrors: a `PackageSource`."""

    def __init__(
        self,
        repositories: Iterable[Repository],
        store: BlobStore,
        *,
        snapshot: Snapshot | None = None,
        offline: bool = False,
        jobs: int = JOBS,
        transfer: Callable[[Callable[[str], None]], Download] = default_transfer,
        wording: Wording = LOCKED,
    ) -> None:
        known = list(repositories)
        self._roots = {repository.name: repository.uri for repository in known}
        self._own = {repository.name for repository in known if repository.place}
        self._store = store
        self._snapshot = snapshot
        self._offline = offline
        self._jobs = jobs
        self._transfer = transfer
        self._wording = wording

    def fetch(self, wanted: Sequence[Deb], progress: Progress) -> None:
        """Have all of them in the store, verified, or raise one error naming what is missing."""
        absent = (w for w in wanted if not self._store.has(w.sha256, w.size))
        lacking = list({w.sha256: w for w in absent}.values())
        if not lacking:
            return
        if self._offline:
            raise _summary(
                [(w, EnvironmentProblem("not in the store")) for w in lacking], "", self._wording
            )
        addresses = [self._addresses(w) for w in lacking]
        transfer = self._transfer(progress.note)
        total = sum(w.size for w in lacking)
        advance = Stoppable(progress.start(f"fetching {self._wording.some}", total, "bytes"))

        def one(item: tuple[Deb, list[str]]) -> tuple[Deb, IronhullError] | None:
            package, urls = item
            try:
                fetch_blob(transfer, self._store, urls, package.sha256, package.size, advance)
            except (NotFoundError, UntrustedError, NetworkError) as error:
                return package, error
            return None

        # The largest first: else one that comes last keeps the others waiting.
        items = sorted(
            zip(lacking, addresses, strict=True), key=lambda item: item[0].size, reverse=True
        )
        results = in_parallel(one, items, self._jobs, advance.stop)
        failures = [result for result in results if result is not None]
        if failures:
            of_the_mirror = any(w.repository not in self._own for w, _ in failures)
            mirror = ", or use another mirror (--mirror URL)" if of_the_mirror else ""
            raise _summary(failures, f"Try again{mirror}.", self._wording)

    def _addresses(self, wanted: Deb) -> list[str]:
        if wanted.repository not in self._roots:
            known = ", ".join(sorted(self._roots)) or "none"
            raise InputError(
                f"{wanted.name} {wanted.version} is locked from repository {wanted.repository!r},"
                f" which is not configured (there are: {known})"
            )
        roots = [self._roots[wanted.repository]]
        if self._snapshot is not None:
            roots.append(self._snapshot.root(wanted.repository))
        return [address(root, pool_path(wanted.path)) for root in roots]


def fetch_blob(
    transfer: Download,
    store: BlobStore,
    urls: Sequence[str],
    digest: Digest,
    size: int,
    advance: Advance,
) -> None:
    """Store the blob from the first address that has it right.

    Wrong bytes are asked for once more, past caches on the way. Raises what the last address gave,
    but prefers to tell of wrong bytes, then of a failing server, then of absence.
    """
    failures: list[IronhullError] = []
    for url in urls:
        for fresh in (False, True):
            try:
                _fetch_once(transfer, store, url, digest, size, advance, fresh=fresh)
                return
            except UntrustedError as error:
                failures.append(error)
            except (NotFoundError, NetworkError) as error:
                failures.append(error)
                break
    failures.reverse()
    for kind in (UntrustedError, NetworkError, NotFoundError):
        for failure in failures:
            if isinstance(failure, kind):
                raise failure


def _fetch_once(
    transfer: Download,
    store: BlobStore,
    url: str,
    digest: Digest,
    size: int,
    advance: Advance,
    *,
    fresh: bool,
) -> None:
    written = 0
    try:
        with store.writer() as blob:

            def sink(data: bytes) -> None:
                nonlocal written
                blob.write(data)
                written += len(data)
                advance(len(data))

            transfer.get(url, sink, limit=size, fresh=fresh)
            if (blob.digest, blob.size) != (digest, size):
                raise UntrustedError(
                    f"{shown(url)}: expected {size} bytes with sha256 {hex_of(digest)},"
                    f" got {blob.size} with {hex_of(blob.digest)}"
                )
    except BaseException:
        advance(-written)
        raise


def address(root: str, path: str) -> str:
    """The address of a file below a repository's root."""
    return f"{root}/{quote(path, safe='/~:')}"


def pool_path(path: str) -> str:
    """The path if it stays below the root; MalformedError if not."""
    parts = path.split("/")
    if parts[:1] == ["."]:
        parts = parts[1:]
    if not parts or any(part in ("", ".", "..") for part in parts) or not path.isprintable():
        raise MalformedError(f"not a path inside a repository: {path!r:.200}")
    return "/".join(parts)


def in_parallel(
    work: Callable[[T], R], items: Sequence[T], jobs: int, stop: Callable[[], object]
) -> list[R]:
    """The results of `work` in the order of items; the first exception stops the rest.

    `stop` is called then, and on Ctrl-C, so that what runs can end soon.
    """
    pool = ThreadPoolExecutor(max(1, min(jobs, len(items))), thread_name_prefix="fetch")
    try:
        return list(pool.map(work, items))
    except BaseException:
        stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Stoppable:
    """Progress of downloads that ends them when told to: they report every few bytes."""

    def __init__(self, advance: Callable[[int], object]) -> None:
        self._advance = advance
        self._stopped = threading.Event()

    def __call__(self, amount: int) -> None:
        """Advance; EnvironmentProblem once it was stopped."""
        if self._stopped.is_set() and amount > 0:
            raise EnvironmentProblem("stopped, because another download failed")
        self._advance(amount)

    def stop(self) -> None:
        """Let whatever advances next fail."""
        self._stopped.set()


def _summary(
    failures: Sequence[tuple[Deb, IronhullError]], again: str, wording: Wording
) -> IronhullError:
    """One error of the gravest kind that lists every package; `again` is empty when offline."""
    lines = [
        f"  {w.name} {w.version} ({w.architecture}), from {w.repository}: {error}"
        for w, error in sorted(failures, key=lambda failure: failure[0].name)
    ]
    if len(lines) > wording.listed:
        lines[wording.listed :] = [f"  and {len(lines) - wording.listed} more"]
    errors = [error for _, error in failures]
    count = f"{len(failures)} {wording.one}" + ("s" if len(failures) > 1 else "")
    listed = "\n".join(lines)
    if not again:
        return EnvironmentProblem(
            f"{count} cannot be had offline:\n{listed}\nRun once with the network, or copy the"
            " store of a machine that has them."
        )
    if any(isinstance(error, UntrustedError) for error in errors):
        return UntrustedError(
            f"{count} cannot be had; a mirror gives wrong bytes:\n{listed}\n{again}"
        )
    if any(isinstance(error, NetworkError) for error in errors):
        return NetworkError(f"{count} cannot be had:\n{listed}\n{again}")
    return NotFoundError(
        f"{count} cannot be had:\n{listed}\nA mirror keeps only current versions. {wording.newer}"
    )
