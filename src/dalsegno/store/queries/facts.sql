-- Statements about the store as a whole, for people.

-- newest_migration()
SELECT COALESCE(MAX(number), 0) FROM migrations;

-- count_due(now)
-- Due runs that nobody has claimed, by what a worker needs to have to claim them.
SELECT queue, workflow, version, COUNT(*), MIN(due_at) FROM runs
 WHERE due_at IS NOT NULL AND due_at <= :now AND session IS NULL
 GROUP BY queue, workflow, version
 ORDER BY MIN(due_at);
