"""The tables of what watching remembers, as SQLAlchemy has them; `migrations` makes them.

Times are text, RFC 3339 in UTC with milliseconds: they sort as they stand, and both databases give
back the same. Loaded late: SQLAlchemy takes longer to load than most verbs take altogether.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

suite = Table(
    "suite",
    METADATA,
    Column("repository", String(200), primary_key=True),
    Column("suite", String(200), primary_key=True),
    Column("digest", String(80), nullable=False),
    Column("date", String(40), nullable=False),
    Column("valid_until", String(40), nullable=False),
    Column("changed", String(40), nullable=False),
    Column("checked", String(40), nullable=False),
)

feed = Table(
    "feed",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("date", String(40), nullable=False),
    Column("records", Integer, nullable=False),
    Column("checked", String(40), nullable=False),
)

image = Table(
    "image",
    METADATA,
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

attempt = Table(
    "attempt",
    METADATA,
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
    Index("attempt_image", "image", "id"),
)

locked = Table(
    "locked",
    METADATA,
    Column("digest", String(80), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

event = Table(
    "event",
    METADATA,
    Column("vulnerability", String(100), primary_key=True),
    Column("image", String(300), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("at", String(40), nullable=False),
    Column("severity", String(20), nullable=False),
    Index("event_image", "image"),
)

count = Table(
    "count",
    METADATA,
    Column("day", String(10), primary_key=True),
    Column("image", String(300), primary_key=True),
    Column("severity", String(20), primary_key=True),
    Column("open", Integer, nullable=False),
)

arrival = Table(
    "arrival",
    METADATA,
    Column("package", String(200), primary_key=True),
    Column("version", String(200), primary_key=True),
    Column("suite", String(200), primary_key=True),
    Column("first", String(40), nullable=False),
)

foreign = Table(
    "foreign",
    METADATA,
    Column("reference", String(500), primary_key=True),
    Column("digest", String(80), nullable=False),
    Column("checked", String(40), nullable=False),
    Column("base", String(500), nullable=False),
    Column("findings", JSON, nullable=False),
    Column("fixed", JSON, nullable=False),
)

lease = Table(
    "lease",
    METADATA,
    Column("name", String(320), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("until", String(40), nullable=False),
)

said = Table(
    "said",
    METADATA,
    Column("subject", String(300), primary_key=True),
    Column("digest", String(80), primary_key=True),
    Column("text", Text, nullable=False),
    Column("first", String(40), nullable=False),
    Column("last", String(40), nullable=False),
    Column("over", String(40), nullable=False),
)

note = Table(
    "note",
    METADATA,
    Column("key", String(100), primary_key=True),
    Column("value", Text, nullable=False),
)

KEPT = (suite, feed, image, attempt, locked, event, count, arrival, foreign, said, note)
"""What `state export` writes: everything but leases, which end with their holders."""
