-- Statements about processes, their cases and the keys of these. Selected columns are in the order of
-- core.cases.CaseRow. ``namespace || ''`` keeps the planner from what merely begins with a namespace.

-- read_head()
SELECT last, at, processes FROM log_head WHERE one = 1;

-- count_processes()
SELECT processes FROM log_head WHERE one = 1;

-- raise_processes()
UPDATE log_head SET processes = processes + 1 WHERE one = 1;

-- know_process(namespace, name, tracking, declared, now)
INSERT INTO processes (namespace, name, tracking, declared, changed_at)
VALUES (:namespace, :name, :tracking, :declared, :now)
ON CONFLICT (namespace, name) DO UPDATE
   SET tracking = excluded.tracking, declared = excluded.declared, changed_at = excluded.changed_at
 WHERE processes.tracking <> excluded.tracking OR processes.declared <> excluded.declared;

-- know_emitter(namespace, workflow, version, declared)
INSERT INTO emitters (namespace, workflow, version, declared)
VALUES (:namespace, :workflow, :version, :declared)
ON CONFLICT (namespace, workflow, version) DO UPDATE SET declared = excluded.declared
 WHERE emitters.declared <> excluded.declared;

-- read_all_processes()
SELECT {process_columns} FROM processes ORDER BY number;

-- read_processes(namespace)
SELECT {process_columns} FROM processes WHERE namespace = :namespace ORDER BY number;

-- read_emitters(namespace)
SELECT {emitter_columns} FROM emitters WHERE namespace = :namespace ORDER BY workflow, version;

-- open_case(namespace, id, process, key, tracking, started_at, began_event, began_run, due_at)
INSERT INTO cases (namespace, id, process, key, tracking, state, started_at, began_event, began_run, due_at)
VALUES (:namespace, :id, :process, :key, :tracking, 'open', :started_at, :began_event, :began_run, :due_at)
ON CONFLICT DO NOTHING;

-- close_case(namespace, id, process, state, end, event, at)
UPDATE cases SET state = :state, end = :end, end_event = :event, ended_at = :at
 WHERE namespace = :namespace AND id = :id AND state = 'open' AND process = :process;

-- hear_case(namespace, id, heard)
UPDATE cases SET heard = :heard WHERE namespace = :namespace AND id = :id AND state = 'open';

-- drop_case(namespace, id)
DELETE FROM cases WHERE namespace = :namespace AND id = :id;

-- read_case(namespace, id)
SELECT {case_columns} FROM cases WHERE namespace = :namespace AND id = :id;

-- case_of_key(namespace, process, key, id)
-- Most are named after their process and key; the others are found by the key.
SELECT id FROM cases
 WHERE namespace = :namespace AND id = :id AND process = :process AND key = :key
UNION ALL
SELECT * FROM (SELECT id FROM cases
                WHERE key = :key AND namespace || '' = :namespace AND process = :process
                  AND id <> process || '-' || key
                ORDER BY number DESC LIMIT 1)
LIMIT 1;

-- first_of_case(namespace, case_id)
SELECT number FROM events WHERE case_id = :case_id AND namespace = :namespace LIMIT 1;

-- closing_events(namespace, case_id, types, upto) [sqlite]
-- Those events of a case that may have closed it; each type stands between line breaks. Not a JSON array, which
-- would cost more than all the rest.
SELECT number, type, at FROM events
 WHERE case_id = :case_id AND number <= :upto AND namespace = :namespace
   AND INSTR(:types, CHAR(10) || type || CHAR(10)) > 0
 ORDER BY number;

-- case_of_alias(namespace, process, name, value)
SELECT case_id FROM case_aliases
 WHERE namespace = :namespace AND process = :process AND name = :name AND value = :value;

-- add_alias(namespace, process, name, value, case_id, event)
INSERT INTO case_aliases (namespace, process, name, value, case_id, event)
VALUES (:namespace, :process, :name, :value, :case_id, :event);

-- move_aliases(namespace, case_id, into_case_id)
UPDATE case_aliases SET case_id = :into_case_id
 WHERE case_id = :case_id AND namespace || '' = :namespace;

-- merged_into(namespace, case_id)
SELECT into_case_id FROM merged_cases WHERE namespace = :namespace AND case_id = :case_id;

-- any_merged()
SELECT 1 FROM merged_cases LIMIT 1;

-- members_of(namespace, case_id)
SELECT case_id FROM merged_cases
 WHERE into_case_id = :case_id AND namespace || '' = :namespace ORDER BY case_id;

-- merge_case(namespace, case_id, into_case_id, event, now)
INSERT INTO merged_cases (namespace, case_id, into_case_id, event, merged_at)
VALUES (:namespace, :case_id, :into_case_id, :event, :now);

-- move_members(namespace, case_id, into_case_id)
UPDATE merged_cases SET into_case_id = :into_case_id
 WHERE into_case_id = :case_id AND namespace || '' = :namespace;

-- read_aliases(namespace, case_id)
SELECT process, name, value FROM case_aliases WHERE case_id = :case_id AND namespace || '' = :namespace
 ORDER BY process, name, value;

