SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('users'), ('users_of_merchant'), ('sessions'), ('sessions_of_user'), ('refresh_tokens'),
    ('refresh_tokens_current'), ('refresh_tokens_of_session')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
