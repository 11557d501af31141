"""Watching: what of a catalog is behind, and how it comes to be as it should be again.

model      what is wanted of an image, what changed, an entry of the plan
updates    packages of a lock that the archive has newer
plan       what would be rebuilt and why, the most urgent first
policy     what a watcher may do by itself, and how patient it is
facts      what a new image is compared with, and what is worse than before
patience   when a failing image is tried again, and when no more
task       one image on its way through the steps: what goes in and what comes out
standing   what is behind, since when and why
measures   how long vulnerabilities took, against what was aimed at
"""
