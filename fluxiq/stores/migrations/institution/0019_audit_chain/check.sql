SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('audit_trail_places'), ('audit_trail_merchants'), ('audit_trail_subjects'),
    ('audit_trail_times'), ('audit_seals'), ('audit_seals_places'), ('audit_leaves'),
    ('audit_checkpoints'), ('audit_purges'), ('audit_desks')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT 'audit_purge is missing' WHERE to_regproc('audit_purge') IS NULL
UNION ALL
SELECT count(*) || ' lines of the audit trail have no transaction'
FROM audit_trail WHERE xid <= 0 HAVING count(*) > 0
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
