SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('payout_limits'), ('payouts_scheduled'), ('med_reports'), ('med_reports_open'),
    ('med_reports_newest'), ('med_reports_of_merchant'), ('med_reports_unfinished')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
