-- The first schema. Times are integer microseconds UTC, booleans 0 and 1, payloads (codec, bytes).
-- Entries, timers and deliveries hang on the run's number, never on its text id: numbers are ordered
-- by time, so the rows of live runs lie together however many finished ones there are.

CREATE TABLE runs (
    number          INTEGER PRIMARY KEY,
    namespace       TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    workflow        TEXT    NOT NULL,
    version         TEXT    NOT NULL,
    status          TEXT    NOT NULL,
    reason          TEXT,
    turn            INTEGER NOT NULL DEFAULT 0,   -- counts claims; a commit is conditional on it
    wakes           INTEGER NOT NULL DEFAULT 0,   -- counts deliveries; coming to rest is conditional on it
    session         INTEGER,                      -- who owns it; nobody, while it waits
    crashes         INTEGER NOT NULL DEFAULT 0,   -- deaths of its worker since it last made progress
    due_at          INTEGER,                      -- when it next needs a worker
    input_codec     INTEGER NOT NULL DEFAULT 1,
    input           BLOB,
    input_digest    BLOB    NOT NULL,
    output_codec    INTEGER NOT NULL DEFAULT 1,
    output          BLOB,
    error           BLOB,
    notes           BLOB,                         -- what it waits for; for people, nothing decides by it
    fingerprint     TEXT    NOT NULL DEFAULT '',
    python          TEXT    NOT NULL DEFAULT '',
    parent          INTEGER,
    parent_op       INTEGER NOT NULL DEFAULT 0,
    attached        INTEGER NOT NULL DEFAULT 1,
    depth           INTEGER NOT NULL DEFAULT 0,
    case_id         TEXT,
    traceparent     TEXT,
    created_at      INTEGER NOT NULL,
    started_at      INTEGER,
    changed_at      INTEGER NOT NULL,
    ended_at        INTEGER,
    queue           TEXT    NOT NULL DEFAULT 'default',
    priority        INTEGER NOT NULL DEFAULT 0,
    fair_key        TEXT,
    format          INTEGER NOT NULL DEFAULT 1,   -- of the journal
    cause           INTEGER,                      -- the log number of the event that started it
    UNIQUE (namespace, id)
);
CREATE INDEX runs_due     ON runs (queue, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_session ON runs (session)       WHERE session IS NOT NULL;
CREATE INDEX runs_news    ON runs (session)       WHERE session IS NOT NULL AND due_at IS NOT NULL;
CREATE INDEX runs_parent  ON runs (parent)        WHERE parent IS NOT NULL;
CREATE INDEX runs_case    ON runs (case_id)       WHERE case_id IS NOT NULL;

CREATE TABLE entries (
    run             INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    kind            INTEGER NOT NULL,
    op              INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    digest          BLOB    NOT NULL,
    outcome         INTEGER NOT NULL,
    attempt         INTEGER NOT NULL,
    source          TEXT    NOT NULL,
    codec           INTEGER NOT NULL,
    data            BLOB,
    at              INTEGER NOT NULL,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;

CREATE TABLE timers (
    run             INTEGER NOT NULL,
    op              INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    retry           INTEGER NOT NULL,
    PRIMARY KEY (run, op)
) WITHOUT ROWID;

CREATE TABLE deliveries (
    run             INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    kind            INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    id              TEXT,                         -- kept after it was taken: a repeated id is a no-op
    source          TEXT    NOT NULL,
    op              INTEGER NOT NULL,
    outcome         INTEGER NOT NULL,
    codec           INTEGER NOT NULL,
    data            BLOB,
    accepted_at     INTEGER NOT NULL,
    taken           INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX deliveries_id ON deliveries (run, id) WHERE id IS NOT NULL;

CREATE TABLE sessions (
    number          INTEGER PRIMARY KEY,
    pid             INTEGER NOT NULL,
    pid_start       INTEGER NOT NULL,
    pid_namespace   TEXT    NOT NULL,
    boot_id         TEXT    NOT NULL,
    host            TEXT    NOT NULL,
    python          TEXT    NOT NULL,
    program         TEXT    NOT NULL,
    lease           INTEGER NOT NULL,
    lease_until     INTEGER NOT NULL,             -- by the store's lease clock
    commits         INTEGER NOT NULL,
    loop_turn_at    INTEGER NOT NULL,
    opened_at       INTEGER NOT NULL,
    fenced_at       INTEGER,
    released        INTEGER NOT NULL DEFAULT 0    -- its runs have all been handed on
);
CREATE INDEX sessions_open ON sessions (number) WHERE released = 0;

CREATE TABLE attempts (                           -- those that take their time, as heartbeats report them
    session         INTEGER NOT NULL,
    run             INTEGER NOT NULL,
    op              INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    attempt         INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    began_at        INTEGER NOT NULL,
    PRIMARY KEY (session, run, op)
) WITHOUT ROWID;
CREATE INDEX attempts_run ON attempts (run);

CREATE TABLE abilities (
    workflow        TEXT    NOT NULL,
    version         TEXT    NOT NULL,
    session         INTEGER NOT NULL,
    PRIMARY KEY (session, workflow, version)
) WITHOUT ROWID;

-- What later floors need; kept here from the first day, since adding it later would rewrite every row.

CREATE TABLE attributes (                         -- typed search attributes of runs
    run             INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    text_value      TEXT,
    number_value    REAL,
    time_value      INTEGER,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;

CREATE TABLE case_aliases (                       -- several keys may name one case
    namespace       TEXT    NOT NULL,
    key_name        TEXT    NOT NULL,
    key_value       TEXT    NOT NULL,
    case_id         TEXT    NOT NULL,
    PRIMARY KEY (namespace, key_name, key_value)
) WITHOUT ROWID;

CREATE TABLE merged_cases (
    namespace       TEXT    NOT NULL,
    case_id         TEXT    NOT NULL,
    into_case_id    TEXT    NOT NULL,
    merged_at       INTEGER NOT NULL,
    PRIMARY KEY (namespace, case_id)
) WITHOUT ROWID;

CREATE TABLE remote_steps (
    run             INTEGER NOT NULL,
    op              INTEGER NOT NULL,
    queue           TEXT    NOT NULL,
    attempt         INTEGER NOT NULL,
    session         INTEGER,
    lease_until     INTEGER,
    progress_codec  INTEGER NOT NULL DEFAULT 1,
    progress        BLOB,
    PRIMARY KEY (run, op)
) WITHOUT ROWID;

CREATE TABLE events (
    number          INTEGER PRIMARY KEY,          -- commit order, without gaps
    namespace       TEXT    NOT NULL,
    source          TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    key             TEXT,
    key_hash        INTEGER NOT NULL,
    case_id         TEXT,
    cause           INTEGER,
    traceparent     TEXT,
    codec           INTEGER NOT NULL DEFAULT 1,
    data            BLOB,
    at              INTEGER NOT NULL,
    UNIQUE (namespace, source, id)
);
