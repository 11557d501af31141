"""Policies as admission controllers read them: as much of a policy as each can hold an image to."""
