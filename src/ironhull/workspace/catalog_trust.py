"""Whose statements count on the catalog's pages, as the files that say so are at this moment."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from ironhull.catalog.facts import ScanFacts
from ironhull.catalog.index import CatalogIndex
from ironhull.errors import IronhullError
from ironhull.signing.interface import identity_fingerprint
from ironhull.verify.trust import Trust
from ironhull.workspace.machine import Machine
from ironhull.workspace.verifying import VerifyChoices, chosen_trust

_Stamp = tuple[tuple[int, ...], ...]


class Believed:
    """Keys that were named and an identity, else the ring's keys; what the ring revoked never.

    Files that cannot be read make nobody believed. Any number of threads may use it.
    """

    def __init__(self, machine: Machine, chosen: VerifyChoices | None = None) -> None:
        self._machine = machine
        self.chosen = chosen or VerifyChoices()
        # Their dates are looked at before each answer.
        files = [machine.home.keys / "keys.json", *self.chosen.keys]
        if self.chosen.identity is not None:
            files.append(self.chosen.identity.trust_root)
        self._files = tuple(map(str, files))
        self._lock = threading.RLock()
        self._read: tuple[_Stamp, Trust] | None = None
        self._settled: tuple[_Stamp, int] | None = None
        self.withdrawn = 0
        """Scans that lost what was said by somebody who is not believed any more."""

    def stamp(self) -> _Stamp:
        """Other numbers after each change of a file that says who is believed."""
        return tuple(map(_stamp_of, self._files))

    def trust(self) -> Trust:
        """Whom to believe now; nobody where the files do not say."""
        with self._lock:
            # Taken first: of a file that changes meanwhile the next look sees another stamp.
            stamp = self.stamp()
            if self._read is None or self._read[0] != stamp:
                self._read = (stamp, self._trust())
            return self._read[1]

    def words(self) -> frozenset[str]:
        """What stands for each who is believed, the same as `word` gives for a signature."""
        found = {key.public.fingerprint for key in self.trust().believed}
        if self.chosen.identity is not None:
            found.add(self.word(self._identity()))
        return frozenset(found)

    def word(self, fingerprint: str) -> str:
        """A key's fingerprint; an identity's with the state of the root that it was held to."""
        identity = self.chosen.identity
        if identity is None or fingerprint != self._identity():
            return fingerprint
        return f"{fingerprint}@{'-'.join(map(str, _stamp_of(identity.trust_root)))}"

    def settle(self, index: CatalogIndex) -> bool:
        """Take out of the index what nobody who is believed says now; True if that changed any.

        Before each answer: it costs looking at the files' dates, and one number of the index.
        """
        with self._lock:
            now = (self.stamp(), index.generation)
            before, self._settled = self._settled, now
            if before == now:
                return False
            gone = index.withdraw(self.words)
            if gone:
                self.withdrawn += gone
                self._settled = (now[0], index.generation)
            return gone > 0 or before is None or before[0] != now[0]

    def keep(
        self,
        index: CatalogIndex,
        scan: ScanFacts,
        plain: ScanFacts,
        stamp: str,
        words: frozenset[str],
    ) -> None:
        """Keep a scan with what `words` said of it; without it if one is not believed any more.

        `plain` is the scan without. In one piece with `settle`: who is revoked while it is made
        does not come in behind it.
        """
        with self._lock:
            if words <= self.words():
                index.put_scan(scan, stamp, plain if words else None, words)
            else:
                index.put_scan(plain, "")

    def _identity(self) -> str:
        identity = self.chosen.identity
        return identity_fingerprint(identity.identity, identity.issuer) if identity else ""

    def _trust(self) -> Trust:
        try:
            return chosen_trust(self._machine, self.chosen)
        except IronhullError:
            return Trust(())


def _stamp_of(path: str | Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
