-- Statements about what is folded from the log: aggregates, snapshots, read models.

-- last_of_key(namespace, key, types, version) [sqlite]
-- The last event of a key after a number, of types that are given as a JSON array.
SELECT MAX(number) FROM events
 WHERE key = :key AND number > :version AND namespace = :namespace
   AND type IN (SELECT value FROM JSON_EACH(:types));

-- know_source(namespace, type, name)
INSERT INTO sources (namespace, type, name) VALUES (:namespace, :type, :name) ON CONFLICT DO NOTHING;

-- first_unsaved(before)
-- The first event that an aggregate still needs: no snapshot of it has that event.
SELECT MIN(e.number) FROM events e
  JOIN sources a ON a.namespace = e.namespace AND a.type = e.type
 WHERE e.number < :before AND e.key IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM snapshots s
                    WHERE s.namespace = e.namespace AND s.name = a.name AND s.key = e.key
                      AND s.version >= e.number);

-- save_snapshot(namespace, name, key, version, count, shape, codec, data, now)
INSERT INTO snapshots (namespace, name, key, version, count, shape, codec, data, at)
VALUES (:namespace, :name, :key, :version, :count, :shape, :codec, :data, :now)
ON CONFLICT (namespace, name, key) DO UPDATE
   SET version = excluded.version, count = excluded.count, shape = excluded.shape,
       codec = excluded.codec, data = excluded.data, at = excluded.at
 WHERE excluded.version > snapshots.version
    OR (excluded.version = snapshots.version AND excluded.shape <> snapshots.shape);

-- read_snapshot(namespace, name, key)
SELECT version, count, shape, codec, data, at FROM snapshots
 WHERE namespace = :namespace AND name = :name AND key = :key;

-- read_projection(namespace, name)
SELECT {projection_columns} FROM projections
 WHERE namespace = :namespace AND name = :name ORDER BY generation;

-- read_projections(namespace)
SELECT {projection_columns} FROM projections WHERE namespace = :namespace ORDER BY name, generation;

-- begin_projection(namespace, name, generation, version, service, state, now)
INSERT INTO projections (namespace, name, generation, version, service, state, at)
VALUES (:namespace, :name, :generation, :version, :service, :state, :now);

-- move_projection(namespace, name, generation, state, now)
UPDATE projections SET state = :state, at = :now
 WHERE namespace = :namespace AND name = :name AND generation = :generation;

-- position_of(service)
SELECT MIN(position) FROM partitions WHERE service = :service;

-- drop_partitions(service)
DELETE FROM partitions WHERE service = :service;

-- drop_kept(service, limit)
DELETE FROM kept WHERE service = :service
   AND key IN (SELECT key FROM kept WHERE service = :service ORDER BY key LIMIT :limit);

-- kept_page(service, prefix, after, beyond, limit)
SELECT key, codec, data, rank, event, at FROM kept
 WHERE service = :service AND key >= :prefix AND key > :after AND key < :beyond ORDER BY key LIMIT :limit;
