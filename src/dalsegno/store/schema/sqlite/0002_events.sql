-- Events, the services that react to them, and what came of it. The first schema's table of events was
-- never written to.

DROP TABLE events;

CREATE TABLE log_head (                           -- one row: the two ends of the log
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    last            INTEGER NOT NULL,             -- the last number given: commit order, without gaps
    first           INTEGER NOT NULL,             -- the oldest event that retention has left
    at              INTEGER NOT NULL              -- of the last event; it never goes back
);
INSERT INTO log_head (one, last, first, at) VALUES (1, 0, 1, 0);

CREATE TABLE events (
    number          INTEGER PRIMARY KEY,
    namespace       TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    source          TEXT    NOT NULL,
    id              TEXT,                         -- of what came from outside; our own are their number
    key             TEXT,
    case_id         TEXT,
    cause           INTEGER,                      -- the event that led to it
    run             INTEGER,                      -- the run that emitted it
    hops            INTEGER NOT NULL,
    traceparent     TEXT,
    time            INTEGER,                      -- when it happened, where that is not when it came
    codec           INTEGER NOT NULL,
    data            BLOB,
    extra           BLOB,                         -- what else a CloudEvent said, as JSON
    at              INTEGER NOT NULL
);
CREATE UNIQUE INDEX events_id ON events (namespace, source, id) WHERE id IS NOT NULL;
CREATE INDEX events_case ON events (case_id, number) WHERE case_id IS NOT NULL;
CREATE INDEX events_key  ON events (key, number)     WHERE key IS NOT NULL;

CREATE TABLE cancelled_cases (                    -- of which nothing goes forward any more
    namespace       TEXT    NOT NULL,
    case_id         TEXT    NOT NULL,
    event           INTEGER NOT NULL,             -- the one that cancelled it
    PRIMARY KEY (namespace, case_id)
) WITHOUT ROWID;

CREATE TABLE subscriptions (                      -- runs that wait for events; each is a delivery to them
    run             INTEGER NOT NULL,
    namespace       TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    by_key          INTEGER NOT NULL,             -- 1: value is a key, 0: a case
    value           TEXT    NOT NULL,
    PRIMARY KEY (run, namespace, type, by_key, value)
) WITHOUT ROWID;
CREATE INDEX subscriptions_value ON subscriptions (value, type);

CREATE TABLE services (
    number          INTEGER PRIMARY KEY,
    namespace       TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    generation      INTEGER NOT NULL,             -- counts replays from a position
    partitions      INTEGER NOT NULL,
    declared        BLOB,
    changed_at      INTEGER NOT NULL,
    paused_at       INTEGER,
    paused_by       TEXT    NOT NULL DEFAULT '',
    UNIQUE (namespace, name)
);

CREATE TABLE handlers (
    number          INTEGER PRIMARY KEY,
    service         INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    declared        BLOB,
    open_until      INTEGER,                      -- its circuit is open
    UNIQUE (service, name)
);

CREATE TABLE partitions (
    service         INTEGER NOT NULL,
    partition       INTEGER NOT NULL,
    position        INTEGER NOT NULL,             -- all its events up to here are passed
    session         INTEGER,
    crashes         INTEGER NOT NULL DEFAULT 0,   -- deaths of its worker since it last made progress
    suspect         INTEGER,                      -- the event at which its worker was, alone, when it died
    PRIMARY KEY (service, partition)
) WITHOUT ROWID;
CREATE INDEX partitions_session ON partitions (session) WHERE session IS NOT NULL;

CREATE TABLE reactions (                          -- written once; kept as long as their event
    event           INTEGER NOT NULL,
    handler         INTEGER NOT NULL,
    generation      INTEGER NOT NULL,
    outcome         INTEGER NOT NULL,
    run             INTEGER,                      -- the run that it has become
    took            INTEGER NOT NULL,             -- microseconds
    note            TEXT,
    at              INTEGER NOT NULL,
    PRIMARY KEY (event, handler, generation)
) WITHOUT ROWID;
CREATE INDEX reactions_run ON reactions (run) WHERE run IS NOT NULL;

CREATE TABLE lanes (                              -- reactions that are runs, in the order of their key
    service         INTEGER NOT NULL,
    key             TEXT    NOT NULL,
    rank            INTEGER NOT NULL,             -- the event's number, or its place in its own sequence
    handler         INTEGER NOT NULL,
    run             INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (service, key, rank, handler, run)
) WITHOUT ROWID;

CREATE TABLE joins (                              -- rounds of events that belong together and are not all there
    run             INTEGER PRIMARY KEY,
    handler         INTEGER NOT NULL,
    generation      INTEGER NOT NULL,             -- a replay has rounds of its own
    key             TEXT    NOT NULL,
    parts           INTEGER NOT NULL              -- one bit for each that has come
);
CREATE INDEX joins_round ON joins (handler, key, generation, run);

CREATE TABLE kept (                               -- a service's state of a key
    service         INTEGER NOT NULL,
    key             TEXT    NOT NULL,
    codec           INTEGER NOT NULL,
    data            BLOB,
    rank            INTEGER NOT NULL,             -- what a later state must not be below
    event           INTEGER NOT NULL,
    at              INTEGER NOT NULL,
    PRIMARY KEY (service, key)
) WITHOUT ROWID;

CREATE TABLE dead_letters (
    number          INTEGER PRIMARY KEY,
    namespace       TEXT    NOT NULL,
    run             INTEGER NOT NULL UNIQUE,
    service         INTEGER NOT NULL,
    handler         INTEGER NOT NULL,
    event           INTEGER NOT NULL,
    key             TEXT,
    cause           TEXT    NOT NULL,             -- groups those that failed alike
    error           TEXT    NOT NULL,
    attempts        INTEGER NOT NULL,
    times           INTEGER NOT NULL,             -- how often it became a dead letter
    state           TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    changed_by      TEXT    NOT NULL DEFAULT '',
    why             TEXT    NOT NULL DEFAULT ''   -- of the last answer
);
CREATE INDEX dead_letters_open ON dead_letters (namespace, cause) WHERE state = 'open';

CREATE TABLE schemas (                            -- versions of event types; written once
    namespace       TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    format          TEXT    NOT NULL,
    schema          TEXT    NOT NULL,             -- JSON, in one spelling
    fingerprint     TEXT    NOT NULL,             -- alike for all that say the same
    mode            TEXT    NOT NULL,             -- how the next version is held to it
    sealed          INTEGER NOT NULL,             -- 1: made from a class, whose instances have nothing else
    registered_at   INTEGER NOT NULL,
    PRIMARY KEY (namespace, type, version)
) WITHOUT ROWID;
