SELECT name || ' is missing' AS complaint
FROM (VALUES ('refunds'), ('payout_returns')) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
UNION ALL
SELECT 'payout ' || id || ' was not returned in the sum of its returns'
FROM payouts
WHERE returned_amount <> coalesce((
    SELECT sum(amount) FROM payout_returns WHERE payout_id = payouts.id
), 0)
