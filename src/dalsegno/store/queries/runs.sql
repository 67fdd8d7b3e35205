-- Statements about runs. A block's heading names it and its parameters in order; the text is what
-- SQLite and PostgreSQL both speak. Selected columns are in the order of core.runs.Run.

-- insert_run(number, namespace, id, workflow, version, input, input_codec, input_digest, fingerprint, python, parent, parent_op, attached, depth, case_id, traceparent, queue, cause, undoes, status, reason, session, turn, due_at, started_at, now)
-- A second start of an id inserts nothing; who raced and lost reads the winner's row.
INSERT INTO runs (number, namespace, id, workflow, version, input, input_codec, input_digest,
                  fingerprint, python, parent, parent_op, attached, depth, case_id, traceparent, queue, cause, undoes,
                  status, reason, session, turn, due_at, started_at, created_at, changed_at)
VALUES (:number, :namespace, :id, :workflow, :version, :input, :input_codec, :input_digest,
        :fingerprint, :python, :parent, :parent_op, :attached, :depth, :case_id, :traceparent, :queue, :cause, :undoes,
        :status, :reason, :session, :turn, :due_at, :started_at, :now, :now)
ON CONFLICT DO NOTHING;

-- find_run(namespace, id)
SELECT {run_columns} FROM runs WHERE namespace = :namespace AND id = :id;

-- read_ending(namespace, id)
SELECT number, workflow, version, status, reason, output, error
  FROM runs WHERE namespace = :namespace AND id = :id;

-- read_endings(numbers) [sqlite]
-- Of many runs, given as a JSON array of their numbers, those that have ended.
SELECT number, workflow, version, status, reason, output, error
  FROM runs WHERE number IN (SELECT value FROM JSON_EACH(:numbers))
   AND status IN ('completed', 'failed', 'cancelled');

-- get_run(number)
SELECT {run_columns} FROM runs WHERE number = :number;

-- seek_run(namespace, id)
SELECT number, status FROM runs WHERE namespace = :namespace AND id = :id;

-- seek_number(number)
SELECT number, status FROM runs WHERE number = :number;

-- own_run(number, session, turn)
-- The guard of a commit. Enough without a lock: a run changes hands only after its session's row,
-- which this transaction has updated and so holds, was fenced.
SELECT 1 FROM runs WHERE number = :number AND session = :session AND turn = :turn;

-- rest_run(number, session, turn, wakes, status, reason, due_at, error, notes, now)
UPDATE runs
   SET status = :status, reason = :reason, due_at = :due_at, error = :error, notes = :notes, changed_at = :now, session = NULL, crashes = 0
 WHERE number = :number AND session = :session AND turn = :turn AND wakes = :wakes;

-- end_run(number, session, turn, wakes, status, reason, output, output_codec, error, now)
UPDATE runs
   SET status = :status, reason = :reason, output = :output, output_codec = :output_codec,
       error = :error, notes = NULL, due_at = NULL, changed_at = :now, ended_at = :now, session = NULL, crashes = 0
 WHERE number = :number AND session = :session AND turn = :turn AND wakes = :wakes;

-- explain_run(number, reason, notes, now)
UPDATE runs SET reason = :reason, notes = :notes, changed_at = :now WHERE number = :number;

-- clear_crashes(number)
UPDATE runs SET crashes = 0 WHERE number = :number;

-- claim_due(session, queue, now, from_crashes, below_crashes, limit)
-- Only runs whose workflow and version the session has; the oldest due first.
UPDATE runs
   SET session = :session, turn = turn + 1, status = 'running', due_at = NULL, changed_at = :now,
       started_at = COALESCE(started_at, :now),
       reason = CASE WHEN reason LIKE 'parked%' THEN NULL ELSE reason END
 WHERE number IN (
       SELECT r.number FROM runs r
        WHERE r.due_at IS NOT NULL AND r.due_at <= :now AND r.queue = :queue AND r.session IS NULL
          AND r.crashes >= :from_crashes AND r.crashes < :below_crashes
          AND EXISTS (SELECT 1 FROM abilities a
                       WHERE a.session = :session AND a.workflow = r.workflow AND a.version = r.version)
        ORDER BY r.due_at, r.number
        LIMIT :limit)
