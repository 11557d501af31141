"""VEX: read from three formats, applied to findings, written from evidence, checked for honesty."""
