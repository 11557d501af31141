"""The protocol's errors (distribution-spec, "Error Codes"): what a request is refused with."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ironhull.errors import IronhullError

# Code → the HTTP status it goes with unless the place that refuses says otherwise.
STATUS = {
    "BLOB_UNKNOWN": 404,
    "BLOB_UPLOAD_INVALID": 400,
    "BLOB_UPLOAD_UNKNOWN": 404,
    "DIGEST_INVALID": 400,
    "MANIFEST_BLOB_UNKNOWN": 404,
    "MANIFEST_INVALID": 400,
    "MANIFEST_UNKNOWN": 404,
    "NAME_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "PAGINATION_NUMBER_INVALID": 400,
    "SIZE_INVALID": 400,
    "TAG_INVALID": 400,
    "UNAUTHORIZED": 401,
    "DENIED": 403,
    "UNSUPPORTED": 405,
    "TOOMANYREQUESTS": 429,
    # Not in the specification's table, which allows more.
    "NOT_FOUND": 404,
    "PRECONDITION_FAILED": 412,
    "RANGE_INVALID": 416,
    "REQUEST_INVALID": 400,
    "REQUEST_TIMEOUT": 408,
    "STORAGE_FULL": 507,
    "UNKNOWN": 500,
    "UPSTREAM_INVALID": 502,
    "UPSTREAM_UNAVAILABLE": 503,
}


class Refusal(IronhullError):
    """A request that is answered with an error; `code` is a key of STATUS."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.status = status or STATUS[code]
        self.headers = dict(headers or {})
        super().__init__(message)

    def body(self) -> bytes:
        """The JSON that the specification asks for."""
        return json.dumps({"errors": [{"code": self.code, "message": str(self)}]}).encode()
