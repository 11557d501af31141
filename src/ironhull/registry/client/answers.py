"""What registries answer when they say no, as one line for a person."""

from __future__ import annotations

import json

from ironhull.errors import NetworkError
from ironhull.reports.text import one_line
from ironhull.transport.failure import retry_after
from ironhull.transport.message import Answer

MAX_ERROR_TEXT = 1 << 16
_MAX_SHOWN = 300

_ADVICE = {
    400: "",
    401: "log in first: podman login, docker login or skopeo login write the file that is read",
    403: "the login may not do this; ask for the right, or log in as somebody else",
    413: "the registry, or a proxy before it, limits the size of what is pushed",
    429: "the registry limits how often it may be asked; log in, or try again later",
}


class Refused(NetworkError):
    """A registry answered with a status that ends the work.

    `codes` are the distribution spec's, `wait` the seconds that a Retry-After header named.
    """

    def __init__(
        self, message: str, status: int, codes: frozenset[str] = frozenset(), wait: float = 0.0
    ) -> None:
        self.status = status
        self.codes = codes
        self.wait = wait
        super().__init__(message)


def refused(where: str, what: str, answer: Answer) -> Refused:
    """The exception for an answer nobody wanted: where, what, its words, and what to do."""
    codes, text = _errors(answer)
    advice = _ADVICE.get(answer.status, "")
    if answer.status >= 500:
        advice = "the registry is at fault; its log says why"
    if answer.status == 429 and (after := answer.headers.get("retry-after")):
        advice = f"it asks to wait: Retry-After {one_line(after, 40)}"
    said = f" ({text})" if text else ""
    hint = f"; {advice}" if advice else ""
    message = f"{where}: {what}: answered {answer.status}{said}{hint}"
    return Refused(
        message, answer.status, codes, retry_after(answer.headers.get("retry-after")) or 0.0
    )


def _errors(answer: Answer) -> tuple[frozenset[str], str]:
    """The error codes and the message of a body as distribution-spec "Error Codes" has it."""
    try:
        value = json.loads(answer.body)
        errors = value["errors"]
    except (ValueError, KeyError, TypeError, RecursionError):
        kind = answer.headers.get("content-type", "")
        text = answer.body.decode("utf-8", "replace") if kind.startswith("text/plain") else ""
        return frozenset(), one_line(text, _MAX_SHOWN)
    codes: list[str] = []
    lines: list[str] = []
    for error in errors[:5] if isinstance(errors, list) else ():
        if isinstance(error, dict):
            code, message = str(error.get("code") or ""), str(error.get("message") or "")
            codes.append(code)
            lines.append(f"{code}: {message}" if code and message else code or message)
    return frozenset(codes), one_line("; ".join(lines), _MAX_SHOWN)
