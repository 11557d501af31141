"""The tables of the advisory database. `VERSION` changes whenever they do; old files are refused.

`claim` is clustered by package, so that what concerns one package lies together.
"""

from __future__ import annotations

VERSION = 1
APPLICATION_ID = 0x49484144
"""`IHAD`: tells the file apart from any other SQLite database."""

TABLES = """
CREATE TABLE feed (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  origin TEXT NOT NULL,
  date TEXT NOT NULL,
  dated INTEGER NOT NULL,
  imported TEXT NOT NULL,
  digest TEXT NOT NULL,
  records INTEGER NOT NULL,
  matches INTEGER NOT NULL
);
CREATE TABLE record (
  key INTEGER PRIMARY KEY,
  feed INTEGER NOT NULL,
  id TEXT NOT NULL,
  modified TEXT,
  published TEXT,
  withdrawn TEXT,
  severity TEXT,
  vector TEXT,
  score REAL,
  summary TEXT,
  aliases TEXT,
  related TEXT,
  notes TEXT
);
CREATE INDEX record_id ON record (id);
CREATE TABLE alias (
  alias TEXT NOT NULL,
  record INTEGER NOT NULL,
  PRIMARY KEY (alias, record)
) WITHOUT ROWID;
CREATE TABLE claim (
  package TEXT NOT NULL,
  ecosystem TEXT NOT NULL,
  vulnerability TEXT NOT NULL,
  record INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  feed INTEGER NOT NULL,
  state TEXT NOT NULL,
  fixed TEXT,
  urgency TEXT,
  reason TEXT,
  line TEXT,
  advisory TEXT,
  bug INTEGER,
  ranges TEXT,
  versions TEXT,
  PRIMARY KEY (package, ecosystem, vulnerability, record, seq)
) WITHOUT ROWID;
CREATE TABLE ecosystem (
  feed INTEGER NOT NULL, name TEXT NOT NULL, claims INTEGER NOT NULL,
  PRIMARY KEY (feed, name)
) WITHOUT ROWID;
CREATE TABLE exploited (
  vulnerability TEXT NOT NULL, feed INTEGER NOT NULL,
  added TEXT NOT NULL, due TEXT, ransomware INTEGER,
  PRIMARY KEY (vulnerability, feed)
) WITHOUT ROWID;
CREATE TABLE score (
  vulnerability TEXT NOT NULL, feed INTEGER NOT NULL, epss REAL NOT NULL, percentile REAL NOT NULL,
  PRIMARY KEY (vulnerability, feed)
) WITHOUT ROWID;
CREATE TABLE cycle (
  product TEXT NOT NULL, cycle TEXT NOT NULL, feed INTEGER NOT NULL,
  codename TEXT, released TEXT, eol TEXT, lts TEXT,
  PRIMARY KEY (product, cycle, feed)
) WITHOUT ROWID;
CREATE TABLE support (
  feed INTEGER NOT NULL, release TEXT NOT NULL, pattern TEXT NOT NULL, kind TEXT NOT NULL,
  last_version TEXT, date TEXT, text TEXT
);
CREATE TABLE in_archive (
  source TEXT NOT NULL, release TEXT NOT NULL, suite TEXT NOT NULL, feed INTEGER NOT NULL,
  version TEXT NOT NULL,
  PRIMARY KEY (source, release, suite, feed, version)
) WITHOUT ROWID;
"""

CONTENT = ("claim", "ecosystem", "exploited", "score", "cycle", "support", "in_archive")
"""The tables with a `feed` column that are emptied when a feed is replaced, beside `record`."""

EPSS = "epss"
"""The product in `cycle` whose one cycle is the version of the model of the scores."""
