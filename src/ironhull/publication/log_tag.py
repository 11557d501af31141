"""The tag of a repository's record: what tells images from records loads nothing that reads one."""

from __future__ import annotations

LOG_TAG = "ironhull-publications"
