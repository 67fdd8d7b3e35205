-- Statements that count what is in the store. What has ended is never met.

-- count_pending(namespace, now)
-- Runs that are due and that no worker has begun.
SELECT COUNT(*) FROM runs
 WHERE due_at IS NOT NULL AND due_at <= :now AND session IS NULL
   AND status = 'pending' AND namespace = :namespace;

-- count_running(namespace)
SELECT COUNT(*) FROM runs WHERE session IS NOT NULL AND namespace = :namespace;

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
   AND status = 'pending' AND namespace = :namespace
 GROUP BY workflow;

-- running_since(namespace, before)
-- Runs that a worker has, and that have written nothing.
SELECT workflow, COUNT(*), MIN(changed_at), MIN(number) FROM runs
 WHERE session IS NOT NULL AND namespace = :namespace AND changed_at < :before
   AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.run = runs.number AND e.at >= :before
                    AND e.position = (SELECT MAX(l.position) FROM entries l WHERE l.run = runs.number))
 GROUP BY workflow;
