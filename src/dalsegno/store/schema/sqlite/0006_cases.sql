-- Processes, what workflows emit, and the rows of cases. The first schema's tables of aliases and of merged
-- cases were never written to.

DROP TABLE case_aliases;
DROP TABLE merged_cases;

-- counts what was registered: whoever writes events reads the processes again when it has changed
ALTER TABLE log_head ADD COLUMN processes INTEGER NOT NULL DEFAULT 0;

CREATE TABLE processes (
    number          INTEGER PRIMARY KEY,
    namespace       TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    tracking        TEXT    NOT NULL,
    declared        BLOB    NOT NULL,
    changed_at      INTEGER NOT NULL,
    UNIQUE (namespace, name)
);

CREATE TABLE emitters (                           -- workflows that emit, as their code declares it
    namespace       TEXT    NOT NULL,
    workflow        TEXT    NOT NULL,
    version         TEXT    NOT NULL,
    declared        BLOB    NOT NULL,
    PRIMARY KEY (namespace, workflow, version)
) WITHOUT ROWID;

CREATE TABLE cases (
    number          INTEGER PRIMARY KEY,
    namespace       TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    process         TEXT    NOT NULL,
    key             TEXT,
    tracking        TEXT    NOT NULL,
    state           TEXT    NOT NULL,             -- open, ended, cancelled
    started_at      INTEGER NOT NULL,
    began_event     INTEGER,                      -- what opened it: an event, or a run
    began_run       INTEGER,
    due_at          INTEGER,
    end             TEXT,                         -- the type of the event that closed it
    end_event       INTEGER,
    ended_at        INTEGER,
    heard           TEXT    NOT NULL DEFAULT '',  -- types that end it together, and came while it was open
    UNIQUE (namespace, id)
);
CREATE INDEX cases_state ON cases (namespace, state, process, started_at);
CREATE INDEX cases_key   ON cases (key)                WHERE id <> process || '-' || key;
CREATE INDEX cases_due   ON cases (namespace, due_at)  WHERE due_at IS NOT NULL AND state = 'open';

CREATE TABLE case_aliases (                       -- several keys may name one case
    namespace       TEXT    NOT NULL,
    process         TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    value           TEXT    NOT NULL,
    case_id         TEXT    NOT NULL,
    event           INTEGER NOT NULL,             -- which said so
    PRIMARY KEY (namespace, process, name, value)
) WITHOUT ROWID;
CREATE INDEX case_aliases_case  ON case_aliases (case_id);
CREATE INDEX case_aliases_value ON case_aliases (value);

CREATE TABLE merged_cases (                       -- two that turned out to be one; events keep the id they had
    namespace       TEXT    NOT NULL,
    case_id         TEXT    NOT NULL,
    into_case_id    TEXT    NOT NULL,
    event           INTEGER NOT NULL,             -- which said so
    merged_at       INTEGER NOT NULL,
    PRIMARY KEY (namespace, case_id)
) WITHOUT ROWID;
CREATE INDEX merged_cases_into ON merged_cases (into_case_id);
