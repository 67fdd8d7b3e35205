-- Statements about alerts. Selected columns are in the order of core.alerts.AlertRow.

-- take_watch(namespace, rule, session, until, now)
-- Ours already, nobody's, or of somebody who has not renewed it.
INSERT INTO watches (namespace, rule, session, until) VALUES (:namespace, :rule, :session, :until)
ON CONFLICT (namespace, rule) DO UPDATE SET session = excluded.session, until = excluded.until
 WHERE watches.session = excluded.session OR watches.until < :now;

-- read_watch(namespace, rule)
SELECT session FROM watches WHERE namespace = :namespace AND rule = :rule;

-- open_alert(namespace, rule, subject)
SELECT {alert_columns} FROM alerts
 WHERE namespace = :namespace AND rule = :rule AND subject = :subject AND ended_at IS NULL;

-- begin_alert(namespace, rule, subject, text, value, now)
INSERT INTO alerts (namespace, rule, subject, text, value, began_at, seen_at, told)
VALUES (:namespace, :rule, :subject, :text, :value, :now, :now, 0);

-- see_alert(number, text, value, now)
UPDATE alerts SET text = :text, value = :value, seen_at = :now WHERE number = :number;

-- end_alert(number, now)
UPDATE alerts SET ended_at = :now WHERE number = :number;

-- tell_alert(number, told)
UPDATE alerts SET told = :told WHERE number = :number AND told < :told;

-- open_alerts(namespace)
SELECT {alert_columns} FROM alerts
 WHERE namespace = :namespace AND ended_at IS NULL ORDER BY number;

-- untold_alerts(namespace, rule)
SELECT {alert_columns} FROM alerts
 WHERE namespace = :namespace AND rule = :rule AND told < 2 ORDER BY number;

-- list_alerts(namespace, limit)
SELECT {alert_columns} FROM alerts WHERE namespace = :namespace ORDER BY number DESC LIMIT :limit;

-- keep_tally(namespace, minute, name, subject, session, count)
INSERT INTO tallies (namespace, minute, name, subject, session, count)
VALUES (:namespace, :minute, :name, :subject, :session, :count)
ON CONFLICT (namespace, minute, name, subject, session) DO UPDATE SET count = excluded.count;

-- forget_tallies(namespace, before)
DELETE FROM tallies WHERE namespace = :namespace AND minute < :before;

-- read_tallies(namespace, minute)
SELECT name, subject, SUM(count) FROM tallies
 WHERE namespace = :namespace AND minute >= :minute GROUP BY name, subject ORDER BY name, subject;
