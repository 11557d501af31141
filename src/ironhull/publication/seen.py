"""The newest record that was seen in each place, so that nobody is shown an older one later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ironhull.errors import EnvironmentProblem, MalformedError
from ironhull.json_fields import decode
from ironhull.oci.digest import digest_of, parse_digest
from ironhull.oci.document import canonical
from ironhull.publication.chain import Position, position_of
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.store.files import locked, replace_file

_MAX = 16 << 20


class SeenRecords:
    """One file: place → number and digest. A place is `registry/repository`, or a repository."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def newest(self, place: str) -> Position | None:
        """What was seen of a place; MalformedError for a damaged file."""
        return self._read().get(place)

    def must_continue(self, place: str, lines: Sequence[bytes] | None) -> None:
        """Refuse a log that lacks what was seen, or has something else; None: it is gone."""
        seen = self.newest(place)
        if seen is None:
            return
        forget = f"(if the publisher began anew, remove {place} from {self.path})"
        if lines is None or len(lines) < seen.number:
            has = "is gone" if lines is None else f"ends with record {len(lines)}"
            raise LogRefusedError(
                LogReason.ROLLED_BACK,
                f"{place}: its record of publications {has}, and {seen} was seen: somebody shows "
                f"an older state {forget}",
            )
        found = digest_of(lines[seen.number - 1])
        if found != seen.digest:
            raise LogRefusedError(
                LogReason.FORKED,
                f"{place}: record {seen.number} is {found}, and {seen.digest} was seen: somebody "
                f"shows another history {forget}",
            )

    def remember(self, place: str, lines: Sequence[bytes]) -> None:
        """Note the newest record of a log that was verified; what was seen never goes back."""
        newest = position_of(lines)
        if newest is None or self.newest(place) == newest:
            return
        with locked(self.path.with_name(".lock")):
            found = self._read()
            before = found.get(place)
            if before is not None and before.number >= newest.number:
                return
            found[place] = newest
            value = {
                name: {"number": each.number, "digest": each.digest} for name, each in found.items()
            }
            replace_file(self.path, canonical(value))

    def _read(self) -> dict[str, Position]:
        try:
            with self.path.open("rb") as file:
                data = file.read(_MAX + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise EnvironmentProblem(f"cannot read {self.path}: {error.strerror}") from None
        try:
            if len(data) > _MAX:
                raise MalformedError("too large")
            value = decode(data, str(self.path))
            return {
                place: Position(int(each["number"]), parse_digest(each["digest"]))
                for place, each in value.items()
            }
        except (MalformedError, KeyError, TypeError, ValueError):
            raise MalformedError(
                f"{self.path} is damaged; restore it, for it says what was seen, or remove it and "
                "believe what is shown next"
            ) from None
