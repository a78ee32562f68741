-- The audit trail as a chain of sealed batches (docs/audit.md).

-- `xid` is the transaction that wrote the line, which numbers alone do not tell: transactions commit
-- out of the order of their lines, and leave gaps when they roll back. Lines that were there before
-- this migration get its own: they are sealed as they were found.
ALTER TABLE audit_trail
    ADD COLUMN xid bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    ADD COLUMN before bytea NOT NULL DEFAULT '',
    ADD COLUMN merchant_id text NOT NULL DEFAULT '',
    ADD COLUMN credential text NOT NULL DEFAULT '',
    ADD COLUMN address text NOT NULL DEFAULT '',
    ADD COLUMN request_id text NOT NULL DEFAULT '';

-- Sealed and verified in this order.
CREATE UNIQUE INDEX audit_trail_places ON audit_trail (xid, id);
CREATE INDEX audit_trail_merchants ON audit_trail (merchant_id, id) WHERE merchant_id <> '';
CREATE INDEX audit_trail_subjects ON audit_trail (subject, id);
-- Times grow with the pages: this one costs a line next to nothing.
CREATE INDEX audit_trail_times ON audit_trail USING brin (at);

CREATE TABLE audit_seals (
    seq bigint PRIMARY KEY CHECK (seq > 0),
    first_xid bigint NOT NULL,
    first_id bigint NOT NULL,
    last_xid bigint NOT NULL,
    last_id bigint NOT NULL,
    count integer NOT NULL CHECK (count > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    previous bytea NOT NULL CHECK (octet_length(previous) = 32),
    sealed_at timestamptz NOT NULL,
    key_id text NOT NULL,
    signature bytea NOT NULL CHECK (octet_length(signature) = 64),
    CHECK ((first_xid, first_id) <= (last_xid, last_id))
);
-- Which seal a line is under.
CREATE UNIQUE INDEX audit_seals_places ON audit_seals (last_xid, last_id);

-- What names the line when a root does not come out: proven by the root, so neither signed nor
-- needed. Goes with the lines.
CREATE TABLE audit_leaves (
    seq bigint PRIMARY KEY REFERENCES audit_seals,
    ids bigint[] NOT NULL,
    leaves bytea NOT NULL CHECK (octet_length(leaves) = 32 * cardinality(ids))
);
ALTER TABLE audit_leaves ALTER leaves SET STORAGE EXTERNAL;

-- Seals that JetStream has.
CREATE TABLE audit_checkpoints (
    seq bigint PRIMARY KEY REFERENCES audit_seals,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE audit_purges (
    seq bigint PRIMARY KEY REFERENCES audit_seals,
    count integer NOT NULL,
    purged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    purged_by text NOT NULL CHECK (purged_by <> ''),
    reason text NOT NULL
);

-- How far the deeds that operators' desks write down were taken in, by desk.
CREATE TABLE audit_desks (
    desk text PRIMARY KEY,
    taken_in bigint NOT NULL CHECK (taken_in >= 0)
);

-- The only way by which lines go, for a role that may delete none: the oldest sealed batch that is
-- still there, as a whole, and never before five years. Returns how many lines went.
CREATE FUNCTION audit_purge(which bigint, who text, why text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    seal audit_seals;
    youngest timestamptz;
    gone integer;
BEGIN
    -- Two that purge take turns.
    LOCK TABLE audit_purges IN EXCLUSIVE MODE;

    SELECT * INTO seal FROM audit_seals WHERE seq = which;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no seal %', which USING ERRCODE = 'no_data_found';
    END IF;
    IF which <> (SELECT coalesce(max(seq), 0) + 1 FROM audit_purges) THEN
        RAISE EXCEPTION 'seal % is not the oldest with lines', which
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    SELECT max(at) INTO youngest FROM audit_trail
    WHERE (xid, id) >= (seal.first_xid, seal.first_id) AND (xid, id) <= (seal.last_xid, seal.last_id);
    IF greatest(youngest, seal.sealed_at) >= now() - interval '5 years' THEN
        RAISE EXCEPTION 'seal % has lines of the last five years', which
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    DELETE FROM audit_trail
    WHERE (xid, id) >= (seal.first_xid, seal.first_id) AND (xid, id) <= (seal.last_xid, seal.last_id);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM audit_leaves WHERE seq = which;
    INSERT INTO audit_purges (seq, count, purged_by, reason) VALUES (which, gone, who, why);
    RETURN gone;
END
$$;
REVOKE EXECUTE ON FUNCTION audit_purge FROM PUBLIC;