RETURNING {run_columns};

-- owned_runs(session)
SELECT {run_columns} FROM runs WHERE session = :session ORDER BY number;

-- hear_news(session)
-- Runs of this session that got a delivery while it owned them.
UPDATE runs SET due_at = NULL
 WHERE session = :session AND due_at IS NOT NULL
RETURNING number, wakes;

-- wake_run(number, now, force)
-- Count a delivery and make the run due, unless it is parked and this is no person's answer, or is held
-- (pending, and not due) until those before it have ended.
UPDATE runs
   SET wakes = wakes + 1,
       due_at = CASE WHEN :force = 0 AND reason LIKE 'parked%' THEN due_at
                     WHEN due_at IS NULL AND status = 'pending' THEN NULL
                     WHEN due_at IS NOT NULL AND due_at < :now THEN due_at
                     ELSE :now END
 WHERE number = :number AND status IN ('pending', 'running', 'waiting')
RETURNING wakes;

-- unpark_run(number, now)
UPDATE runs SET due_at = :now, crashes = 0, changed_at = :now
 WHERE number = :number AND status = 'waiting' AND reason LIKE 'parked%';

-- release_runs(now, limit, max_crashes, crashed, session)
-- Hand on runs of a fenced session; one that kills its worker again and again is parked.
UPDATE runs
   SET session = NULL, changed_at = :now, crashes = crashes + :crashed,
       due_at = CASE WHEN crashes + :crashed > :max_crashes THEN NULL ELSE :now END,
       status = CASE WHEN crashes + :crashed > :max_crashes THEN 'waiting' ELSE status END,
       reason = CASE WHEN crashes + :crashed > :max_crashes THEN 'parked: kills its worker' ELSE reason END
 WHERE number IN (SELECT number FROM runs WHERE session = :session LIMIT :limit);

-- any_run_due(session, queue, now)
SELECT 1 FROM runs r
 WHERE r.due_at IS NOT NULL AND r.due_at <= :now AND r.queue = :queue AND r.session IS NULL
   AND EXISTS (SELECT 1 FROM abilities a
                WHERE a.session = :session AND a.workflow = r.workflow AND a.version = r.version)
 LIMIT 1;

-- any_news(session)
SELECT 1 FROM runs WHERE session = :session AND due_at IS NOT NULL LIMIT 1;

-- next_due(queue, after)
SELECT MIN(due_at) FROM runs
 WHERE due_at IS NOT NULL AND queue = :queue AND due_at > :after AND session IS NULL;

-- count_runs(namespace)
SELECT status, COUNT(*) FROM runs WHERE namespace = :namespace GROUP BY status;

-- list_runs(namespace, s1, s2, s3, s4, s5, s6, workflow, prefix, reason, case_id, parent, before, limit)
-- Not by the index of ids: newest first, until there are enough.
SELECT {run_columns} FROM runs WHERE namespace || '' = :namespace AND {run_filters}
 ORDER BY number DESC LIMIT :limit;

-- list_runs_of_case(namespace, s1, s2, s3, s4, s5, s6, workflow, prefix, reason, case_id, parent, before, limit)
SELECT {run_columns} FROM runs WHERE case_id = :case_id AND namespace = :namespace AND {run_filters}
 ORDER BY +number DESC LIMIT :limit;

-- list_runs_by_id(namespace, s1, s2, s3, s4, s5, s6, workflow, prefix, reason, case_id, parent, before, limit, beyond)
-- Where few ids begin so: the index finds them, however many other runs there are.
SELECT {run_columns} FROM runs WHERE namespace = :namespace AND id >= :prefix AND id < :beyond
   AND {run_filters}
 ORDER BY +number DESC LIMIT :limit;

-- count_ids(namespace, prefix, beyond, most)
SELECT count(*) FROM (SELECT 1 FROM runs WHERE namespace = :namespace AND id >= :prefix AND id < :beyond
                       LIMIT :most) AS found;
