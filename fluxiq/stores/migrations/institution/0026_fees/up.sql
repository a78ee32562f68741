-- What merchants pay for receiving: what was agreed, in versions that nobody changes, and on each
-- receipt what was kept of it. Centavos.

CREATE TABLE agreed_fees (
    merchant_id text NOT NULL REFERENCES merchants,
    version int NOT NULL CHECK (version > 0),
    fixed bigint NOT NULL CHECK (fixed >= 0),
    basis_points int NOT NULL CHECK (basis_points BETWEEN 0 AND 10000),
    minimum bigint NOT NULL CHECK (minimum >= 0),
    maximum bigint CHECK (maximum >= minimum),
    valid_from timestamptz NOT NULL,
    set_by text NOT NULL,
    reason text NOT NULL,
    -- The one in force is found from its end, for each receipt.
    PRIMARY KEY (merchant_id, version)
);

ALTER TABLE receipts
    ADD COLUMN fee bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT fee_of_what_was_received CHECK (
        fee BETWEEN 0 AND amount AND (fee = 0 OR merchant_id IS NOT NULL)
    );
ALTER TABLE charges
    ADD COLUMN fee bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT fee_of_what_was_paid CHECK (
        fee BETWEEN 0 AND amount AND (fee = 0 OR paid_at IS NOT NULL)
    );

-- A merchant's fees, from the index alone. Without fees it costs nothing.
CREATE INDEX receipts_with_fee ON receipts (merchant_id, received_at DESC) INCLUDE (amount, fee)
    WHERE fee > 0;

-- Statements' index of credits (0006_transfers) keeps the institution's fee income, which it need
-- not: to build it anew would stop a large institution for minutes, and an entry costs little.
