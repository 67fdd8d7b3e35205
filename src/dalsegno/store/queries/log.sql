-- Statements about the log and the runs that wait for events. Selected columns are in the order of
-- core.event.Event.

-- read_ends()
SELECT last, first, at FROM log_head WHERE one = 1;

-- read_extent()
SELECT last, first, at, bytes FROM log_head WHERE one = 1;

-- move_head(last, at, more)
UPDATE log_head SET last = :last, at = :at, bytes = bytes + :more WHERE one = 1;

-- known_event(namespace, source, id)
SELECT number FROM events WHERE namespace = :namespace AND source = :source AND id = :id;

-- insert_event(number, namespace, type, version, source, id, key, case_id, cause, run, hops, traceparent, time, codec, data, extra, at)
INSERT INTO events ({event_columns})
VALUES (:number, :namespace, :type, :version, :source, :id, :key, :case_id, :cause, :run, :hops,
        :traceparent, :time, :codec, :data, :extra, :at);

-- cancel_case(namespace, case_id, event, sender)
INSERT INTO cancelled_cases (namespace, case_id, event, sender)
VALUES (:namespace, :case_id, :event, :sender)
ON CONFLICT DO NOTHING;

-- cancelled_by(namespace, case_id)
SELECT event, sender FROM cancelled_cases WHERE namespace = :namespace AND case_id = :case_id;

-- runs_to_call_off(namespace, case_id, before)
-- Of a cancelled case, those that have not ended, unless they undo, or follow the event that cancels it.
-- What is attached to another run of the case hears of it from that one. A run that is named like the case,
-- and was started for no other, is one of it.
SELECT r.number FROM runs r
 WHERE r.case_id = :case_id AND r.namespace = :namespace AND r.ended_at IS NULL AND r.undoes = 0
   AND (r.cause IS NULL OR r.cause < :before)
   AND NOT (r.attached = 1 AND EXISTS (SELECT 1 FROM runs p
                                        WHERE p.number = r.parent AND p.case_id = r.case_id
                                          AND p.ended_at IS NULL))
UNION
SELECT r.number FROM runs r
 WHERE r.namespace = :namespace AND r.id = :case_id AND r.case_id IS NULL AND r.ended_at IS NULL AND r.undoes = 0
   AND (r.cause IS NULL OR r.cause < :before)
 ORDER BY 1;

-- read_keeper(number)
SELECT parent FROM runs WHERE number = :number AND attached = 1 AND parent IS NOT NULL;

-- any_cancelled()
SELECT 1 FROM cancelled_cases LIMIT 1;

-- cancelled_cases(namespace, cases, after) [sqlite]
-- Those of a JSON array that are cancelled, and all that were by an event after this one.
SELECT case_id, event FROM cancelled_cases
 WHERE namespace = :namespace AND case_id IN (SELECT value FROM JSON_EACH(:cases))
UNION
SELECT case_id, event FROM cancelled_cases WHERE event > :after AND namespace = :namespace
 ORDER BY event;

-- any_subscription()
SELECT 1 FROM subscriptions LIMIT 1;

-- find_subscribers(namespace, type, case_id, key)
-- Two looks at one index: by the event's case, and by its key.
SELECT run FROM subscriptions
 WHERE value = :case_id AND type = :type AND by_key = 0 AND namespace = :namespace
UNION
SELECT run FROM subscriptions
 WHERE value = :key AND type = :type AND by_key = 1 AND namespace = :namespace
 ORDER BY run;

-- subscribe(run, namespace, type, by_key, value)
INSERT INTO subscriptions (run, namespace, type, by_key, value)
VALUES (:run, :namespace, :type, :by_key, :value)
ON CONFLICT DO NOTHING;

-- unsubscribe(run)
DELETE FROM subscriptions WHERE run = :run;

-- events_of_case(namespace, value, type, after, limit)
SELECT {event_columns} FROM events
 WHERE case_id = :value AND number > :after AND namespace = :namespace AND type = :type
 ORDER BY number LIMIT :limit;

-- events_of_key(namespace, value, type, after, limit)
SELECT {event_columns} FROM events
 WHERE key = :value AND number > :after AND namespace = :namespace AND type = :type
 ORDER BY number LIMIT :limit;

-- read_log(after, limit)
SELECT {event_columns} FROM events WHERE number > :after ORDER BY number LIMIT :limit;

-- list_events(namespace, type, key, case_id, after, before, limit)
SELECT {event_columns} FROM events WHERE {event_filters} ORDER BY number LIMIT :limit;

-- list_newest_events(namespace, type, key, case_id, after, before, limit)
SELECT {event_columns} FROM events WHERE {event_filters} ORDER BY number DESC LIMIT :limit;

-- list_events_of_case(namespace, type, key, case_id, after, before, limit)
SELECT {event_columns} FROM events WHERE case_id = :case_id AND {event_filters} ORDER BY number LIMIT :limit;

-- list_newest_events_of_case(namespace, type, key, case_id, after, before, limit)
SELECT {event_columns} FROM events WHERE case_id = :case_id AND {event_filters}
 ORDER BY number DESC LIMIT :limit;

-- list_events_of_key(namespace, type, key, case_id, after, before, limit)
SELECT {event_columns} FROM events WHERE key = :key AND {event_filters} ORDER BY number LIMIT :limit;

-- list_newest_events_of_key(namespace, type, key, case_id, after, before, limit)
SELECT {event_columns} FROM events WHERE key = :key AND {event_filters} ORDER BY number DESC LIMIT :limit;

-- read_hops(number)
SELECT hops FROM events WHERE number = :number;

-- read_event(number)
SELECT {event_columns} FROM events WHERE number = :number;

-- sizes_of_oldest(before)
SELECT number, coalesce(length(data), 0) FROM events WHERE number < :before ORDER BY number;

-- forget_events(before)
DELETE FROM events WHERE number < :before;

-- forget_reactions(before)
DELETE FROM reactions WHERE event < :before;

-- move_first(first, less)
UPDATE log_head SET first = :first, bytes = bytes - :less WHERE one = 1;

-- event_time(number)
SELECT at FROM events WHERE number = :number;
