SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('contests'), ('contests_in_the_way'), ('contests_owing'), ('contests_of_payout'),
    ('contests_of_merchant'), ('contests_of_payment')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
