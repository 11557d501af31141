"""Names out of a request, checked before they get near the disk."""

from __future__ import annotations

from ironhull.errors import MalformedError
from ironhull.oci.digest import Digest, parse_digest
from ironhull.oci.reference import MAX_NAME, NAME, TAG
from ironhull.registry.server.refusal import Refusal


def repository_name(text: str) -> str:
    """The text as a repository's name (distribution-spec, "Pulling manifests")."""
    if len(text) > MAX_NAME:
        raise Refusal("NAME_INVALID", f"name of {len(text)} characters, the limit is {MAX_NAME}")
    if not NAME.fullmatch(text):
        raise Refusal(
            "NAME_INVALID",
            f"{text!r} is not a repository's name "
            "(lower-case letters, digits and . _ - in parts divided by /)",
        )
    return text


def digest(text: str) -> Digest:
    """The text as a sha256 digest."""
    try:
        return parse_digest(text)
    except MalformedError as error:
        raise Refusal("DIGEST_INVALID", str(error)) from None


def is_tag(text: str) -> bool:
    """Whether a text may be a tag (distribution spec, "Pulling manifests")."""
    return TAG.fullmatch(text) is not None


def split_ref_name(name: str) -> tuple[str, str] | None:
    """`repository:tag` of an index.json annotation; None if it is something else."""
    repository, colon, tag = name.rpartition(":")
    if colon and len(repository) <= MAX_NAME and NAME.fullmatch(repository) and is_tag(tag):
        return repository, tag
    return None
