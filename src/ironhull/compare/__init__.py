"""Images side by side on one scale, and one image against a list of hardening points."""
