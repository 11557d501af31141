"""Ironhull: hardened container images from signed packages, built, served and proved."""

__version__ = "0.1.0"
