SELECT name || ' is missing' AS complaint
FROM (VALUES ('sealing_keys'), ('sealing_state'), ('sealing_progress')) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT 'sealing_state has ' || count(*) || ' rows' FROM sealing_state HAVING count(*) <> 1
UNION ALL
SELECT table_name || '.' || column_name || ' is ' || data_type || ', not bytea'
FROM information_schema.columns JOIN (VALUES
    ('merchants', 'name'), ('merchants', 'document'), ('accounts', 'name'), ('pix_keys', 'key'),
    ('pix_keys', 'key_index'), ('charges', 'payer'), ('charges', 'pix_key'),
    ('charges', 'qr_code'), ('receipts', 'payer'), ('payouts', 'recipient'), ('inbox', 'notice'),
    ('med_reports', 'details'), ('webhook_endpoints', 'secret'),
    ('webhook_endpoints', 'previous_secret')
) AS sealed (table_name, column_name) USING (table_name, column_name)
WHERE table_schema = current_schema() AND data_type <> 'bytea'
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
