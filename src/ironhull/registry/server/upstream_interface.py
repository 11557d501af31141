"""What mirrored repositories are brought through; `upstream` is the one there is."""

from __future__ import annotations

from typing import Protocol

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.registry.server.arriving import Arriving
from ironhull.registry.server.mirrored import KeptTag
from ironhull.registry.server.mirrors import Mirror


class Upstream(Protocol):
    """Fetches for mirrored repositories, in threads; safe for several of them.

    Each function is for one repository of ours and raises what the network and the other registry
    give, with the place in its words; `said` makes answers of that.
    """

    def kept_tag(self, repository: str, tag: str) -> KeptTag | None:
        """A tag that was had, if its manifest is still here."""
        ...

    def bring_tag(self, repository: str, tag: str) -> Descriptor:
        """What upstream has under a tag now; NotFoundError if it has none, and it is forgotten."""
        ...

    def bring_manifest(self, repository: str, digest: Digest) -> None:
        """A manifest by its digest."""
        ...

    def bring_referrers(self, repository: str, subject: Digest) -> int:
        """All manifests that refer to one, and the records that they do; how many."""
        ...

    def tags(self, repository: str) -> list[str]:
        """The list of tags upstream."""
        ...

    def blob_size(self, repository: str, digest: Digest) -> int:
        """Bytes of a blob upstream; Refusal where there is no room for it here."""
        ...

    def bring_blob(self, repository: str, arriving: Arriving) -> None:
        """Fetch a blob into the store, and note that the repository has it."""
        ...

    def said(self, mirror: Mirror, error: Exception, missing: str = ...) -> Exception:
        """The answer for what went wrong; `missing` is the code for what upstream does not have."""
        ...

    def stop(self) -> None:
        """Let what goes on end soon."""
        ...

    def close(self) -> None:
        """Let all connections go."""
        ...
