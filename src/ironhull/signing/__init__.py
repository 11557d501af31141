"""Signatures: who signs (key files, hardware, services), and whether a signature holds.

It knows statements and envelopes, and nothing of images.
"""
