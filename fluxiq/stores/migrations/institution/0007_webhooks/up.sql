-- Merchant webhooks: endpoints that rotate secrets, keep an order, fail and are deleted; a log of
-- every attempt; deliveries that are sent again.

ALTER TABLE webhook_endpoints
    ADD COLUMN description text NOT NULL DEFAULT '',
    ADD COLUMN ordered boolean NOT NULL DEFAULT false,
    ADD COLUMN disabled_reason text
        CHECK (disabled_reason IN ('merchant', 'gone', 'failing')),
    ADD COLUMN previous_secret text,
    ADD COLUMN previous_secret_until timestamptz,
    ADD COLUMN failing_since timestamptz,
    ADD COLUMN deleted_at timestamptz;

UPDATE webhook_endpoints SET disabled_reason = 'merchant' WHERE disabled_at IS NOT NULL;

ALTER TABLE webhook_endpoints
    ADD CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    ADD CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL)),
    ADD CHECK (deleted_at IS NULL OR disabled_at IS NOT NULL);

-- `created_at` is its event's time: what an ordered endpoint, the log and its filters go by.
-- `attempts_before` were made before it was asked to be sent again: the schedule starts over there.
-- `leased_until` tells a delivery under way from one that waits.
ALTER TABLE deliveries
    ADD COLUMN created_at timestamptz,
    ADD COLUMN attempts_before integer NOT NULL DEFAULT 0,
    ADD COLUMN leased_until timestamptz;

UPDATE deliveries SET created_at = events.created_at FROM events WHERE events.id = event_id;

ALTER TABLE deliveries
    ALTER COLUMN created_at SET NOT NULL,
    ADD CHECK (attempts_before BETWEEN 0 AND attempts);

CREATE INDEX deliveries_in_order ON deliveries (endpoint_id, created_at, event_id)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_log ON deliveries (endpoint_id, created_at, id);

-- How each attempt ended. `response` is the first 1,000 bytes of the answer, as text.
CREATE TABLE delivery_attempts (
    delivery_id text NOT NULL REFERENCES deliveries,
    attempt integer NOT NULL CHECK (attempt > 0),
    at timestamptz NOT NULL,
    milliseconds integer NOT NULL CHECK (milliseconds >= 0),
    delivered boolean NOT NULL,
    status smallint,
    error text NOT NULL,
    response text NOT NULL,
    PRIMARY KEY (delivery_id, attempt)
);
CREATE INDEX delivery_attempts_by_age ON delivery_attempts (at);
