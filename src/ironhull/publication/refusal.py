"""Why a record of publications is not believed: a word for programs, and a message."""

from __future__ import annotations

from enum import StrEnum

from ironhull.errors import UntrustedError
from ironhull.verify.refusal import Reason


class LogReason(StrEnum):
    """What is wrong with the record as a whole; `verify.refusal.Reason` has what one bundle may."""

    NOT_A_RECORD = "not-a-publication-record"
    WRONG_FIELD = "wrong-field"
    OTHER_IMAGE = "record-of-another-image"
    """Its subject is not the image that it names."""
    OTHER_REPOSITORY = "record-of-another-repository"
    WRONG_NUMBER = "wrong-number"
    BROKEN_CHAIN = "broken-chain"
    """The record before is not the one that it names."""
    TIME_BACK = "time-goes-back"
    WRONG_LAYOUT = "wrong-layout"
    """Manifest, tiles or checkpoint are not as they have to be."""
    TOO_LARGE = "too-large"
    EMPTY = "empty"
    ROLLED_BACK = "rolled-back"
    """Shorter than what was seen, or a tag that is back at an older image."""
    FORKED = "forked"
    """Another record than the one that was seen has its number."""
    OMITTED = "statement-omitted"
    UNRECORDED = "tag-moved-without-record"
    FROZEN = "frozen"
    """The newest record is older than it may be."""


class LogRefusedError(UntrustedError):
    """A record of publications does not hold; `reason` says why."""

    def __init__(self, reason: LogReason | Reason, message: str) -> None:
        self.reason = reason
        super().__init__(message)
