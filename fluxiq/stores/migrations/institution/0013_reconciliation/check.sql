SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('reconciliation_runs'), ('reconciliation_runs_under_way'), ('reconciliation_runs_newest'),
    ('statement_lines'), ('statement_lines_settled'), ('reconciliation_differences'),
    ('reconciliation_differences_unresolved'), ('receipts_by_time'), ('payouts_by_time'),
    ('refunds_by_time'), ('payout_returns_by_time')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
