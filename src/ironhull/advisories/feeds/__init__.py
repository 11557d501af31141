"""One module for each format that a feed comes in."""
