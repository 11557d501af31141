"""Texts of Debian's that must not be mixed up (Debian Policy 5.6)."""

from __future__ import annotations

from typing import NewType

BinaryName = NewType("BinaryName", str)
"""Of a binary package: what is installed."""
SourceName = NewType("SourceName", str)
"""Of the source package that binary packages are built from."""
DebianVersion = NewType("DebianVersion", str)
"""Of either; `debian.version` compares them."""
