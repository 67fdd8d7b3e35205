-- How much data the log holds, counted as events come and go: summing it up would read all of it.

ALTER TABLE log_head ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE log_head SET bytes = (SELECT coalesce(sum(length(data)), 0) FROM events);
