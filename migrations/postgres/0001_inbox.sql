-- The tables of the inbox. Times are milliseconds since 1970-01-01 00:00 UTC.

CREATE TABLE entries (
    sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id BYTEA NOT NULL UNIQUE,
    environment TEXT NOT NULL,
    product TEXT NOT NULL,
    operation TEXT NOT NULL,
    destination TEXT NOT NULL,
    lane BYTEA NOT NULL,
    deduplication BYTEA,
    received_at BIGINT NOT NULL,
    client_subject TEXT NOT NULL,
    client_sha256 TEXT NOT NULL,
    correlation_id TEXT,
    traceparent TEXT,
    method TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    replays BIGINT NOT NULL,
    pending_since BIGINT NOT NULL,
    settled_at BIGINT,
    last_problem TEXT,
    key_id TEXT,
    payload BYTEA NOT NULL
);

-- The head of a lane.
CREATE INDEX entries_pending ON entries (lane, sequence) WHERE state = 'pending';
-- How many there are, and since when. Not by state first: a planner without statistics would take it for the way to what is pending.
CREATE INDEX entries_counts ON entries (environment, product, operation, state, received_at);
-- What may be purged.
CREATE INDEX entries_settled ON entries (state, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX entries_correlation ON entries (correlation_id, sequence) WHERE correlation_id IS NOT NULL;

-- A lane with work, or blocked. `due_at` of a lane that is leased is the end of its lease. Its rows change with every delivery:
-- dead versions are cleared away early, or claims would wade through them.
CREATE TABLE lanes (
    lane BYTEA PRIMARY KEY,
    environment TEXT NOT NULL,
    destination TEXT NOT NULL,
    pending BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    leased BOOLEAN NOT NULL,
    fence BIGINT NOT NULL,
    blocked_by BYTEA
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lanes_due ON lanes (environment, destination, due_at) WHERE blocked_by IS NULL;

-- Numbers of leases of any lane. A lane's row goes and comes back; its fences must not begin anew, or an old lease would hold again.
CREATE SEQUENCE fences;

-- What makes a repeat known, independent of how long entries are kept.
CREATE TABLE seen (
    deduplication BYTEA PRIMARY KEY,
    entry BYTEA NOT NULL,
    received_at BIGINT NOT NULL
);

CREATE INDEX seen_entry ON seen (entry);
CREATE INDEX seen_received ON seen (received_at);

-- What the store keeps about itself.
CREATE TABLE notes (
    name TEXT PRIMARY KEY,
    key_id TEXT,
    value BYTEA NOT NULL
);
