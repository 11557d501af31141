"""Why something that is attached to an image does not count: a word for programs, and a message."""

from __future__ import annotations

from enum import StrEnum

from ironhull.errors import UntrustedError


class Reason(StrEnum):
    """What is wrong with it. One each, so that a test and a person know which."""

    NOT_JSON = "not-json"
    NOT_UNICODE = "not-unicode"
    DUPLICATE_KEY = "duplicate-key"
    TOO_DEEP = "too-deep"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    """More referrers than are read: none of them counts."""
    UNREADABLE = "unreadable"
    """Listed, but missing, damaged, or not of the digest that lists it."""
    OTHER_IMAGE = "referrer-of-another-image"
    WRONG_MANIFEST = "wrong-manifest"
    """The referrer's manifest is not that of one bundle."""
    WRONG_BUNDLE = "wrong-bundle"
    WRONG_FIELD = "wrong-field"
    """A field is missing or not of its type."""
    NOT_BASE64 = "not-canonical-base64"
    WRONG_PAYLOAD_TYPE = "wrong-payload-type"
    NOT_SIGNED = "not-signed"
    TOO_MANY_SIGNATURES = "too-many-signatures"
    CERTIFICATE = "signed-with-certificate"
    UNKNOWN_KEY = "signed-by-nobody-known"
    REVOKED_KEY = "signed-by-revoked-key"
    NO_TIMESTAMP = "no-trusted-timestamp"
    WRONG_STATEMENT = "wrong-statement"
    NO_SUBJECT = "no-subject"
    WRONG_SUBJECT = "statement-of-another-image"
    MORE_SUBJECTS = "statement-of-several-images"
    WRONG_DIGEST = "wrong-digest-algorithm"
    WRONG_TYPE = "listed-as-another-type"


class RefusedError(UntrustedError):
    """Something attached does not count; `reason` says why."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        super().__init__(message)
