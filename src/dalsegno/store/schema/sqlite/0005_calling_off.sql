-- Whom the event that cancels a case calls off, in its own transaction.

ALTER TABLE runs ADD COLUMN undoes INTEGER NOT NULL DEFAULT 0;            -- goes on though its case is cancelled
ALTER TABLE cancelled_cases ADD COLUMN sender TEXT NOT NULL DEFAULT '';   -- who cancelled it, as its runs are told
CREATE INDEX cancelled_cases_event ON cancelled_cases (event);
