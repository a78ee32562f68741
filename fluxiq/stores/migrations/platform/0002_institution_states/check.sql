SELECT ispb || ' is in no state' AS complaint FROM institutions WHERE state IS NULL
UNION ALL
SELECT 'institution_steps is missing' WHERE to_regclass('institution_steps') IS NULL
