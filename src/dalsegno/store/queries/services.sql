-- Statements about services, their partitions, and what came of events.

-- register_service(namespace, name, partitions, declared, now)
-- A service that is there keeps its partitions; the second column tells whether it is new.
INSERT INTO services (namespace, name, generation, partitions, declared, changed_at)
VALUES (:namespace, :name, 1, :partitions, :declared, :now)
ON CONFLICT (namespace, name) DO UPDATE SET declared = excluded.declared
RETURNING number, NOT EXISTS (SELECT 1 FROM partitions p WHERE p.service = number);

-- insert_partition(service, partition, position)
INSERT INTO partitions (service, partition, position) VALUES (:service, :partition, :position);

-- register_handler(service, name, declared)
INSERT INTO handlers (service, name, declared) VALUES (:service, :name, :declared)
ON CONFLICT (service, name) DO UPDATE SET declared = excluded.declared;

-- read_service(namespace, name)
SELECT {service_columns} FROM services WHERE namespace = :namespace AND name = :name;

-- read_services(namespace)
SELECT {service_columns} FROM services WHERE namespace = :namespace ORDER BY number;

-- read_handlers(service)
SELECT number, service, name, declared, open_until FROM handlers WHERE service = :service ORDER BY number;

-- read_generation(service)
SELECT generation FROM services WHERE number = :service;

-- take_partitions(service, session, limit)
-- Nothing for a session that has ended: nobody would hand it on.
UPDATE partitions SET session = :session
 WHERE service = :service
   AND EXISTS (SELECT 1 FROM sessions WHERE number = :session AND fenced_at IS NULL)
   AND partition IN (SELECT partition FROM partitions
                      WHERE service = :service AND session IS NULL
                      ORDER BY partition LIMIT :limit)
RETURNING service, partition, position, session, crashes, suspect;

-- owned_partitions(service, session)
SELECT service, partition, position, session, crashes, suspect FROM partitions
 WHERE service = :service AND session = :session ORDER BY partition;

-- read_partitions(service)
SELECT service, partition, position, session, crashes, suspect FROM partitions
 WHERE service = :service ORDER BY partition;

-- give_partition(service, partition, session)
UPDATE partitions SET session = NULL
 WHERE service = :service AND partition = :partition AND session = :session;

-- release_partitions(session, crashed)
-- Where nothing more was to come, nothing can have killed anybody; a suspect was counted as it began.
UPDATE partitions
   SET session = NULL,
       crashes = CASE WHEN suspect IS NULL AND position < (SELECT last FROM log_head WHERE one = 1)
                      THEN crashes + :crashed ELSE crashes END
 WHERE session = :session;

-- move_partition(service, partition, position, session)
-- What has come further kills nobody: it is not suspected any more.
UPDATE partitions SET position = :position, crashes = 0, suspect = NULL
 WHERE service = :service AND partition = :partition AND session = :session AND position < :position;

-- suspect_event(service, partition, event, session, crashes)
-- From ``crashes`` up it counts how often this very event has begun alone, and not ended.
UPDATE partitions SET crashes = CASE WHEN suspect = :event THEN crashes + 1 ELSE :crashes END, suspect = :event
 WHERE service = :service AND partition = :partition AND session = :session;

-- insert_reaction(event, handler, generation, outcome, run, took, note, at)
INSERT INTO reactions (event, handler, generation, outcome, run, took, note, at)
VALUES (:event, :handler, :generation, :outcome, :run, :took, :note, :at);

-- react_as(run, other)
-- The reaction was to be a run of its own, and joins another one.
UPDATE reactions SET run = :run WHERE run = :other;

-- reaction_time(event, handler, generation)
SELECT at FROM reactions WHERE event = :event AND handler = :handler AND generation = :generation;

-- reactions_beyond(service, generation, position)
SELECT r.event, r.handler FROM reactions r
 WHERE r.event > :position AND r.generation = :generation
   AND r.handler IN (SELECT number FROM handlers WHERE service = :service)
 ORDER BY r.event, r.handler;

-- reactions_of(event)
SELECT event, handler, outcome, run, took, note, at, generation FROM reactions
 WHERE event = :event ORDER BY handler, generation;

-- enter_lane(service, key, rank, handler, run)
INSERT INTO lanes (service, key, rank, handler, run) VALUES (:service, :key, :rank, :handler, :run);

-- lane_head(service, key)
SELECT run, rank FROM lanes WHERE service = :service AND key = :key ORDER BY rank, handler, run LIMIT 1;

-- lanes_of(service)
-- Per key the first one, and how many there are.
SELECT l.key,
       (SELECT f.run FROM lanes f WHERE f.service = l.service AND f.key = l.key
         ORDER BY f.rank, f.handler, f.run LIMIT 1),
       COUNT(*)
  FROM lanes l WHERE l.service = :service GROUP BY l.service, l.key ORDER BY l.key;

-- lane_of(service, key, limit)
SELECT run FROM lanes WHERE service = :service AND key = :key ORDER BY rank, handler, run LIMIT :limit;

-- leave_lane(run)
DELETE FROM lanes WHERE run = :run RETURNING service, key;

-- let_go_on(run, now)
-- It has not begun; one that waits for those missing before it need not wait for its time any more.
UPDATE runs SET due_at = :now
 WHERE number = :run AND status = 'pending' AND session IS NULL AND turn = 0
   AND (due_at IS NULL OR due_at > :now);

-- open_rounds(handler, generation, key)
SELECT run, parts FROM joins
 WHERE handler = :handler AND generation = :generation AND key = :key
 ORDER BY (SELECT cause FROM runs WHERE number = run);

-- rounds_of_service(service)
SELECT run FROM joins WHERE handler IN (SELECT number FROM handlers WHERE service = :service) ORDER BY run;

-- begin_round(handler, generation, key, run, parts)
INSERT INTO joins (handler, generation, key, run, parts) VALUES (:handler, :generation, :key, :run, :parts);

-- join_round(run, parts)
UPDATE joins SET parts = :parts WHERE run = :run;

-- end_round(run)
DELETE FROM joins WHERE run = :run;

-- keep(service, key, codec, data, rank, event, now)
INSERT INTO kept (service, key, codec, data, rank, event, at)
VALUES (:service, :key, :codec, :data, :rank, :event, :now)
ON CONFLICT (service, key) DO UPDATE
   SET codec = excluded.codec, data = excluded.data, rank = excluded.rank, event = excluded.event,
       at = excluded.at;

-- forget_kept(service, key)
DELETE FROM kept WHERE service = :service AND key = :key;

-- forget_states(service)
DELETE FROM kept WHERE service = :service;

-- read_kept(service, key)
SELECT codec, data, rank, event, at FROM kept WHERE service = :service AND key = :key;

-- pause_service(service, paused_at, by, now)
UPDATE services SET paused_at = :paused_at, paused_by = :by, changed_at = :now WHERE number = :service;

-- begin_generation(service, now)
UPDATE services SET generation = generation + 1, changed_at = :now WHERE number = :service;

-- rewind_partitions(service, position)
UPDATE partitions SET position = :position, session = NULL, crashes = 0, suspect = NULL
 WHERE service = :service;

-- open_circuit(handler, until, service)
UPDATE handlers SET open_until = :until WHERE number = :handler AND service = :service;

-- skip_forgotten(service)
-- Go on behind what retention has removed; whoever owns a partition takes it again.
UPDATE partitions SET position = (SELECT first - 1 FROM log_head WHERE one = 1), session = NULL
 WHERE service = :service AND position < (SELECT first - 1 FROM log_head WHERE one = 1);
