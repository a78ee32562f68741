-- Who lives in this database. A ledger number is registered once and never reused, because a
-- number is all that TigerBeetle knows of an institution.
CREATE TABLE institutions (
    ispb text PRIMARY KEY CHECK (ispb ~ '^[0-9A-Z]{8}$'),
    name text NOT NULL CHECK (name <> ''),
    ledger bigint NOT NULL UNIQUE CHECK (ledger BETWEEN 1 AND 4294967295),
    schema_name text NOT NULL UNIQUE,
    role_name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
