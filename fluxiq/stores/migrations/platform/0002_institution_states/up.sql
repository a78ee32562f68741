-- The life of an institution (fluxiq/domain/institution.py). Who is `adding` or `removing` when a
-- process dies is finished by the next start. `declaration` is what its file said when it was added
-- by command; null for one that has a file in the configuration.
ALTER TABLE institutions
    ADD COLUMN state text NOT NULL DEFAULT 'active'
        CHECK (state IN ('adding', 'active', 'suspended', 'removing', 'removed')),
    ADD COLUMN declaration jsonb CHECK (jsonb_typeof(declaration) = 'object'),
    ADD COLUMN reason text NOT NULL DEFAULT '',
    ADD COLUMN archive text NOT NULL DEFAULT '',
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();

-- Every step of every life, of those that were never opened too: hence no foreign key.
CREATE TABLE institution_steps (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ispb text NOT NULL CHECK (ispb ~ '^[0-9A-Z]{8}$'),
    event text NOT NULL CHECK (event <> ''),
    state text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX institution_steps_ispb ON institution_steps (ispb, id);

-- Append-only, for the owner of the table as well: a line is evidence.
CREATE FUNCTION institution_steps_only_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'institution_steps only grows';
END
$$;
CREATE TRIGGER institution_steps_only_grow
    BEFORE UPDATE OR DELETE OR TRUNCATE ON institution_steps
    FOR EACH STATEMENT EXECUTE FUNCTION institution_steps_only_grow();
