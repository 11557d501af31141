"""What is remembered of mirrored repositories, in small files beside the other records.

<layout>/registry/repositories/<name>/_mirror/
    tags/<tag>           {"digest", "mediaType", "size"} of what the tag was upstream
    referrers/<hex>      an empty file: what refers to this manifest was asked for
    names                the tags of the repository upstream, a line each

The date of each file is when upstream was asked last. Manifests and blobs have the records that
pushed ones have: such a record is made when upstream has sent the bytes, so that nothing belongs to
a mirrored repository because a manifest from elsewhere names its digest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ironhull.errors import MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.reference import TAG
from ironhull.registry.server.records import Records
from ironhull.store.files import replace_file

_MAX_TAG_FILE = 4096
_MAX_NAMES = 64 << 20


@dataclass(frozen=True, slots=True)
class KeptTag:
    """A tag as upstream had it when it was asked last, in seconds since 1970."""

    descriptor: Descriptor
    checked: float


class MirrorRecords:
    """The records of mirrored repositories."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def tag(self, repository: str, tag: str) -> KeptTag | None:
        """What is known of a tag; None if it was never had, or the file is damaged."""
        path = self._tag(repository, tag)
        try:
            checked = path.stat().st_mtime
            with path.open("rb") as file:
                value = json.loads(file.read(_MAX_TAG_FILE))
            return KeptTag(Descriptor.from_json(value), checked)
        except (OSError, ValueError, MalformedError):
            return None

    def keep_tag(self, repository: str, tag: str, descriptor: Descriptor) -> None:
        """Remember what upstream has under a tag, as of now."""
        data = json.dumps(descriptor.json()).encode()
        replace_file(self._tag(repository, tag), data, durable=False)

    def renew_tag(self, repository: str, tag: str) -> None:
        """Remember that upstream still has under a tag what it had."""
        with suppress(FileNotFoundError):
            os.utime(self._tag(repository, tag))

    def drop_tag(self, repository: str, tag: str) -> bool:
        """Forget a tag; False if it was not known."""
        try:
            self._tag(repository, tag).unlink()
        except FileNotFoundError:
            return False
        return True

    def tags(self, repository: str) -> dict[str, KeptTag]:
        """All tags that were had."""
        try:
            names = os.listdir(self._folder(repository) / "tags")
        except FileNotFoundError:
            return {}
        found = {name: self.tag(repository, name) for name in names if TAG.fullmatch(name)}
        return {name: kept for name, kept in found.items() if kept is not None}

    def names(self, repository: str) -> tuple[list[str], float] | None:
        """The list of tags upstream, and when it was had."""
        path = self._folder(repository) / "names"
        try:
            checked = path.stat().st_mtime
            with path.open("rb") as file:
                lines = file.read(_MAX_NAMES).decode("ascii", "replace").splitlines()
        except FileNotFoundError:
            return None
        return [line for line in lines if TAG.fullmatch(line)], checked

    def keep_names(self, repository: str, names: Sequence[str]) -> None:
        """Remember the list of tags upstream."""
        data = "".join(f"{name}\n" for name in names).encode()
        replace_file(self._folder(repository) / "names", data, durable=False)

    def referrers_checked(self, repository: str, subject: Digest) -> float:
        """When upstream was asked what refers to a manifest, in seconds since 1970; 0: never."""
        try:
            return self._referrers(repository, subject).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def keep_referrers_checked(self, repository: str, subject: Digest) -> None:
        """Remember that upstream was asked now what refers to a manifest."""
        replace_file(self._referrers(repository, subject), b"", durable=False)

    def _folder(self, repository: str) -> Path:
        return self._records.folder(repository, "_mirror")

    def _tag(self, repository: str, tag: str) -> Path:
        return self._folder(repository) / "tags" / tag

    def _referrers(self, repository: str, subject: Digest) -> Path:
        return self._folder(repository) / "referrers" / hex_of(subject)