-- cases_by_value(namespace, value, limit)
-- By their name, by their key, by another key, or by the name that they had before they were merged.
SELECT {case_columns} FROM cases WHERE namespace = :namespace AND id = :value
UNION
SELECT {case_columns} FROM cases
 WHERE namespace = :namespace
   AND id IN (SELECT name || '-' || :value FROM processes WHERE namespace = :namespace)
   AND key = :value AND id = process || '-' || key
UNION
SELECT {case_columns} FROM cases
 WHERE key = :value AND namespace || '' = :namespace AND id <> process || '-' || key
UNION
SELECT {case_columns} FROM cases
 WHERE namespace = :namespace
   AND id IN (SELECT case_id FROM case_aliases WHERE value = :value AND namespace = :namespace)
UNION
SELECT {case_columns} FROM cases
 WHERE namespace = :namespace
   AND id IN (SELECT into_case_id FROM merged_cases WHERE namespace = :namespace AND case_id = :value)
 ORDER BY number DESC LIMIT :limit;

-- list_cases(namespace, state, process, since, until, at, before, limit)
-- Those of one process in one state that began at ``at`` or before; the newest first.
SELECT {case_columns} FROM cases
 WHERE namespace = :namespace AND state = :state AND process = :process
   AND started_at >= :since AND started_at < :until AND (started_at, number) < (:at, :before)
 ORDER BY started_at DESC, number DESC LIMIT :limit;

-- list_late_cases(namespace, process, since, until, now, at, after, limit)
-- Those that are open and past their time, the longest past first.
SELECT {case_columns} FROM cases
 WHERE namespace = :namespace AND state = 'open' AND due_at IS NOT NULL AND due_at <= :now
   AND (due_at, number) > (:at, :after)
   AND started_at >= :since AND started_at < :until
   AND (:process IS NULL OR process = :process)
 ORDER BY due_at, number LIMIT :limit;

-- place_of_case(number)
SELECT started_at, due_at FROM cases WHERE number = :number;

-- size_of_trail(ids, most) [sqlite]
-- How many events and runs a case has, up to so many of each.
SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM events
                               WHERE case_id IN (SELECT value FROM JSON_EACH(:ids)) LIMIT :most))
     + (SELECT COUNT(*) FROM (SELECT 1 FROM runs
                               WHERE case_id IN (SELECT value FROM JSON_EACH(:ids)) LIMIT :most));

-- trail_events(namespace, ids, after, limit) [sqlite]
-- The events of a case under all its names, in order.
SELECT {event_columns} FROM events
 WHERE case_id IN (SELECT value FROM JSON_EACH(:ids)) AND number > :after AND namespace = :namespace
 ORDER BY number LIMIT :limit;

-- trail_reactions(events) [sqlite]
-- What came of many events, given as a JSON array of their numbers.
SELECT r.event, r.handler, r.outcome, r.run, r.took, r.note, r.at, r.generation
  FROM JSON_EACH(:events) AS e CROSS JOIN reactions r ON r.event = e.value
 ORDER BY r.event, r.handler, r.generation;

-- trail_runs(namespace, ids, runs) [sqlite]
-- The runs of a case: those that are told to belong to it, and others that are named by their numbers.
SELECT {run_columns} FROM runs
 WHERE case_id IN (SELECT value FROM JSON_EACH(:ids)) AND namespace || '' = :namespace
UNION
SELECT {run_columns} FROM runs WHERE number IN (SELECT value FROM JSON_EACH(:runs))
 ORDER BY number;

-- trail_dead_letters(runs) [sqlite]
SELECT {dead_letter_columns} FROM dead_letters
 WHERE run IN (SELECT value FROM JSON_EACH(:runs)) ORDER BY number;

-- cases_over(before)
-- Of the oldest events, the cases that were over before all that is to stay.
SELECT DISTINCT c.namespace, c.id
  FROM events e
  LEFT JOIN merged_cases m ON m.namespace = e.namespace AND m.case_id = e.case_id
  JOIN cases c ON c.namespace = e.namespace AND c.id = COALESCE(m.into_case_id, e.case_id)
 WHERE e.number < :before AND e.case_id IS NOT NULL AND c.end_event < :before;

-- forget_aliases(namespace, case_id)
DELETE FROM case_aliases WHERE case_id = :case_id AND namespace || '' = :namespace;

-- forget_merged(namespace, case_id)
DELETE FROM merged_cases WHERE into_case_id = :case_id AND namespace || '' = :namespace;

-- begun_cases(namespace)
SELECT {case_columns} FROM cases WHERE namespace = :namespace ORDER BY number;

-- case_runs(namespace)
-- The runs that may have begun a case.
SELECT number, case_id, created_at FROM runs
 WHERE case_id IS NOT NULL AND cause IS NULL AND parent IS NULL AND namespace = :namespace
 ORDER BY created_at, number;

-- count_cases(namespace)
SELECT COUNT(*) FROM cases WHERE namespace = :namespace;
