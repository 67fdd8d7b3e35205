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
