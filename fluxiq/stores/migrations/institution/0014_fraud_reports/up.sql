-- Fraud reports that providers bring, and returns of such money that a provider rejects.

-- What a provider said that another institution reports of a payment. `number` is the provider's
-- name for it; `told` what the provider is known to have heard of ours. `details` are sealed, as
-- people may be named in them.
CREATE TABLE infractions (
    id text PRIMARY KEY,
    provider text NOT NULL,
    number text NOT NULL,
    end_to_end_id text NOT NULL,
    reason text NOT NULL CHECK (reason IN (
        'scam', 'account_takeover', 'coercion', 'fraudulent_access', 'other'
    )),
    details bytea NOT NULL,
    stage text NOT NULL CHECK (stage IN ('heard', 'reported', 'dismissed', 'withdrawn')),
    told text NOT NULL CHECK (told IN (
        'open', 'acknowledged', 'agreed', 'disagreed', 'cancelled'
    )),
    in_doubt boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    UNIQUE (provider, number),
    CHECK (NOT in_doubt OR told IN ('open', 'acknowledged')),
    CHECK (stage <> 'withdrawn' OR told NOT IN ('open', 'acknowledged'))
);
-- What a sweep looks for: what the provider may be owed.
CREATE INDEX infractions_owing ON infractions (due_at) WHERE told IN ('open', 'acknowledged');

-- The report of ours that answers an infraction; and the last return that the provider rejected:
-- what it had taken is blocked again, and the payment has room for another report beside it.
ALTER TABLE med_reports
    ADD COLUMN infraction_id text UNIQUE REFERENCES infractions,
    ADD COLUMN failed_refund_id text,
    DROP CONSTRAINT med_reports_stage_check,
    ADD CONSTRAINT med_reports_stage_check CHECK (stage IN (
        'created', 'open', 'acknowledged', 'agreed', 'disagreed', 'expired', 'cancelled',
        'return_failed'
    )),
    ADD CHECK (stage <> 'return_failed' OR failed_refund_id IS NOT NULL);
DROP INDEX med_reports_open;
CREATE UNIQUE INDEX med_reports_open ON med_reports (end_to_end_id)
    WHERE settled_at IS NULL AND failed_refund_id IS NULL;

-- Which refunds are returns of fraud reports. Of those that failed before this was known nothing is
-- blocked again: their merchants have the money, and were told so.
ALTER TABLE refunds ADD COLUMN med_report_id text REFERENCES med_reports;
UPDATE refunds SET med_report_id = med_reports.id
FROM med_reports WHERE med_reports.refund_id = refunds.id AND refunds.stage <> 'failed';
CREATE INDEX refunds_rejected_returns ON refunds (updated_at)
    WHERE stage = 'failed' AND med_report_id IS NOT NULL;
