"""The first tables."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, Column, Integer, LargeBinary, String, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    _observed()
    _images()
    _vulnerabilities()
    _said()


def _observed() -> None:
    op.create_table(
        "suite",
        Column("repository", String(200), primary_key=True),
        Column("suite", String(200), primary_key=True),
        Column("digest", String(80), nullable=False),
        Column("date", String(40), nullable=False),
        Column("valid_until", String(40), nullable=False),
        Column("changed", String(40), nullable=False),
        Column("checked", String(40), nullable=False),
    )
    op.create_table(
        "feed",
        Column("name", String(100), primary_key=True),
        Column("date", String(40), nullable=False),
        Column("records", Integer, nullable=False),
        Column("checked", String(40), nullable=False),
    )


def _images() -> None:
    op.create_table(
        "image",
        Column("name", String(300), primary_key=True),
        Column("repository", String(300), nullable=False),
        Column("published", String(80), nullable=False),
        Column("tag", String(200), nullable=False),
        Column("published_at", String(40), nullable=False),
        Column("inputs", String(80), nullable=False),
        Column("lock", String(80), nullable=False),
        Column("facts", JSON, nullable=False),
        Column("examined", String(80), nullable=False),
        Column("state", String(20), nullable=False),
        Column("reason", Text, nullable=False),
        Column("cause", Text, nullable=False),
        Column("behind_since", String(40), nullable=False),
        Column("candidate", String(80), nullable=False),
        Column("approved", String(80), nullable=False),
        Column("hold", Text, nullable=False),
        Column("failures", Integer, nullable=False),
        Column("retry_at", String(40), nullable=False),
        Column("ends", String(40), nullable=False),
    )
    op.create_table(
        "attempt",
        Column("id", Integer, primary_key=True),
        Column("image", String(300), nullable=False),
        Column("cause", Text, nullable=False),
        Column("urgency", String(20), nullable=False),
        Column("started", String(40), nullable=False),
        Column("ended", String(40), nullable=False),
        Column("result", String(20), nullable=False),
        Column("step", String(20), nullable=False),
        Column("detail", Text, nullable=False),
        Column("old", String(80), nullable=False),
        Column("new", String(80), nullable=False),
        Column("old_lock", String(80), nullable=False),
        Column("new_lock", String(80), nullable=False),
        Column("holder", String(200), nullable=False),
    )
    op.create_index("attempt_image", "attempt", ["image", "id"])
    op.create_table(
        "locked",
        Column("digest", String(80), primary_key=True),
        Column("content", LargeBinary, nullable=False),
    )


def _vulnerabilities() -> None:
    op.create_table(
        "event",
        Column("vulnerability", String(100), primary_key=True),
        Column("image", String(300), primary_key=True),
        Column("kind", String(20), primary_key=True),
        Column("at", String(40), nullable=False),
        Column("severity", String(20), nullable=False),
    )
    op.create_index("event_image", "event", ["image"])
    op.create_table(
        "count",
        Column("day", String(10), primary_key=True),
        Column("image", String(300), primary_key=True),
        Column("severity", String(20), primary_key=True),
        Column("open", Integer, nullable=False),
    )


def _said() -> None:
    op.create_table(
        "lease",
        Column("name", String(320), primary_key=True),
        Column("holder", String(200), nullable=False),
        Column("until", String(40), nullable=False),
    )
    op.create_table(
        "said",
        Column("subject", String(300), primary_key=True),
        Column("digest", String(80), primary_key=True),
        Column("text", Text, nullable=False),
        Column("first", String(40), nullable=False),
        Column("last", String(40), nullable=False),
        Column("over", String(40), nullable=False),
    )
    op.create_table(
        "note",
        Column("key", String(100), primary_key=True),
        Column("value", Text, nullable=False),
    )
