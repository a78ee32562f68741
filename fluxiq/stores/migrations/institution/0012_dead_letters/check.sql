SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('dead_letters'), ('dead_letters_waiting'), ('dead_letters_discarded'), ('hold_watch'),
    ('hold_watch_to_look'), ('hold_watch_place')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT 'hold_watch_place has ' || count(*) || ' rows' FROM hold_watch_place HAVING count(*) <> 1
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
