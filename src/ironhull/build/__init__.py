"""One module per step: fetch, compose, assemble, check, and the one that calls them in order."""
