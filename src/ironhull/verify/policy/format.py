"""The table of the policy format: every key, its shape and what it means.

One table for the reader, the JSON Schema and the reference, as for definitions. No key has a
default that lets more through than the key would: a rule that is not written is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ironhull.definition.shape import WRONG, FixedKeys, Key, ListOf, MapOf, Text, Whole
from ironhull.definition.tree import Node, Problems, Scalar, ScalarKind
from ironhull.scan.severities import SEVERITIES
from ironhull.verify.kinds import WORDS

MAX_KEYS = 100


@dataclass(frozen=True, slots=True)
class Share:
    """A number from 0 to 1."""

    words = "a number from 0 to 1"

    def read(self, node: Node, problems: Problems) -> Any:
        """As `Shape.read`."""
        numbers = (ScalarKind.NUMBER, ScalarKind.WHOLE)
        if isinstance(node, Scalar) and node.kind in numbers and len(node.text) < 20:
            try:
                value = float(node.text)
            except ValueError:
                value = -1.0
            if 0 <= value <= 1:
                return value
        if not isinstance(node, Scalar) or node.kind is not ScalarKind.BROKEN:
            problems.error(node.place, f"expected {self.words}, got {node.shown}")
        return WRONG

    def schema(self) -> dict[str, Any]:
        """As `Shape.schema`."""
        return {"type": "number", "minimum": 0, "maximum": 1}


def _text(pattern: str | None = None, form: str = "text", **more: Any) -> Text:
    return Text(pattern, form, variables=False, **more)


_NAME = _text(r"[a-z0-9][a-z0-9._-]{0,63}", "a name of at most 64 of a-z, 0-9, . _ -")
_PUBLIC = _text(
    r"sha256:[0-9a-f]{64}|(?!sha256:)[^/\0].*",
    "a file of a public key beside this one, or sha256: and the 64 digits of its fingerprint",
)
_FILE = _text(r"[^/\0].*", "a file beside this one")
_FINGERPRINT = _text(r"[0-9A-F]{40,64}", "an OpenPGP fingerprint in capitals, without spaces")
_PATTERN = _text(form="a text in which * stands for anything", longest=500)
_URI = _text(r"[a-z][a-z0-9+.-]*:[^ ]+", "an address like https://example.org/build")
_TYPE = _text(
    "|".join((*WORDS, r"[a-z][a-z0-9+.-]*:[^ ]+")),
    f"{', '.join(WORDS)}, or a predicate's type",
)
_DENY = Text(options=("deny",), variables=False)
_DIGEST = _text(r"sha256:[0-9a-f]{64}", "sha256: and 64 hexadecimal digits")
_DATE = _text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date like 2026-12-31")
_DAYS = Whole(1, 36_500)
_COUNT = Whole(0, 1_000_000)

_BY = Key(
    ListOf(_NAME, fewest=1),
    "Names of `keys` and `identities` of which enough have to sign. Default: any that is known.",
)
_THRESHOLD = Key(Whole(1, MAX_KEYS), "So many different ones. Default 1.")
_SIGNED_BY = {"by": _BY, "threshold": _THRESHOLD}
_SEVERITIES = FixedKeys(
    {name: Key(_COUNT, f"At most so many of severity {name}.") for name in SEVERITIES}
)

_STATEMENT = FixedKeys(
    {
        "type": Key(_TYPE, "Which statement has to be there.", required=True, example="sbom"),
        **_SIGNED_BY,
    }
)
_PROVENANCE = FixedKeys(
    {
        **_SIGNED_BY,
        "builders": Key(ListOf(_PATTERN, fewest=1), "Ids of builders, one of which it is."),
        "build-types": Key(ListOf(_PATTERN, fewest=1), "Build types, one of which it is."),
        "sources": Key(
            ListOf(_PATTERN, fewest=1), "Where the definition may come from: its address or name."
        ),
        "archives": Key(
            ListOf(_PATTERN, fewest=1),
            "Package archives that everything has to come from: their addresses.",
        ),
        "archive-keys": Key(
            ListOf(_FINGERPRINT, fewest=1),
            "OpenPGP keys, one of which has signed each release file that was used.",
        ),
        "packages": Key(
            Text(options=("in-image",), variables=False),
            "Its packages are those of the image, with the digests that the SBOM has.",
        ),
    }
)
_SBOM = FixedKeys(
    {
        **_SIGNED_BY,
        "matches-image": Key(
            Text(options=("distribution", "all"), variables=False),
            "It has the packages that the image has, of the distribution or of all kinds: no more, "
            "no fewer.",
        ),
    }
)
_VULNERABILITIES = FixedKeys(
    {
        "known-exploited": Key(_DENY, "None that is known to be exploited, whatever VEX says."),
        "before-vex": Key(_SEVERITIES, "Limits by severity before VEX is applied."),
        "after-vex": Key(_SEVERITIES, "Limits by severity after it."),
        "fixable": Key(_COUNT, "At most so many, after VEX, that have a fix."),
        "epss": Key(
            FixedKeys(
                {
                    "model": Key(
                        _text(r"[A-Za-z0-9._-]{1,40}", "a version like v2025.03.14"),
                        "The model that the limit was chosen for: scores of two models differ.",
                        required=True,
                    ),
                    "most": Key(Share(), "No finding after VEX is more probable.", required=True),
                }
            ),
            "A limit of the probability that one is exploited (EPSS).",
        ),
    }
)
_CONTENTS = FixedKeys(
    {
        name: Key(_DENY, about)
        for name, about in (
            ("shell", "No shell."),
            ("package-manager", "No package manager."),
            ("compiler", "No compiler."),
            ("setuid", "No file that runs as its owner or group."),
            ("capabilities", "No file with capabilities."),
            ("secrets", "Nothing that looks like a private key or a token."),
        )
    }
)
_BASE = FixedKeys(
    {
        "name": Key(_text(), "What a verdict calls it.", required=True),
        "layers": Key(
            ListOf(_DIGEST, fewest=1),
            "Digests of its uncompressed layers (diff_ids), lowest first, all of them.",
            required=True,
        ),
    }
)
_IDENTITY = FixedKeys(
    {
        "identity": Key(
            _text(longest=500),
            "An address of mail or a URI, as certificates name it.",
            required=True,
        ),
        "issuer": Key(_URI, "Who vouches for the identity.", required=True),
        "trust-root": Key(
            _FILE,
            "A trusted_root.json of sigstore: the authorities and logs that are believed.",
            required=True,
        ),
    }
)
_EXCEPTION = FixedKeys(
    {
        "rule": Key(
            _text(r"[a-z-]+(\.[a-z-]+)*", "a rule's path like contents.shell"),
            "The rule that need not hold.",
            required=True,
        ),
        "vulnerabilities": Key(
            ListOf(_text(r"[A-Za-z0-9._:-]+", "an identifier like CVE-2026-1234"), fewest=1),
            "Only these; the rule is one of vulnerabilities then.",
        ),
        "image": Key(_PATTERN, "Only images whose reference is like this."),
        "owner": Key(_text(), "Who takes the risk.", required=True),
        "reason": Key(_text(), "Why.", required=True),
        "expires": Key(_DATE, "The last day on which it holds.", required=True),
    }
)

FORMAT = FixedKeys(
    {
        "version": Key(Whole(1, 1), "Of the format: 1.", required=True, example=1),
        "name": Key(_text(longest=200), "What verdicts call it.", required=True),
        "keys": Key(
            MapOf(_NAME, _PUBLIC),
            "Public keys by the names that rules use. With it no other key counts.",
        ),
        "identities": Key(
            MapOf(_NAME, _IDENTITY),
            "Who signs without a key, as sigstore does it, by the names that rules use beside "
            "those of `keys`. With it nobody else counts.",
        ),
        "timestamps": Key(
            FixedKeys(
                {
                    "authorities": Key(
                        ListOf(_FILE, fewest=1),
                        "Files of the chains (PEM) of RFC 3161 authorities that are trusted.",
                        required=True,
                    ),
                    "required": Key(
                        Text(options=("yes",), variables=False),
                        "A signature without a timestamp of theirs counts for nothing.",
                    ),
                }
            ),
            "Who says when something was signed.",
        ),
        "signatures": Key(
            FixedKeys(_SIGNED_BY), "Who has to have signed the image. Default: any known key."
        ),
        "statements": Key(
            ListOf(_STATEMENT), "Statements that have to be there, for every platform."
        ),
        "provenance": Key(_PROVENANCE, "What provenance has to say."),
        "sbom": Key(_SBOM, "There is an SBOM, and what it has to say."),
        "record": Key(
            FixedKeys(
                {
                    "not-older-than-seen": Key(
                        Text(options=("required",), variables=False),
                        "The publication is not older than one that was seen here.",
                        required=True,
                    )
                }
            ),
            "The record of publications.",
        ),
        "vex": Key(
            FixedKeys(
                {
                    **_SIGNED_BY,
                    "authors": Key(
                        ListOf(_PATTERN, fewest=1), "Every VEX document is by one of these."
                    ),
                }
            ),
            "Whose VEX counts.",
        ),
        "age": Key(
            FixedKeys(
                {
                    "image-days": Key(_DAYS, "The image is not older."),
                    "scan-days": Key(_DAYS, "The newest attached scan is not older."),
                    "advisories-days": Key(_DAYS, "What that scan knew is not older."),
                }
            ),
            "How old things may be.",
        ),
        "vulnerabilities": Key(
            _VULNERABILITIES, "Limits on what is found by this machine's own advisories."
        ),
        "user": Key(FixedKeys({"root": Key(_DENY, "It does not run as root.")}), "Who runs."),
        "contents": Key(_CONTENTS, "What must not be in it."),
        "base": Key(
            FixedKeys(
                {
                    "allowed": Key(
                        ListOf(_BASE), "Base images, found by their layers.", required=True
                    ),
                    "none": Key(
                        Text(options=("allow",), variables=False),
                        "An image whose lowest layers are of none of them passes, if its "
                        "provenance names no base image either.",
                    ),
                }
            ),
            "What it is built on.",
        ),
        "end-of-life": Key(_DENY, "Neither its distribution nor a runtime is past its end."),
        "inputs": Key(
            FixedKeys(
                {
                    "reproduced-by": Key(
                        Whole(1, MAX_KEYS),
                        "Every package was rebuilt to the same bytes by so many.",
                        required=True,
                    ),
                    "of": Key(ListOf(_NAME, fewest=1), "Names of `keys`.", required=True),
                }
            ),
            "Who else has rebuilt the packages.",
        ),
        "reproduced": Key(
            FixedKeys(
                {
                    "by": Key(
                        ListOf(_NAME, fewest=1), "Names of `keys` and `identities`.", required=True
                    ),
                    "threshold": _THRESHOLD,
                }
            ),
            "Who has built the image again to the same bytes (`ironhull reproduce --attach`).",
        ),
        "exceptions": Key(
            ListOf(_EXCEPTION), "Rules that need not hold, each with an owner and an end."
        ),
    }
)
