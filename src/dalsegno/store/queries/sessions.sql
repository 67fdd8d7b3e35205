-- Statements about workers' lives: leases and fencing.

-- open_session(number, pid, pid_start, pid_namespace, boot_id, host, python, program, lease, lease_until, lease_now, now)
INSERT INTO sessions (number, pid, pid_start, pid_namespace, boot_id, host, python, program, lease,
                      lease_until, commits, loop_turn_at, opened_at)
VALUES (:number, :pid, :pid_start, :pid_namespace, :boot_id, :host, :python, :program, :lease,
        :lease_until, 0, :lease_now, :now)
ON CONFLICT DO NOTHING;

-- add_ability(session, workflow, version)
INSERT INTO abilities (session, workflow, version) VALUES (:session, :workflow, :version)
ON CONFLICT DO NOTHING;

-- renew(number, commits, before, lease_until, loop_turn_at)
-- The fence of every group: it refuses a fenced session, renews the lease, and counts, so that a lost
-- reply to a COMMIT can be told from a lost COMMIT.
UPDATE sessions SET commits = :commits, lease_until = :lease_until, loop_turn_at = :loop_turn_at
 WHERE number = :number AND fenced_at IS NULL AND commits = :before;

-- beat(number, lease_until, loop_turn_at)
-- A heartbeat renews without counting: it is sent beside the commits, not among them.
UPDATE sessions SET lease_until = :lease_until, loop_turn_at = :loop_turn_at
 WHERE number = :number AND fenced_at IS NULL;

-- forget_attempts(session)
DELETE FROM attempts WHERE session = :session;

-- report_attempt(session, run, op, name, attempt, attempts, began_at)
INSERT INTO attempts (session, run, op, name, attempt, attempts, began_at)
VALUES (:session, :run, :op, :name, :attempt, :attempts, :began_at);

-- read_attempts(run)
-- Below zero is the number of an event, for which a handler was called.
SELECT a.run, a.op, a.name, a.attempt, a.attempts, a.began_at
  FROM attempts a LEFT JOIN runs r ON r.number = a.run
 WHERE a.run = :run AND (a.run < 0 OR r.session = a.session) ORDER BY a.began_at, a.op;

-- count_commits(number)
SELECT commits, fenced_at FROM sessions WHERE number = :number;

-- fence(number, now)
UPDATE sessions SET fenced_at = :now WHERE number = :number AND fenced_at IS NULL;

-- fence_expired(number, now, lease_now)
UPDATE sessions SET fenced_at = :now
 WHERE number = :number AND fenced_at IS NULL AND lease_until < :lease_now;

-- forget_abilities(session)
DELETE FROM abilities WHERE session = :session;

-- fenced_sessions()
-- Fenced ones whose runs have not all been handed on.
SELECT number FROM sessions WHERE released = 0 AND fenced_at IS NOT NULL ORDER BY number;

-- mark_released(number)
UPDATE sessions SET released = 1 WHERE number = :number;

-- read_session(number)
SELECT {session_columns} FROM sessions WHERE number = :number;

-- read_sessions()
SELECT number, pid, pid_start, pid_namespace, boot_id, host, python, program, lease, lease_until,
       commits, loop_turn_at, opened_at, fenced_at
  FROM sessions ORDER BY number;

-- read_live_sessions()
SELECT number, pid, pid_start, pid_namespace, boot_id, host, python, program, lease, lease_until,
       commits, loop_turn_at, opened_at, fenced_at
  FROM sessions WHERE released = 0 AND fenced_at IS NULL ORDER BY number;

-- read_abilities()
SELECT a.workflow, a.version, a.session FROM abilities a
  JOIN sessions s ON s.number = a.session WHERE s.fenced_at IS NULL;
