"""Platforms in OCI's words and architectures in Debian's, and the map between the two."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NewType

from ironhull.errors import InputError
from ironhull.values import dataclass

Architecture = NewType("Architecture", str)
"""Debian's name of an architecture: amd64, arm64, armhf, …; never `all`."""

# Debian's release architectures and OCI's (GOARCH, GOARM) words for them.
_OCI_OF_DEBIAN = {
    "amd64": ("amd64", None),
    "arm64": ("arm64", "v8"),
    "armel": ("arm", "v5"),
    "armhf": ("arm", "v7"),
    "i386": ("386", None),
    "mips64el": ("mips64le", None),
    "ppc64el": ("ppc64le", None),
    "riscv64": ("riscv64", None),
    "s390x": ("s390x", None),
}


_PART = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """An operating system, a CPU and its variant, as in `linux/arm64/v8`."""

    os: str
    architecture: str
    variant: str | None = None

    def __str__(self) -> str:
        # arm64 has one variant in use, and the field writes it without.
        if self.variant is None or (self.architecture, self.variant) == ("arm64", "v8"):
            return f"{self.os}/{self.architecture}"
        return f"{self.os}/{self.architecture}/{self.variant}"

    def serves(self, wanted: Platform) -> bool:
        """Whether an image for this platform is what is wanted; a variant left out is any."""
        same = (self.os, self.architecture) == (wanted.os, wanted.architecture)
        return same and (None in (self.variant, wanted.variant) or self.variant == wanted.variant)

    @classmethod
    def parse(cls, text: str) -> Platform:
        """`os/architecture[/variant]`; InputError for anything else."""
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(_PART.fullmatch(part) for part in parts):
            hint = (
                "one, for example linux/amd64" if "," in text else "write for example linux/amd64"
            )
            raise InputError(f"not a platform: {text!r:.200} ({hint})")
        os, architecture, *rest = parts
        variant = rest[0] if rest else {"arm64": "v8", "arm": "v7"}.get(architecture)
        return cls(os, architecture, variant)

    @classmethod
    def parse_given(cls, text: str | None) -> Platform | None:
        """The same of a text that may be left out: then None."""
        return None if text is None else cls.parse(text)

    @classmethod
    def parse_all(cls, texts: Iterable[str]) -> tuple[Platform, ...]:
        """Each platform once; a text may hold several with commas between, as other tools do."""
        parts = (part.strip() for text in texts for part in text.split(","))
        return tuple(dict.fromkeys(cls.parse(part) for part in parts))

    @property
    def debian(self) -> Architecture:
        """Debian's architecture for this platform; InputError if Debian has none."""
        if self.os == "linux":
            for debian, (architecture, variant) in _OCI_OF_DEBIAN.items():
                if (architecture, variant) == (self.architecture, self.variant):
                    return Architecture(debian)
        known = ", ".join(
            f"linux/{a}" + (f"/{v}" if a == "arm" else "") for a, v in _OCI_OF_DEBIAN.values()
        )
        raise InputError(f"unknown platform {str(self)!r} (Debian has: {known})")

    def json(self) -> dict[str, Any]:
        """The `platform` object of an index's descriptor."""
        value: dict[str, Any] = {"architecture": self.architecture, "os": self.os}
        if self.variant is not None:
            value["variant"] = self.variant
        return value
