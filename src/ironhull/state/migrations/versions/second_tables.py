"""When a package was first seen in the archive in a newer version; images that are not ours."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, Column, String

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "arrival",
        Column("package", String(200), primary_key=True),
        Column("version", String(200), primary_key=True),
        Column("suite", String(200), primary_key=True),
        Column("first", String(40), nullable=False),
    )
    op.create_table(
        "foreign",
        Column("reference", String(500), primary_key=True),
        Column("digest", String(80), nullable=False),
        Column("checked", String(40), nullable=False),
        Column("base", String(500), nullable=False),
        Column("findings", JSON, nullable=False),
        Column("fixed", JSON, nullable=False),
    )
