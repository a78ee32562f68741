-- Who paid, and what happened when: what a merchant, and the institution's own people, look back on.

-- A payer is found, and counted, by a blind index of the document, of which only the institution has
-- the key: a job fills in those of receipts from before it.
ALTER TABLE receipts
    ADD COLUMN payer_index bytea CHECK (octet_length(payer_index) = 32);

-- A merchant's receipts in their order, and its payers from the index alone. Its condition follows
-- from any `merchant_id = …` and from nothing else: a plan that is made while the table is empty
-- does not take it for a way through everybody's receipts by their time.
CREATE INDEX receipts_of_merchant ON receipts (merchant_id, received_at DESC, id DESC)
    INCLUDE (payer_index, amount) WHERE merchant_id IS NOT NULL;
-- What is still to be filled in: nothing, once the job has been through. Whoever is said to pay
-- without a document stays in it.
CREATE INDEX receipts_without_index ON receipts (id)
    WHERE payer IS NOT NULL AND payer_index IS NULL;

-- A merchant's payouts by when they ended: what its statistics count. An entry comes with the end of
-- a payout, which writes to other indexes as well.
CREATE INDEX payouts_ended ON payouts (merchant_id, updated_at)
    WHERE stage IN ('confirmed', 'failed');

-- What was made when, over all merchants: as 0013_reconciliation has it of what settled when.
CREATE INDEX charges_by_creation ON charges
    USING brin (created_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX payouts_by_creation ON payouts
    USING brin (created_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX refunds_by_creation ON refunds
    USING brin (created_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX transfers_by_creation ON transfers
    USING brin (created_at) WITH (pages_per_range = 16, autosummarize = on);
