"""What a definition names by address: keys and files, fetched and held to a digest."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urldefrag, urlsplit

from ironhull.archive.interface import Download
from ironhull.errors import EnvironmentProblem, InputError, UntrustedError
from ironhull.oci.digest import Digest, digest_of, parse_digest
from ironhull.store.blobs import BlobStore

MAX_KEY = 1 << 20
MAX_FILE = 4 << 30


@dataclass(frozen=True, slots=True)
class Addressed:
    """Gets them into the store of packages; what is there already is not asked for again."""

    store: BlobStore
    download: Download
    offline: bool

    def key(self, url: str, before: Digest | None = None) -> bytes:
        """A key's bytes. `url` may end in `#sha256=…`, else `before` is the digest of last time.

        UntrustedError if they have another one: whoever can change the key can change the packages.
        """
        address, fragment = urldefrag(url)
        if urlsplit(address).scheme != "https":
            raise InputError(f"{address}: a key is fetched over https, nothing else")
        wanted = parse_digest(fragment.replace("=", ":", 1)) if fragment else before
        # Of a key that only the lock knows, it is to be said when the address has another one.
        settled = fragment or self.offline
        if wanted is not None and settled and self.store.has(wanted):
            return self.store.read(wanted)
        self._online(address)
        pieces: list[bytes] = []
        self.download.get(address, pieces.append, limit=MAX_KEY)
        data = b"".join(pieces)
        found = digest_of(data)
        if wanted is not None and found != wanted:
            since = "the definition says" if fragment else "it was when the image was locked"
            raise UntrustedError(
                f"the key at {address} is {found}, not {wanted} as {since}; if its owner replaced "
                f"it, write {address}#{found.replace(':', '=', 1)} into the definition"
            )
        self.store.put(data)
        return data

    def file(self, url: str, before: Digest | None = None) -> Digest:
        """The digest of a file as it is there now; offline that of last time."""
        if self.offline and before is not None and self.store.has(before):
            return before
        self._online(url)
        with self.store.writer() as blob:
            self.download.get(url, blob.write, limit=MAX_FILE)
        return blob.digest

    def _online(self, address: str) -> None:
        if self.offline:
            raise EnvironmentProblem(f"{address} is not on this machine: run once with the network")
