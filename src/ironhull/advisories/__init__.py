"""Advisories: feeds of many kinds brought into one local database, and read from there."""
