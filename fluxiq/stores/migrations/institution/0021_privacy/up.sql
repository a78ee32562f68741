-- Erasures of people's data (docs/privacy.md). `person` is their document, sealed, until it is done;
-- `person_index` its blind index, by which the request is found again. `walk` is how far the search
-- through the tables has come, null at its end; `erased` and `stays` say how much of which table.
CREATE TABLE erasures (
    id text PRIMARY KEY,
    person_index bytea NOT NULL CHECK (octet_length(person_index) = 32),
    person bytea,
    walk jsonb,
    erased jsonb NOT NULL,
    stays jsonb NOT NULL,
    reason text NOT NULL,
    asked_at timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK ((ended_at IS NULL) = (person IS NOT NULL)),
    CHECK ((ended_at IS NULL) = (walk IS NOT NULL))
);
CREATE UNIQUE INDEX erasures_under_way ON erasures (person_index) WHERE ended_at IS NULL;
CREATE INDEX erasures_of_person ON erasures (person_index, asked_at DESC);
