"""The versions of the rules that make layers and images: parts of their keys.

A module of its own, so that looking up what was made before loads nothing that makes it.
"""

from __future__ import annotations

TRANSFORM = 3
"""Of `transform`: part of every layer's key. Raise it when a package's layer would change."""
STEPS = 5
"""Part of every image's key: raise it when a step's result changes, or what the check refuses."""
