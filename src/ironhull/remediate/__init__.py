"""Packages with fixes put into a foreign image as layers on top: no script run, nothing guessed."""
