"""Attestations: statements in envelopes in bundles, and which of them refer to an image.

They are read, not verified. Bytes that a signature is over stay as they were read.
"""
