-- Encryption at rest (docs/encryption.md). Columns that hold people or secrets hold envelopes now.

-- The keys of the seals, wrapped by a key-encryption key that is not here. Key 0 is the root of the
-- blind indexes. `messages` were granted to those who seal: of 2^32 (NIST SP 800-38D, 8.3).
CREATE TABLE sealing_keys (
    id bigint PRIMARY KEY CHECK (id BETWEEN 0 AND 4294967295),
    purpose text NOT NULL CHECK (purpose IN ('data', 'index')),
    wrapped bytea NOT NULL,
    wrapped_by text NOT NULL,
    messages bigint NOT NULL CHECK (messages BETWEEN 0 AND 4294967296),
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    CHECK ((purpose = 'index') = (id = 0)),
    CHECK (purpose = 'data' OR retired_at IS NULL)
);

-- Whether values may still be plain: only where some are from before the seals, until all of them
-- are sealed.
CREATE TABLE sealing_state (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    plain_allowed boolean NOT NULL
);
INSERT INTO sealing_state (plain_allowed)
SELECT EXISTS (SELECT FROM merchants) OR EXISTS (SELECT FROM inbox) OR EXISTS (SELECT FROM receipts);

-- How far everything has been sealed again under a key: column by column, in the order of the rows'
-- primary keys, of which `after` is the last one done.
CREATE TABLE sealing_progress (
    key_id bigint NOT NULL REFERENCES sealing_keys,
    what text NOT NULL,
    after text[],
    seen bigint NOT NULL DEFAULT 0 CHECK (seen >= 0),
    resealed bigint NOT NULL DEFAULT 0 CHECK (resealed BETWEEN 0 AND seen),
    updated_at timestamptz NOT NULL,
    done_at timestamptz,
    PRIMARY KEY (key_id, what)
);

-- An envelope begins with its version: 0 says that what follows is plain.

ALTER TABLE merchants
    ALTER name TYPE bytea USING '\x00'::bytea || convert_to(name, 'UTF8'),
    ALTER document TYPE bytea USING '\x00'::bytea || convert_to(document, 'UTF8');
ALTER TABLE accounts
    ALTER name TYPE bytea USING '\x00'::bytea || convert_to(name, 'UTF8');
ALTER TABLE charges
    ALTER payer TYPE bytea USING '\x00'::bytea || convert_to(payer::text, 'UTF8'),
    ALTER pix_key TYPE bytea USING '\x00'::bytea || convert_to(pix_key, 'UTF8'),
    ALTER qr_code TYPE bytea USING '\x00'::bytea || convert_to(qr_code, 'UTF8');
ALTER TABLE receipts
    ALTER payer TYPE bytea USING '\x00'::bytea || convert_to(payer::text, 'UTF8');
ALTER TABLE payouts
    ALTER recipient TYPE bytea USING '\x00'::bytea || convert_to(recipient::text, 'UTF8');
ALTER TABLE inbox
    ALTER notice TYPE bytea USING '\x00'::bytea || convert_to(notice::text, 'UTF8');
ALTER TABLE med_reports
    ALTER details TYPE bytea USING '\x00'::bytea || convert_to(details, 'UTF8');
ALTER TABLE webhook_endpoints
    ALTER secret TYPE bytea USING '\x00'::bytea || convert_to(secret, 'UTF8'),
    ALTER previous_secret TYPE bytea
        USING '\x00'::bytea || convert_to(previous_secret, 'UTF8');
UPDATE events SET body = '\x00'::bytea || body;
UPDATE idempotency_keys SET response = '\x00'::bytea || response WHERE response IS NOT NULL;
UPDATE outbox SET body = '\x00'::bytea || body
WHERE work IS NULL OR subject ~ '\.pix\.(in|outcome)\.';
UPDATE dead_letters SET body = '\x00'::bytea || body WHERE subject ~ '\.pix\.(in|outcome)\.';

-- A PIX key is found by its blind index, of which only the institution has the key: until it starts,
-- and seals them, plain keys have a hash in its place.
ALTER TABLE pix_keys ADD COLUMN key_index bytea;
UPDATE pix_keys SET key_index = sha256(convert_to(key, 'UTF8'));
ALTER TABLE pix_keys
    DROP CONSTRAINT pix_keys_pkey,
    ALTER key TYPE bytea USING '\x00'::bytea || convert_to(key, 'UTF8'),
    ADD PRIMARY KEY (key_index),
    ADD CHECK (octet_length(key_index) = 32);
