"""What looks like a key or a token. Says what it is and never the thing itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

LIMIT = 1 << 20
"""Larger files are not searched: keys are small, and a person pasted them."""

_KEY = b"PRIVATE KEY"
_PEM = re.compile(
    rb"-----BEGIN (?P<kind>(?:[A-Z0-9]+ )*)PRIVATE KEY(?: BLOCK)?-----(?:\\n|\\r|\s)+"
    rb"(?:[A-Z][A-Za-z-]+: [^\r\n]*\s+)*[A-Za-z0-9+/=]{16,}"
)
# Marker that must be there, then the whole; the marker keeps the search fast.
_TOKENS: tuple[tuple[bytes, str, re.Pattern[bytes]], ...] = (
    (b"AKIA", "AWS access key id", re.compile(rb"(?<![A-Za-z0-9])AKIA[A-Z2-7]{16}(?![A-Za-z0-9])")),
    (b"ghp_", "GitHub token", re.compile(rb"(?<![A-Za-z0-9])ghp_[A-Za-z0-9]{36}(?![A-Za-z0-9])")),
    (b"github_pat_", "GitHub token", re.compile(rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}")),
    (b"glpat-", "GitLab token", re.compile(rb"glpat-[A-Za-z0-9_-]{20,}")),
    (b"npm_", "npm token", re.compile(rb"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])")),
    (b"xoxb-", "Slack token", re.compile(rb"xoxb-\d{8,}-[0-9A-Za-z-]{16,}")),
    (b"sk_live_", "Stripe key", re.compile(rb"(?<![A-Za-z0-9])sk_live_[A-Za-z0-9]{24,}")),
    (b"AIza", "Google API key", re.compile(rb"(?<![A-Za-z0-9])AIza[0-9A-Za-z_-]{35}(?![\w-])")),
)
_PASSWORD_FILES: tuple[tuple[str, str, re.Pattern[bytes]], ...] = (
    ("/.git-credentials", "stored git password", re.compile(rb"://[^\s/:]+:[^\s/@]+@")),
    ("/.netrc", "stored password", re.compile(rb"\bpassword\s+\S+")),
    ("/.npmrc", "npm token", re.compile(rb"_(?:authToken|auth|password)\s*=\s*[^\s$]+")),
    ("/.pypirc", "stored password", re.compile(rb"^[ \t]*password\s*[=:]\s*\S+", re.MULTILINE)),
    ("/.docker/config.json", "registry login", re.compile(rb'"auth"\s*:\s*"[^"]+"')),
    ("/.aws/credentials", "AWS secret key", re.compile(rb"aws_secret_access_key\s*=\s*\S+")),
    ("/.pgpass", "stored password", re.compile(rb"^[^#\s].*:[^:\s]+\s*$", re.MULTILINE)),
)
_STORES = (".p12", ".pfx", ".jks", ".keystore")
_NAMES = (*(ending for ending, _, _ in _PASSWORD_FILES), *_STORES)
LEAST = 20
"""No token and no key is shorter; only what a file's name says can make less a secret."""
# Documentation and headers show tokens as examples; keys are searched for everywhere.
_EXAMPLES = ("/usr/share/", "/usr/include/")


@cache
def _marker_finder() -> Callable[[bytes], bool]:
    """Says whether any marker of a key or token is in some bytes: one pass for all of them."""
    # Late, for who only looks at variables of a config. Leftmost-first is what has the library
    # compare sixteen and more bytes at once (aho-corasick's packed search).
    from ahocorasick_rs import BytesAhoCorasick, MatchKind

    markers = [_KEY, *(marker for marker, _, _ in _TOKENS)]
    found = BytesAhoCorasick(markers, matchkind=MatchKind.LeftmostFirst)
    return lambda data: bool(found.find_matches_as_indexes(data))


def is_named(path: str) -> bool:
    """Whether a file of this name may hold a secret that no other file's would be."""
    return path.endswith(_NAMES)


def in_file(path: str, data: bytes) -> str:
    """What kind of secret the file seems to hold; empty for none."""
    # What most files are: nothing of a key in them, and no name that says one.
    is_marked = _marker_finder()(data)
    if not is_marked and not path.endswith(_NAMES):
        return ""
    if _KEY in data:
        found = _PEM.search(data)
        if found:
            kind = found["kind"].decode("ascii").strip()
            return f"{kind} private key" if kind else "private key"
    if path.endswith(_NAMES):
        if path.endswith(_STORES):
            return "key store"
        for ending, detail, pattern in _PASSWORD_FILES:
            if path.endswith(ending) and pattern.search(data):
                return detail
    return "" if not is_marked or path.startswith(_EXAMPLES) else _token(data)


def in_text(text: str) -> str:
    """What kind of key or token a text has in it; empty for none."""
    data = text.encode("utf-8", "replace")
    if _KEY in data and _PEM.search(data):
        return "private key"
    return _token(data)


def without_tokens(text: str, instead: str) -> str:
    """The text with its tokens and private keys replaced."""
    data, new = text.encode("utf-8", "replace"), instead.encode()
    if _KEY in data:
        data = _PEM.sub(new, data)
    for marker, _, pattern in _TOKENS:
        if marker in data:
            data = pattern.sub(new, data)
    return data.decode("utf-8", "replace")


def _token(data: bytes) -> str:
    for marker, detail, pattern in _TOKENS:
        if marker in data and pattern.search(data):
            return detail
    return ""
