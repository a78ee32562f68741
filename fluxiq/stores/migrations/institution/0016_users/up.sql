-- People with a password, and their sessions (docs/identity.md).

-- `document`, `name` and the TOTP secrets are sealed; a document is found by its blind index, which
-- goes when the user is removed: the same person may come back.
CREATE TABLE users (
    id text PRIMARY KEY,
    merchant_id text REFERENCES merchants,
    document_index bytea UNIQUE,
    document bytea NOT NULL,
    name bytea NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'manager', 'operator')),
    status text NOT NULL CHECK (status IN ('active', 'locked', 'removed')),
    password_hash text NOT NULL,
    one_time_until timestamptz,
    totp_secret bytea,
    totp_pending bytea,
    totp_step bigint,
    recovery_codes bytea[] NOT NULL,
    failures integer NOT NULL CHECK (failures >= 0),
    locked_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    last_login_at timestamptz,
    CHECK ((status = 'removed') = (document_index IS NULL)),
    CHECK ((totp_secret IS NULL) = (totp_step IS NULL)),
    CHECK (totp_secret IS NOT NULL OR recovery_codes = '{}')
);
CREATE INDEX users_of_merchant ON users (merchant_id, created_at DESC, id DESC);

CREATE TABLE sessions (
    id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    address text NOT NULL,
    client text NOT NULL,
    ended_at timestamptz,
    end_reason text CHECK (
        end_reason IN ('logged_out', 'revoked', 'reused', 'crowded_out', 'user_changed')
    ),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX sessions_of_user ON sessions (user_id, created_at DESC, id DESC);

-- The family of a session: SHA-256 of each token. One is current; the used ones stay until they
-- would have expired, so that one that comes back is known.
CREATE TABLE refresh_tokens (
    digest bytea PRIMARY KEY,
    session_id text NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE UNIQUE INDEX refresh_tokens_current ON refresh_tokens (session_id) WHERE used_at IS NULL;
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id, expires_at);
