SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('jobs'), ('jobs_available'), ('jobs_waiting'), ('jobs_executing'), ('jobs_ended'),
    ('job_keys'), ('job_schedules'), ('job_pauses'), ('idempotency_keys_age')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
