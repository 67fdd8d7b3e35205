-- Statements about what hangs on a run: its entries, timers and deliveries.

-- insert_entry(run, position, kind, op, name, digest, outcome, attempt, source, codec, data, at)
INSERT INTO entries (run, position, kind, op, name, digest, outcome, attempt, source, codec, data, at)
VALUES (:run, :position, :kind, :op, :name, :digest, :outcome, :attempt, :source, :codec, :data, :at);

-- insert_owned_entry(run, position, kind, op, name, digest, outcome, attempt, source, codec, data, at, session, turn)
-- Inserts nothing unless (session, turn) own the run. Enough without a lock: a run changes hands only
-- after its session's row, which this transaction has updated and so holds, was fenced.
INSERT INTO entries (run, position, kind, op, name, digest, outcome, attempt, source, codec, data, at)
SELECT number, :position, :kind, :op, :name, :digest, :outcome, :attempt, :source, :codec, :data, :at
  FROM runs WHERE number = :run AND session = :session AND turn = :turn;

-- entry_time(run, position)
SELECT at FROM entries WHERE run = :run AND position = :position;

-- read_entries(run, after, limit)
SELECT position, kind, op, name, digest, outcome, attempt, source, codec, data, at
  FROM entries WHERE run = :run AND position > :after ORDER BY position LIMIT :limit;

-- set_timer(run, op, due_at, retry)
INSERT INTO timers (run, op, due_at, retry) VALUES (:run, :op, :due_at, :retry)
ON CONFLICT (run, op) DO UPDATE SET due_at = excluded.due_at, retry = excluded.retry;

-- drop_timer(run, op)
DELETE FROM timers WHERE run = :run AND op = :op;

-- drop_timers(run)
DELETE FROM timers WHERE run = :run;

-- read_timers(run)
SELECT op, due_at, retry FROM timers WHERE run = :run ORDER BY due_at, op;

-- insert_delivery(run, number, kind, name, id, source, op, outcome, codec, data, accepted_at)
INSERT INTO deliveries (run, number, kind, name, id, source, op, outcome, codec, data, accepted_at)
VALUES (:run, :number, :kind, :name, :id, :source, :op, :outcome, :codec, :data, :accepted_at);

-- known_delivery(run, id)
SELECT number FROM deliveries WHERE run = :run AND id = :id;

-- take_delivery(run, number)
-- Its payload is in the journal from now on; the row stays only as the memory of its id.
UPDATE deliveries SET taken = 1, data = NULL WHERE run = :run AND number = :number AND taken = 0;

-- read_inbox(run)
SELECT number, kind, name, id, source, op, outcome, codec, data, accepted_at
  FROM deliveries WHERE run = :run AND taken = 0 ORDER BY number;
