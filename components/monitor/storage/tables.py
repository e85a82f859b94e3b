"""The store's tables by format, for each of the two databases.

A migration is one more entry in `MIGRATIONS`, and an older store is brought up to date when it is
opened. PostgreSQL came with format 2.
"""

from typing import Final

EVENT_BYTES: Final = (
    "coalesce(length(features), 0) + coalesce(length(outputs), 0) + length(id) + 300"
)
"""What an event takes: its texts, and about 300 bytes of row and indexes (measured)."""

_FIRST: Final = """
CREATE TABLE versions (
    model TEXT NOT NULL, version INTEGER NOT NULL,
    digest TEXT NOT NULL, bundle TEXT NOT NULL, reference TEXT NOT NULL,
    registered_at INTEGER NOT NULL,
    PRIMARY KEY (model, version)
);
CREATE TABLE events (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL, kind TEXT NOT NULL,
    model TEXT NOT NULL, version INTEGER NOT NULL, registered INTEGER NOT NULL,
    time INTEGER NOT NULL, received INTEGER NOT NULL,
    rows INTEGER NOT NULL, duration REAL,
    features TEXT, outputs TEXT,
    UNIQUE (id, kind)
);
CREATE TABLE labels (
    event INTEGER NOT NULL REFERENCES events (key), row INTEGER NOT NULL,
    label TEXT NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL,
    PRIMARY KEY (event, row)
) WITHOUT ROWID;
CREATE TABLE pending (
    id TEXT PRIMARY KEY,
    request TEXT, row INTEGER,
    label TEXT NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX pending_by_request ON pending (request, row);
CREATE TABLE totals (
    model TEXT NOT NULL, version INTEGER NOT NULL, registered INTEGER NOT NULL,
    events INTEGER NOT NULL DEFAULT 0, predictions INTEGER NOT NULL DEFAULT 0,
    labelled INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0,
    first_time INTEGER, last_time INTEGER,
    PRIMARY KEY (model, version, registered)
) WITHOUT ROWID;
"""

# A label knows whose it is, so that the newest of a version, and those of a model that came within
# a time, are found without a look at the events between them.
_LABELS: Final = """
CREATE TABLE labels (
    event BIGINT NOT NULL, row BIGINT NOT NULL,
    label TEXT NOT NULL, time BIGINT NOT NULL, received BIGINT NOT NULL, number BIGINT NOT NULL,
    model TEXT NOT NULL, version BIGINT NOT NULL, registered BIGINT NOT NULL,
    PRIMARY KEY (event, row)
)"""

_JUDGEMENT: Final = """
CREATE INDEX labels_by_event ON labels (model, version, event, row);
CREATE INDEX labels_by_received ON labels (model, received);
CREATE INDEX pending_by_received ON pending (received);
CREATE INDEX events_by_version ON events (model, version, key) WHERE kind = 'prediction';
CREATE TABLE label_clock (number BIGINT NOT NULL, received BIGINT NOT NULL);
CREATE TABLE chunks (
    model TEXT NOT NULL, version BIGINT NOT NULL, number BIGINT NOT NULL,
    first_event BIGINT NOT NULL, last_event BIGINT NOT NULL,
    start BIGINT NOT NULL, "end" BIGINT NOT NULL, rows BIGINT NOT NULL, counts TEXT NOT NULL,
    PRIMARY KEY (model, version, number)
);
CREATE TABLE verdicts (
    model TEXT NOT NULL, version BIGINT NOT NULL, kind TEXT NOT NULL, judged BIGINT NOT NULL,
    start BIGINT NOT NULL, "end" BIGINT NOT NULL, rows BIGINT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (model, version, kind, judged)
);
CREATE TABLE alerts (
    fingerprint TEXT NOT NULL, starts_at BIGINT NOT NULL,
    model TEXT NOT NULL, name TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL,
    ends_at BIGINT, received BIGINT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (fingerprint, starts_at)
);
CREATE INDEX alerts_by_received ON alerts (received);
CREATE TABLE retrainings (
    id TEXT PRIMARY KEY,
    model TEXT NOT NULL, reason TEXT NOT NULL, decided BIGINT NOT NULL, outcome TEXT NOT NULL,
    why TEXT NOT NULL, evidence TEXT NOT NULL,
    run TEXT, started BIGINT, ended BIGINT, version BIGINT
);
CREATE INDEX retrainings_by_model ON retrainings (model, decided);
"""

_SECOND: Final = f"""
ALTER TABLE labels RENAME TO labels_1;
{_LABELS} WITHOUT ROWID;
INSERT INTO labels
SELECT event, row, label, labels_1.time, labels_1.received,
    row_number() OVER (ORDER BY labels_1.received, event, row), model, version, registered
FROM labels_1 JOIN events ON event = key;
DROP TABLE labels_1;
{_JUDGEMENT}
INSERT INTO label_clock
SELECT coalesce(max(number), 0), coalesce(max(received), 0) FROM labels;
ALTER TABLE totals ADD COLUMN newest_label INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE totals SET newest_label = (
    SELECT coalesce(max(number), 0) FROM labels WHERE labels.model = totals.model
    AND labels.version = totals.version AND labels.registered = totals.registered
), bytes = (
    SELECT coalesce(sum({EVENT_BYTES}), 0) FROM events WHERE events.model = totals.model
    AND events.version = totals.version AND events.registered = totals.registered
);
"""  # noqa: S608

MIGRATIONS: Final = (_FIRST, _SECOND)
"""Entry n brings an SQLite store from format n to n + 1."""

FORMAT: Final = len(MIGRATIONS)

POSTGRES_FORMAT: Final = 2

POSTGRES: Final = f"""
CREATE TABLE store (format BIGINT NOT NULL);
INSERT INTO store VALUES ({POSTGRES_FORMAT});
CREATE TABLE versions (
    model TEXT NOT NULL, version BIGINT NOT NULL,
    digest TEXT NOT NULL, bundle TEXT NOT NULL, reference TEXT NOT NULL,
    registered_at BIGINT NOT NULL,
    PRIMARY KEY (model, version)
);
CREATE TABLE events (
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT NOT NULL, kind TEXT NOT NULL,
    model TEXT NOT NULL, version BIGINT NOT NULL, registered BIGINT NOT NULL,
    time BIGINT NOT NULL, received BIGINT NOT NULL,
    rows BIGINT NOT NULL, duration DOUBLE PRECISION,
    features TEXT, outputs TEXT,
    UNIQUE (id, kind)
);
{_LABELS};
CREATE TABLE pending (
    id TEXT PRIMARY KEY,
    request TEXT, row BIGINT,
    label TEXT NOT NULL, time BIGINT NOT NULL, received BIGINT NOT NULL
);
CREATE INDEX pending_by_request ON pending (request, row);
CREATE TABLE totals (
    model TEXT NOT NULL, version BIGINT NOT NULL, registered BIGINT NOT NULL,
    events BIGINT NOT NULL DEFAULT 0, predictions BIGINT NOT NULL DEFAULT 0,
    labelled BIGINT NOT NULL DEFAULT 0, duplicates BIGINT NOT NULL DEFAULT 0,
    first_time BIGINT, last_time BIGINT,
    newest_label BIGINT NOT NULL DEFAULT 0, bytes BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (model, version, registered)
);
{_JUDGEMENT}
INSERT INTO label_clock VALUES (0, 0);
"""  # noqa: S608
"""Makes the tables of format 2 in an empty schema; a later format is an entry of its own."""
