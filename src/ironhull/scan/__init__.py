"""Scan: an inventory against the advisories, triaged, explained and reported."""
