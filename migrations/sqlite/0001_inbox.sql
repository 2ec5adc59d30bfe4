-- The tables of the inbox. Times are milliseconds since 1970-01-01 00:00 UTC.

-- AUTOINCREMENT: the number of an entry that was purged is not given to another.
CREATE TABLE entries (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    environment TEXT NOT NULL,
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    destination TEXT NOT NULL,
    lane BLOB NOT NULL,
    -- Of the row of its lane, for as long as it is pending.
    lane_number INTEGER NOT NULL,
    deduplication BLOB,
    received_at INTEGER NOT NULL,
    client_subject TEXT NOT NULL,
    client_sha256 TEXT NOT NULL,
    correlation_id TEXT,
    traceparent TEXT,
    method TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    replays INTEGER NOT NULL,
    pending_since INTEGER NOT NULL,
    settled_at INTEGER,
    last_problem TEXT,
    key_id TEXT,
    -- Last: what is long is not read on the way to what is short.
    payload BLOB NOT NULL
) STRICT;

-- The head of a lane.
CREATE INDEX entries_pending ON entries (lane_number, sequence) WHERE state = 'pending';
-- How many there are, and since when. Not by state first: a planner without statistics would take it for the way to what is pending.
CREATE INDEX entries_counts ON entries (environment, product, operation, state, received_at);
-- What may be purged.
CREATE INDEX entries_settled ON entries (state, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX entries_correlation ON entries (correlation_id, sequence) WHERE correlation_id IS NOT NULL;

-- A lane with work, or blocked. `due_at` of a lane that is leased is the end of its lease. Lanes are numbered as they come: what came
-- together lies together, and is changed together, however random the keys are.
CREATE TABLE lanes (
    number INTEGER PRIMARY KEY,
    lane BLOB NOT NULL UNIQUE,
    environment TEXT NOT NULL,
    destination TEXT NOT NULL,
    pending INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    leased INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    blocked_by BLOB
) STRICT;

CREATE INDEX lanes_due ON lanes (environment, destination, due_at) WHERE blocked_by IS NULL;
-- Few of however many: a server that starts gives them back.
CREATE INDEX lanes_leased ON lanes (leased) WHERE leased = 1;

-- The fence of the last lease of any lane. A lane's row goes and comes back; its fences must not begin anew, or an old lease would
-- hold again.
CREATE TABLE fences (last INTEGER NOT NULL) STRICT;
INSERT INTO fences (last) VALUES (0);

-- What makes a repeat known, independent of how long entries are kept.
CREATE TABLE seen (
    deduplication BLOB PRIMARY KEY NOT NULL,
    entry BLOB NOT NULL,
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX seen_entry ON seen (entry);
CREATE INDEX seen_received ON seen (received_at);

-- What the store keeps about itself.
CREATE TABLE notes (
    name TEXT PRIMARY KEY NOT NULL,
    key_id TEXT,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
