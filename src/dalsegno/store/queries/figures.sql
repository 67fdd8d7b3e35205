-- Statements that count what is in the store. What has ended is never met: ``namespace || ''`` keeps the
-- planner from the index of all runs of a namespace.

-- count_pending(namespace, now)
-- Runs that are due and that no worker has begun.
SELECT COUNT(*) FROM runs
 WHERE due_at IS NOT NULL AND due_at <= :now AND session IS NULL
   AND status = 'pending' AND namespace || '' = :namespace;

-- count_running(namespace)
SELECT COUNT(*) FROM runs WHERE session IS NOT NULL AND namespace || '' = :namespace;

-- count_waiting(namespace, now)
-- By workflow, by why they are parked, and by whether they sleep until a time to come.
SELECT workflow, CASE WHEN reason LIKE 'parked%' THEN reason ELSE '' END AS parked,
       CASE WHEN due_at > :now THEN 1 ELSE 0 END AS asleep, COUNT(*), MIN(changed_at)
  FROM runs WHERE status = 'waiting' AND namespace = :namespace
 GROUP BY workflow, parked, asleep
 ORDER BY workflow, parked, asleep;

-- waiting_since(namespace, before)
-- Runs that no timer will wake, or should have woken, by workflow; those that are parked are another matter.
SELECT workflow, COUNT(*), MIN(changed_at), MIN(number) FROM runs
 WHERE status = 'waiting' AND namespace = :namespace AND changed_at < :before
   AND (due_at IS NULL OR due_at < :before) AND (reason IS NULL OR reason NOT LIKE 'parked%')
 GROUP BY workflow;

-- pending_since(namespace, before)
SELECT workflow, COUNT(*), MIN(due_at), MIN(number) FROM runs
 WHERE due_at IS NOT NULL AND due_at < :before AND session IS NULL
   AND status = 'pending' AND namespace || '' = :namespace
 GROUP BY workflow;

-- running_since(namespace, before)
-- Runs that a worker has, and that have written nothing.
SELECT workflow, COUNT(*), MIN(changed_at), MIN(number) FROM runs
 WHERE session IS NOT NULL AND namespace || '' = :namespace AND changed_at < :before
   AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.run = runs.number AND e.at >= :before
                    AND e.position = (SELECT MAX(l.position) FROM entries l WHERE l.run = runs.number))
 GROUP BY workflow;

-- late_cases(namespace, now)
SELECT process, COUNT(*), MIN(due_at), MIN(id) FROM cases
 WHERE namespace = :namespace AND state = 'open' AND due_at IS NOT NULL AND due_at < :now
 GROUP BY process ORDER BY process;

-- still_cases(namespace, before, position)
-- Open cases without an event behind a position of the log, and without a run that has moved since or will by itself.
SELECT c.process, COUNT(*), MIN(c.started_at), MIN(c.id) FROM cases c
 WHERE c.namespace = :namespace AND c.state = 'open' AND c.started_at < :before
   AND NOT EXISTS (SELECT 1 FROM events e
                    WHERE e.case_id = c.id AND e.number > :position AND e.namespace = c.namespace)
   AND NOT EXISTS (SELECT 1 FROM runs r
                    WHERE r.case_id = c.id AND r.namespace = c.namespace
                      AND r.status IN ('pending', 'running', 'waiting')
                      AND (r.changed_at >= :before OR r.due_at >= :before
                           OR (SELECT n.at FROM entries n WHERE n.run = r.number
                                ORDER BY n.position DESC LIMIT 1) >= :before))
 GROUP BY c.process ORDER BY c.process;
