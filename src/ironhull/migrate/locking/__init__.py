"""Build stages that stay on apt, held to one moment of the archive."""
