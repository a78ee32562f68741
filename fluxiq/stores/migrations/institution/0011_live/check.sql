SELECT 'event_sequence is missing' AS complaint
WHERE to_regclass('event_sequence') IS NULL
UNION ALL
SELECT 'the events of ' || merchant_id || ' are not numbered without a gap'
FROM event_sequence
GROUP BY merchant_id HAVING max(sequence) - min(sequence) + 1 <> count(*)
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
