-- Work queues that an operator can trust (docs/queues.md): messages that nobody could work on, and
-- holds that outlive their workflow.

-- How often workers failed at a message, by bugs and not by the weather.
ALTER TABLE outbox
    ADD COLUMN failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    ADD COLUMN failed_at timestamptz,
    ADD COLUMN error text NOT NULL DEFAULT '',
    ADD CHECK ((failures > 0) = (failed_at IS NOT NULL));

-- A message is in the outbox or dead, never both: the row moves, and a replay moves it back.
CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    work text NOT NULL,
    subject text NOT NULL,
    reference text NOT NULL,
    body bytea NOT NULL,
    payment_id text,
    attempts integer NOT NULL CHECK (attempts >= 0),
    failures integer NOT NULL CHECK (failures > 0),
    error text NOT NULL,
    first_failed_at timestamptz NOT NULL,
    died_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'dead' CHECK (state IN ('dead', 'replayed', 'discarded')),
    decided_at timestamptz,
    reason text,
    CHECK ((state = 'dead') = (decided_at IS NULL)),
    CHECK ((decided_at IS NULL) = (reason IS NULL))
);
CREATE UNIQUE INDEX dead_letters_waiting ON dead_letters (work) WHERE state = 'dead';
CREATE INDEX dead_letters_discarded ON dead_letters (work) WHERE state = 'discarded';

-- The holds of the ledger that outlive their hour, until they end: `finding` says what is wrong,
-- empty while somebody is at work on it. How far the journal was read for them is the one row below.
CREATE TABLE hold_watch (
    id uuid PRIMARY KEY,
    code integer NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    reference uuid,
    held_at timestamptz NOT NULL,
    looked_at timestamptz,
    finding text NOT NULL DEFAULT '',
    found_at timestamptz,
    CHECK ((finding = '') = (found_at IS NULL))
);
CREATE INDEX hold_watch_to_look ON hold_watch (looked_at NULLS FIRST, held_at);

CREATE TABLE hold_watch_place (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    seq bigint NOT NULL CHECK (seq >= 0)
);
INSERT INTO hold_watch_place (seq) VALUES (0);
