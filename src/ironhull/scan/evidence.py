"""What can be said about a finding from evidence alone, without a person's judgement.

| evidence | statement |
|---|---|
| the image has none of the files that the package's own list names | component not present |
| the binary package has headers and build scripts of the kernel, no kernel | code not present |
| Debian says why: the affected part is not built, or not for this platform | code not present |

"No DSA", "postponed", "minor issue" and "unimportant" are no evidence by themselves.
"""

from __future__ import annotations

import re

from ironhull.advisories.model import State
from ironhull.inventory.model import Package
from ironhull.scan.model import Assessment
from ironhull.scan.rules import Rule

DOCUMENT = "ironhull:evidence"
NOT_PRESENT = "vulnerable_code_not_present"

_HEADERS = re.compile(r"linux-(?:libc-dev|headers|kbuild)(?:-.*)?")
_NOT_BUILT = (
    r"\bnot (?:being )?(?:built|compiled|produced|shipped|enabled|packaged)\b(?!,? (?:by )?default)"
    r"|\bdo(?:es)?(?:n't| not) (?:build|ship|compile|produce|provide)\b"
    r"|\bbinary packages?(?: builds?)? (?:is|are) not affected\b"
    r"|\b(?:only affects|specific to) (?:windows|macos|os x)\b"
    r"|\b(?:windows|macos)[- ](?:specific|only)\b"
    r"|\b(?:configured|built|compiled) with --(?:disable|without)-"
    r"|\b(?:built|compiled) without\b"
)
_REASONED = frozenset({State.IGNORED, State.UNFIXED, State.FIXED, State.NO_DSA, State.POSTPONED})


def evidence(package: Package, rule: Rule) -> Assessment | None:
    """The assessment that evidence allows, or None."""
    if package.type != "deb":
        return None
    if rule.claim.package == "linux" and is_headers(package.name):
        text = (
            f"{package.name} holds headers and build scripts of the kernel; the vulnerable code is"
            " in the kernel, which no package of this name contains"
        )
        return Assessment("not_affected", NOT_PRESENT, text, DOCUMENT, "Ironhull")
    if package.removed:
        one = package.removed.startswith("1 ")
        gone = "lacks the one file" if one else f"has none of the {package.removed}"
        text = (
            f"the image {gone} that {package.name}'s own list names,"
            " documentation and configuration aside"
        )
        return Assessment("not_affected", "component_not_present", text, DOCUMENT, "Ironhull")
    if says_not_built(rule):
        text = f"Debian's security tracker: {rule.reason}"
        return Assessment("not_affected", NOT_PRESENT, text, DOCUMENT, "Debian security tracker")
    return None


def is_headers(name: str) -> bool:
    """Whether a package of this name is one of the kernel's that hold no kernel."""
    return _HEADERS.fullmatch(name) is not None


def says_not_built(rule: Rule) -> bool:
    """Whether the tracker's own reason says that the vulnerable code is not in the package."""
    decided = rule.state == State.IGNORED or rule.urgency == "unimportant"
    # Compiled late, by `re` itself: it takes longer than a scan of an image without such reasons.
    return bool(
        decided and rule.state in _REASONED and re.search(_NOT_BUILT, rule.reason, re.IGNORECASE)
    )
