-- Live updates: the events of a merchant, numbered from 1 without a gap when they are announced.
-- The next number is one above the greatest (docs/decisions/0011): whoever prunes keeps a
-- merchant's last row.
CREATE TABLE event_sequence (
    merchant_id text NOT NULL REFERENCES merchants,
    sequence bigint NOT NULL CHECK (sequence > 0),
    event_id text NOT NULL UNIQUE REFERENCES events,
    PRIMARY KEY (merchant_id, sequence)
);
