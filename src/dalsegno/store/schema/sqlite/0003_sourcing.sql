-- What is folded from the log: aggregates and their snapshots, read models and their generations.

CREATE TABLE sources (                            -- of which types of events an aggregate is folded
    namespace       TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    name            TEXT    NOT NULL,             -- the aggregate's
    PRIMARY KEY (namespace, type, name)
) WITHOUT ROWID;

CREATE TABLE snapshots (                          -- the newest one of each aggregate
    namespace       TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    version         INTEGER NOT NULL,             -- the number of the last event that is in it
    count           INTEGER NOT NULL,             -- of all events that are in it
    shape           TEXT    NOT NULL,             -- of the state, as the code that wrote it had it
    codec           INTEGER NOT NULL,
    data            BLOB    NOT NULL,
    at              INTEGER NOT NULL,
    PRIMARY KEY (namespace, name, key)
) WITHOUT ROWID;

CREATE TABLE projections (                        -- generations of read models
    namespace       TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    generation      INTEGER NOT NULL,
    version         INTEGER NOT NULL,             -- of the code that folds it
    service         INTEGER NOT NULL UNIQUE,      -- whose position and kept states are its own
    state           TEXT    NOT NULL,             -- building, serving, gone, cleared
    at              INTEGER NOT NULL,
    PRIMARY KEY (namespace, name, generation)
) WITHOUT ROWID;
