"""Whether a migrated Dockerfile does what the old one did: both built, looked into, run, asked."""
