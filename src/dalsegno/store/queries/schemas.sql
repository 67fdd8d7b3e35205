-- Statements about the schemas of events.

-- keep_schema(namespace, type, version, format, schema, fingerprint, mode, sealed, now)
INSERT INTO schemas (namespace, type, version, format, schema, fingerprint, mode, sealed, registered_at)
VALUES (:namespace, :type, :version, :format, :schema, :fingerprint, :mode, :sealed, :now)
ON CONFLICT DO NOTHING;

-- read_schemas(namespace)
SELECT {schema_columns} FROM schemas WHERE namespace = :namespace ORDER BY type, version;

-- read_schemas_of(namespace, type)
SELECT {schema_columns} FROM schemas WHERE namespace = :namespace AND type = :type ORDER BY version;

-- count_versions(namespace, type, after)
SELECT version, COUNT(*) FROM events
 WHERE number > :after AND namespace = :namespace AND type = :type GROUP BY version ORDER BY version;
