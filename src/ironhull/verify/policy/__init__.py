"""Policies: their format, and reading one with all that is wrong with it."""
