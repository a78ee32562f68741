SELECT 'api_key_uses is missing' AS complaint WHERE to_regclass('api_key_uses') IS NULL
UNION ALL
SELECT 'api_keys.' || name || ' is missing'
FROM (VALUES ('is_test'), ('networks'), ('owner_id'), ('replaced_by')) AS expected (name)
WHERE NOT EXISTS (
    SELECT FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = 'api_keys' AND column_name = name
)
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
