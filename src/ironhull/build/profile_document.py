"""A profile of tests as JSON and as text: slices to be put into a definition, as a proposal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ironhull.build.profile import PackageProfile
from ironhull.reports.words import tally

WARNING = (
    "a proposal: no test opened these files; a program may need one of them on another day, and "
    "what is only looked for (stat) is not seen"
)


def profile_document(packages: Sequence[PackageProfile]) -> dict[str, Any]:
    """The key `profile` of a test report: bytes and files, and each package's slice."""
    return {
        "proposal": WARNING,
        "files": sum(len(one.unopened) for one in packages),
        "bytes": sum(one.unopened_size for one in packages),
        "packages": [
            {
                "name": one.name,
                "files": one.files,
                "bytes": one.size,
                "unopened": list(one.unopened),
                "unopened_bytes": one.unopened_size,
                "slice": {"name": one.name, "except": list(one.without)},
            }
            for one in packages
        ],
    }


def profile_text(packages: Sequence[PackageProfile]) -> str:
    """The same as YAML for `contents.packages`, with how much each entry would spare."""
    if not packages:
        return "every file of the packages was opened by a test, or is always kept"
    files = sum(len(one.unopened) for one in packages)
    size = sum(one.unopened_size for one in packages)
    lines = [
        f"no test opened {tally(files, 'file')} ({_megabytes(size)}).",
        f"This is {WARNING}.",
        "Take what you believe, build, test again:",
        "",
        "contents:",
        "  packages:",
    ]
    for one in packages:
        lines += [
            f"    # {len(one.unopened)} of {tally(one.files, 'file')},"
            f" {_megabytes(one.unopened_size)} of {_megabytes(one.size)}",
            f"    - name: {one.name}",
            "      except:",
            *(f"        - {json.dumps(pattern, ensure_ascii=False)}" for pattern in one.without),
        ]
    return "\n".join(lines)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
