"""What a request asks of the catalog: its path and query, read and bounded. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ironhull.catalog.openapi import ID_PATTERN, MAX_PAGE, MAX_QUERY, PLATFORM_PATTERN
from ironhull.errors import InputError
from ironhull.oci.reference import MAX_NAME, NAME, TAG

_ID = re.compile(ID_PATTERN)
_PLATFORM = re.compile(PLATFORM_PATTERN)
_PAGE = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class ImageAsked:
    """A repository, a tag of it, or a section of that."""

    name: str
    tag: str = ""
    section: str = ""
    page: int = 1


def image_asked(rest: str) -> ImageAsked | None:
    """`node`, `team/app/-/1.2`, `node/-/20/packages/2`; None for what can be none of these."""
    name, dash, tail = rest.partition("/-/")
    if len(name) > MAX_NAME or not NAME.fullmatch(name):
        return None
    if not dash:
        return ImageAsked(name)
    tag, *more = tail.split("/")
    if not TAG.fullmatch(tag) or len(more) > 2:
        return None
    section = more[0] if more else ""
    if len(more) == 2 and not _PAGE.fullmatch(more[1]):
        return None
    return ImageAsked(name, tag, section, int(more[1]) if len(more) == 2 else 1)


def is_identifier(text: str) -> bool:
    """Whether a text may be a vulnerability's name."""
    return _ID.fullmatch(text) is not None


def looks_like_identifier(text: str) -> bool:
    """Whether somebody who typed it wants to know about a vulnerability."""
    return is_identifier(text) and re.match(r"(?i)(CVE|GHSA|DSA|DLA|OSV|ALPINE)-", text) is not None


def query_of(parameters: Mapping[str, str], name: str = "q") -> str:
    """The words that are searched for; InputError for too many."""
    text = parameters.get(name, "")
    if len(text) > MAX_QUERY:
        raise InputError(f"{name} has {len(text)} signs, at most {MAX_QUERY} are allowed")
    return " ".join(text.split())


def platform_of(parameters: Mapping[str, str]) -> str:
    """Which platform is asked for, empty: none; InputError for what is no platform's name."""
    text = parameters.get("platform")
    if text is not None and not _PLATFORM.fullmatch(text):
        raise InputError(f"platform is {text!r:.80}, expected one as linux/arm64, or a digest")
    return text or ""


def page_of(parameters: Mapping[str, str]) -> int:
    """The page, from 1; InputError for what is none."""
    text = parameters.get("page", "1")
    if not _PAGE.fullmatch(text) or int(text) > MAX_PAGE:
        raise InputError(f"page is {text!r:.50}, expected a number from 1 to {MAX_PAGE}")
    return int(text)
