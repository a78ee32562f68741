SELECT name || ' is missing' AS complaint
FROM (VALUES ('institutions')) AS expected (name)
WHERE to_regclass(name) IS NULL
