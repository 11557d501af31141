"""Mirrored repositories: what is asked for is brought from where it is, checked, and kept.

1. A digest that is here is answered from here: nothing else can have it.
2. A tag, the list of tags and a list of referrers are asked for upstream when the mirror's time is
   over; what was had before is the answer if upstream is away, and not if upstream refuses or lies.
3. Whatever is fetched is fetched once, however many ask for it at a time; blobs go to disk as they
   come and to the clients from there (`arriving`).
4. Upstream is asked with this machine's logins. Nothing of a client's request goes there but
   names, tags and digests.

Everything here runs in the event loop but what `upstream` does, in threads of each mirror's own: a
slow registry holds up nothing but itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from ironhull.errors import NetworkError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.registry.server.arriving import Arriving
from ironhull.registry.server.contents import Contents, FoundManifest
from ironhull.registry.server.mirrored import MirrorRecords
from ironhull.registry.server.mirrors import Mirror
from ironhull.registry.server.names import digest as parse_digest
from ironhull.registry.server.names import is_tag
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.upstream_interface import Upstream

_SMALL_THREADS, _BLOB_THREADS = 8, 8
_MAX_WAITING = 512
# A blob up to this size is had whole before it is sent: then a failure is an answer in words.
_WHOLE = 4 << 20
# Upstream was away: for so long what is here is the answer without asking again.
_REST = 10.0
_AWAY = frozenset({"UPSTREAM_UNAVAILABLE", "TOOMANYREQUESTS"})

# What of upstream's is not there, by the question.
_MISSING = {"blob_size": "BLOB_UNKNOWN", "tags": "NAME_UNKNOWN"}

T = TypeVar("T")


class PullThrough:
    """What routes ask for repositories that may be mirrored. `close` ends all that goes on."""

    def __init__(
        self,
        contents: Contents,
        upstream: Upstream,
        note: Callable[..., None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._contents, self._upstream = contents, upstream
        self._note, self._clock = note, clock
        self._kept = MirrorRecords(contents.records)
        self._small = {m: _threads(m, _SMALL_THREADS) for m in contents.rules.mirrors}
        self._large = {m: _threads(m, _BLOB_THREADS) for m in contents.rules.mirrors}
        self._going: dict[tuple[str, ...], asyncio.Task[Any]] = {}
        self._arriving: dict[tuple[str, Digest], Arriving] = {}
        self._waiting = Counter[Mirror]()
        self._away_until: dict[Mirror, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def mirror(self, repository: str) -> Mirror | None:
        """The mirror that a repository is of, if any."""
        return self._contents.rules.mirror(repository)

    async def manifest(self, repository: str, reference: str) -> FoundManifest:
        """A manifest by tag or digest, of a mirrored repository."""
        mirror = self._of(repository)
        if is_tag(reference):
            return await self._tag(mirror, repository, reference)
        digest = parse_digest(reference)
        with suppress(Refusal):
            return await asyncio.to_thread(self._contents.find_manifest, repository, digest)
        await self._once(mirror, self._upstream.bring_manifest, repository, digest)
        self._follow_up(mirror, repository, digest)
        return await asyncio.to_thread(self._contents.find_manifest, repository, digest)

    async def blob(self, repository: str, digest: Digest, *, whole: bool) -> Arriving | None:
        """See to it that a blob is here, or coming: then it can be followed, unless `whole`."""
        mirror = self._of(repository)
        if await asyncio.to_thread(self._has_blob, repository, digest):
            return None
        key = (repository, digest)
        arriving = self._arriving.get(key)
        if arriving is None:
            size = await self.blob_size(repository, digest)
            # Somebody else may have begun meanwhile.
            arriving = self._arriving.get(key)
            if arriving is None:
                self._wait(mirror)
                arriving = self._arriving[key] = Arriving(digest, size)
                self._keep(self._fetch(mirror, repository, arriving))
        try:
            if whole or arriving.size <= _WHOLE:
                await asyncio.shield(arriving.done)
            else:
                await arriving.begun()
        except NetworkError as error:
            raise self._upstream.said(mirror, error) from None
        return None if arriving.done.done() else arriving

    async def blob_size(self, repository: str, digest: Digest) -> int:
        """Bytes of a blob that is here or upstream; nothing is fetched."""
        mirror = self._of(repository)
        if await asyncio.to_thread(self._has_blob, repository, digest):
            return await asyncio.to_thread(self._contents.blobs.size, digest)
        return await self._once(mirror, self._upstream.blob_size, repository, digest)

    async def tags(self, repository: str) -> list[str]:
        """The tags of a repository, as upstream has them, in the order of their bytes."""
        mirror = self._of(repository)
        kept = await asyncio.to_thread(self._kept.names, repository)
        if kept is None or not self._fresh(mirror, kept[1]):
            names = await self._or_kept(
                mirror,
                lambda: self._once(mirror, self._upstream.tags, repository),
                kept[0] if kept is not None else None,
                f"tags of {repository}",
            )
        else:
            names = kept[0]
        return sorted(names)

    async def referrers(self, repository: str, subject: Digest) -> list[Descriptor]:
        """What refers to a manifest, as upstream has it; each of them was fetched and verified."""
        mirror = self._of(repository)
        checked = await asyncio.to_thread(self._kept.referrers_checked, repository, subject)
        if not self._fresh(mirror, checked):
            await self._or_kept(
                mirror,
                lambda: self._once(mirror, self._upstream.bring_referrers, repository, subject),
                0 if checked else None,
                f"referrers of {subject}",
            )
        return await asyncio.to_thread(self._contents.referrers, repository, subject)

    async def forget_tag(self, repository: str, tag: str) -> None:
        """Ask upstream when the tag is asked for next; MANIFEST_UNKNOWN if it was never had."""
        if not await asyncio.to_thread(self._kept.drop_tag, repository, tag):
            raise Refusal("MANIFEST_UNKNOWN", f"{repository} has no tag {tag!r} kept here")

    def close(self) -> None:
        """End what goes on; from any thread, as it waits for some."""
        self._upstream.stop()
        for task in tuple(self._tasks):
            with suppress(RuntimeError):  # its loop has ended, and it with that
                task.get_loop().call_soon_threadsafe(task.cancel)
        for threads in (*self._small.values(), *self._large.values()):
            threads.shutdown(wait=True, cancel_futures=True)
        self._upstream.close()

    async def _tag(self, mirror: Mirror, repository: str, tag: str) -> FoundManifest:
        kept = await asyncio.to_thread(self._upstream.kept_tag, repository, tag)
        if kept is None or not self._fresh(mirror, kept.checked):
            before = kept.descriptor if kept is not None else None
            found = await self._or_kept(
                mirror,
                lambda: self._once(mirror, self._upstream.bring_tag, repository, tag),
                before,
                f"{repository}:{tag}",
            )
            if before is None or found.digest != before.digest:
                self._follow_up(mirror, repository, found.digest)
        else:
            found = kept.descriptor
        return FoundManifest(found.digest, found.media_type, found.size)

    def _follow_up(self, mirror: Mirror, repository: str, digest: Digest) -> None:
        """Have at once what refers to a new manifest: later upstream may be away."""

        async def bring() -> None:
            try:
                await self.referrers(repository, digest)
            except Refusal as refusal:
                self._note("mirror", problem=str(refusal))

        if self._waiting[mirror] < _MAX_WAITING // 2:
            self._keep(bring())

    async def _fetch(self, mirror: Mirror, repository: str, arriving: Arriving) -> None:
        loop = asyncio.get_running_loop()
        error: Exception | None = None
        try:
            await loop.run_in_executor(
                self._large[mirror], self._upstream.bring_blob, repository, arriving
            )
        except asyncio.CancelledError:
            error = NetworkError("the server ends")
        except Exception as failure:
            error = self._upstream.said(mirror, failure, "BLOB_UNKNOWN")
            self._note("mirror", problem=str(failure))
        finally:
            self._arriving.pop((repository, arriving.digest), None)
            self._waiting[mirror] -= 1
            arriving.end(error)

    async def _once(self, mirror: Mirror, work: Callable[..., T], repository: str, *more: str) -> T:
        """What `work` gives, in a thread; of equal questions at a time one is asked."""
        key = (work.__name__, repository, *more)
        task = self._going.get(key)
        if task is None:
            self._wait(mirror)
            task = asyncio.create_task(self._ask(mirror, work, repository, more))
            self._going[key] = task
            task.add_done_callback(lambda ended: self._ended(mirror, key, ended))
        try:
            # One who goes away ends it for nobody else.
            return await asyncio.shield(task)
        except Exception as error:
            raise self._upstream.said(
                mirror, error, _MISSING.get(work.__name__, "MANIFEST_UNKNOWN")
            ) from error

    async def _ask(
        self, mirror: Mirror, work: Callable[..., T], repository: str, more: tuple[str, ...]
    ) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._small[mirror], work, repository, *more)

    def _ended(self, mirror: Mirror, key: tuple[str, ...], task: asyncio.Task[Any]) -> None:
        self._going.pop(key, None)
        self._waiting[mirror] -= 1
        # Looked at also if everybody who asked has gone.
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, NotFoundError | Refusal):
            self._note("mirror", problem=str(error))

    async def _or_kept(
        self, mirror: Mirror, fetch: Callable[[], Awaitable[T]], kept: T | None, what: str
    ) -> T:
        """What upstream says; if it is away what is `kept`, if that is not None."""
        if kept is not None and self._clock() < self._away_until.get(mirror, 0.0):
            return kept
        try:
            found = await fetch()
        except Refusal as refusal:
            if kept is None or refusal.code not in _AWAY:
                raise
            self._away_until[mirror] = self._clock() + _REST
            self._note("mirror", problem=f"{what} as it was before: {refusal}")
            return kept
        self._away_until.pop(mirror, None)
        return found

    def _fresh(self, mirror: Mirror, checked: float) -> bool:
        return 0 <= self._clock() - checked < mirror.revalidate

    def _has_blob(self, repository: str, digest: Digest) -> bool:
        return self._contents.has_blob(repository, digest) and self._contents.blobs.has(digest)

    def _of(self, repository: str) -> Mirror:
        mirror = self.mirror(repository)
        if mirror is None:
            raise Refusal("NAME_UNKNOWN", f"no repository {repository}")
        return mirror

    def _wait(self, mirror: Mirror) -> None:
        """Count one more that waits; TOOMANYREQUESTS if there are too many."""
        if self._waiting[mirror] >= _MAX_WAITING:
            raise Refusal(
                "TOOMANYREQUESTS",
                f"{_MAX_WAITING} requests wait for {mirror.upstream}, try again later",
                headers={"retry-after": "5"},
            )
        self._waiting[mirror] += 1

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _threads(mirror: Mirror, count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, f"mirror {mirror.prefix}")
