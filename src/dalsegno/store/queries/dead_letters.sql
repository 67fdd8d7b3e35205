-- Statements about dead letters. Selected columns are in the order of core.reactions.DeadLetterRow.

-- bury(run, service, handler, event, key, cause, error, attempts, now)
-- One that was redriven and fails again keeps its number.
INSERT INTO dead_letters (namespace, run, service, handler, event, key, cause, error, attempts,
                          times, state, at, changed_at)
VALUES ((SELECT namespace FROM runs WHERE number = :run), :run, :service, :handler, :event, :key,
        :cause, :error, :attempts, 1, 'open', :now, :now)
ON CONFLICT (run) DO UPDATE
   SET cause = excluded.cause, error = excluded.error, attempts = excluded.attempts,
       times = dead_letters.times + 1, state = 'open', changed_at = excluded.changed_at;

-- redrive(run, by, why, now)
UPDATE dead_letters SET state = 'redriving', changed_by = :by, why = :why, changed_at = :now
 WHERE run = :run AND state = 'open';

-- close_dead_letter(run, state, now)
UPDATE dead_letters SET state = :state, changed_at = :now WHERE run = :run;

-- read_dead_letter(number)
SELECT {dead_letter_columns} FROM dead_letters WHERE number = :number;

-- dead_letter_of(run)
SELECT {dead_letter_columns} FROM dead_letters WHERE run = :run;

-- list_dead_letters(namespace, state, service, handler, cause, begins, before, limit)
-- The newest first.
SELECT {dead_letter_columns} FROM dead_letters
 WHERE namespace = :namespace AND number < :before
   AND (:state IS NULL OR state = :state)
   AND (:service IS NULL OR service = :service)
   AND (:handler IS NULL OR handler = :handler)
   AND (:cause IS NULL OR cause = :cause)
   AND (:begins IS NULL OR substr(cause || ' ', 1, length(:begins) + 1) = :begins || ' ')
 ORDER BY number DESC LIMIT :limit;

-- group_dead_letters(namespace)
SELECT g.cause, g.service, g.handler, g.letters, g.oldest, g.newest, g.example, d.error
  FROM (SELECT cause, service, handler, COUNT(*) AS letters, MIN(at) AS oldest, MAX(at) AS newest,
               MIN(number) AS example
          FROM dead_letters
         WHERE namespace = :namespace AND state = 'open'
         GROUP BY cause, service, handler) AS g
  JOIN dead_letters d ON d.number = g.example
 ORDER BY g.letters DESC, g.cause, g.service, g.handler;
