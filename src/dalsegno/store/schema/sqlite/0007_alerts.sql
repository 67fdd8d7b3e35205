-- What is measured of the store as a whole, and the alerts that come of it.

-- What stands still is told from this index alone. A run that never waits is never in it.
CREATE INDEX runs_waiting ON runs (namespace, workflow, reason, changed_at, due_at) WHERE status = 'waiting';

CREATE TABLE alerts (                             -- conditions that held, and those that still do
    number          INTEGER PRIMARY KEY,
    namespace       TEXT    NOT NULL,
    rule            TEXT    NOT NULL,
    subject         TEXT    NOT NULL,             -- the workflow, service or process that it is about
    text            TEXT    NOT NULL,
    value           REAL    NOT NULL,
    began_at        INTEGER NOT NULL,
    seen_at         INTEGER NOT NULL,             -- when it was last seen to hold
    ended_at        INTEGER,
    told            INTEGER NOT NULL              -- 0: nobody was told yet; 1: that it began; 2: that it ended
);
CREATE UNIQUE INDEX alerts_open ON alerts (namespace, rule, subject) WHERE ended_at IS NULL;
CREATE INDEX alerts_untold ON alerts (namespace, rule) WHERE told < 2;

CREATE TABLE watches (                            -- which worker looks after a rule, so that one does
    namespace       TEXT    NOT NULL,
    rule            TEXT    NOT NULL,
    session         INTEGER NOT NULL,
    until           INTEGER NOT NULL,             -- by the lease clock
    PRIMARY KEY (namespace, rule)
) WITHOUT ROWID;

CREATE TABLE tallies (                            -- what workers counted in each minute, for rates
    namespace       TEXT    NOT NULL,
    minute          INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    session         INTEGER NOT NULL,
    count           INTEGER NOT NULL,
    PRIMARY KEY (namespace, minute, name, subject, session)
) WITHOUT ROWID;
