"""What the build context holds: read within bounds, and never outside of its folder."""
