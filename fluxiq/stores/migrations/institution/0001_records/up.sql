-- The records of one institution. Money is centavos. Indexes serve the queries that exist;
-- constraints say what must never be.

-- Who

CREATE TABLE merchants (
    id text PRIMARY KEY,
    name text NOT NULL,
    document text NOT NULL,
    city text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE api_keys (
    id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    name text NOT NULL,
    key_hash bytea NOT NULL UNIQUE,
    permissions text[] NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE accounts (
    id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    ledger_id uuid NOT NULL UNIQUE,
    product_id text NOT NULL,
    name text NOT NULL,
    status text NOT NULL CHECK (status IN ('active', 'inactive', 'blocked')),
    created_at timestamptz NOT NULL,
    metadata jsonb NOT NULL
);
CREATE INDEX accounts_of_merchant ON accounts (merchant_id, created_at, id);

CREATE TABLE pix_keys (
    key text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('CPF', 'CNPJ', 'PHONE', 'EMAIL', 'EVP')),
    account_id text NOT NULL REFERENCES accounts,
    created_at timestamptz NOT NULL
);
CREATE INDEX pix_keys_of_account ON pix_keys (account_id);

-- A caller's key and what it made; the response, made or refused, comes once there is an answer.
CREATE TABLE idempotency_keys (
    merchant_id text NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    resource_id text NOT NULL,
    refused boolean,
    response bytea,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, key),
    CHECK ((refused IS NULL) = (response IS NULL))
);

-- PIX in

CREATE TABLE charges (
    id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    account_id text NOT NULL REFERENCES accounts,
    txid text NOT NULL UNIQUE,
    amount bigint NOT NULL CHECK (amount > 0),
    description text NOT NULL,
    payer jsonb,
    pix_key text NOT NULL,
    qr_code text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'paid', 'expired', 'cancelled', 'refunded')),
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    paid_at timestamptz,
    end_to_end_id text UNIQUE,
    metadata jsonb NOT NULL,
    CHECK ((status IN ('paid', 'refunded')) = (paid_at IS NOT NULL)),
    CHECK ((paid_at IS NULL) = (end_to_end_id IS NULL))
);
CREATE INDEX charges_to_expire ON charges (expires_at) WHERE status = 'pending';

-- The visitors' book: every event of a provider once, for ever.
CREATE TABLE inbox (
    id text PRIMARY KEY,
    provider text NOT NULL,
    event_id text NOT NULL,
    notice jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    done_at timestamptz,
    UNIQUE (provider, event_id)
);
CREATE INDEX inbox_open ON inbox (received_at) WHERE done_at IS NULL;

-- Money that arrived: one receipt per end-to-end id and per ledger transfer, for ever.
CREATE TABLE receipts (
    id text PRIMARY KEY,
    end_to_end_id text NOT NULL UNIQUE,
    amount bigint NOT NULL CHECK (amount > 0),
    reason text NOT NULL CHECK (reason IN (
        'pays_charge', 'no_charge', 'late', 'wrong_amount', 'charge_already_paid',
        'charge_cancelled', 'unidentified'
    )),
    account_id text REFERENCES accounts,
    merchant_id text REFERENCES merchants,
    charge_id text REFERENCES charges,
    payer jsonb,
    transfer_id uuid NOT NULL UNIQUE,
    received_at timestamptz NOT NULL,
    CHECK ((account_id IS NULL) = (reason = 'unidentified')),
    CHECK ((account_id IS NULL) = (merchant_id IS NULL)),
    CHECK (charge_id IS NOT NULL OR reason <> 'pays_charge')
);
-- A charge is paid by one receipt, whatever arrives afterwards.
CREATE UNIQUE INDEX receipts_paying_charge ON receipts (charge_id) WHERE reason = 'pays_charge';

-- PIX out

CREATE TABLE payouts (
    id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    account_id text NOT NULL REFERENCES accounts,
    end_to_end_id text NOT NULL UNIQUE,
    idempotency_key text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    description text NOT NULL,
    recipient jsonb NOT NULL,
    stage text NOT NULL CHECK (stage IN (
        'created', 'held', 'sent', 'in_doubt', 'confirmed', 'failed', 'returned'
    )),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    failure_code text,
    reason_code text,
    metadata jsonb NOT NULL,
    CHECK ((stage = 'failed') = (failure_code IS NOT NULL))
);
CREATE INDEX payouts_open ON payouts (stage, updated_at)
    WHERE stage IN ('created', 'held', 'sent', 'in_doubt');

-- Telling

-- What merchants may want to know; `body` is frozen, so that every try sends the same bytes.
CREATE TABLE events (
    id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    type text NOT NULL,
    created_at timestamptz NOT NULL,
    body bytea NOT NULL,
    reference text
);

CREATE TABLE webhook_endpoints (
    id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    url text NOT NULL,
    events text[] NOT NULL,
    secret text NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz
);
CREATE INDEX webhook_endpoints_of_merchant ON webhook_endpoints (merchant_id);

-- An event owed to an endpoint, until it was delivered or given up.
CREATE TABLE deliveries (
    id text PRIMARY KEY,
    endpoint_id text NOT NULL REFERENCES webhook_endpoints,
    event_id text NOT NULL REFERENCES events,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz,
    delivered_at timestamptz,
    given_up_at timestamptz,
    last_status smallint,
    last_error text NOT NULL DEFAULT '',
    UNIQUE (event_id, endpoint_id),
    CHECK (num_nonnulls(next_attempt_at, delivered_at, given_up_at) = 1)
);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_attempt_at)
    WHERE next_attempt_at IS NOT NULL;

-- What is owed to the bus. `work` names the inbox row or the payout that a message is about: such
-- a message stays until the work is done. Announcements of events have none and go when published.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    reference text NOT NULL,
    body bytea NOT NULL,
    work text UNIQUE,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX outbox_due ON outbox (next_attempt_at);

-- Where every payment has been. `id` only orders steps of the same moment. Nothing checks that time
-- went forward: a clock that was set back must not keep a payment from being archived.
CREATE TABLE walk_steps (
    id bigint GENERATED ALWAYS AS IDENTITY,
    end_to_end_id text NOT NULL,
    room text NOT NULL CHECK (room IN (
        'door', 'counter', 'visitors_book', 'post_room', 'study', 'vault', 'archive', 'gate',
        'courier', 'window'
    )),
    entered_at timestamptz NOT NULL,
    left_at timestamptz NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (end_to_end_id, entered_at, room, detail)
);

-- Who did what to which record, and the SHA-256 of what was written.
CREATE TABLE audit_trail (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    digest bytea NOT NULL,
    note text NOT NULL DEFAULT ''
);
