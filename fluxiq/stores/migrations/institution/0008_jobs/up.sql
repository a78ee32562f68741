-- Durable jobs (docs/jobs.md). The states and their order are those of fluxiq/domain/job.py.

-- `attempt` counts claims and fences whoever ends one; of those, `given_back` did not count.
CREATE TABLE jobs (
    id text PRIMARY KEY,
    kind text NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    args jsonb NOT NULL,
    state text NOT NULL CHECK (state IN (
        'scheduled', 'available', 'executing', 'retryable', 'completed', 'discarded', 'cancelled'
    )),
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
    attempt integer NOT NULL DEFAULT 0,
    given_back integer NOT NULL DEFAULT 0,
    attempts_max integer NOT NULL CHECK (attempts_max >= 1),
    run_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    attempted_at timestamptz,
    lease_until timestamptz,
    ended_at timestamptz,
    unique_key text,
    schedule text,
    errors jsonb NOT NULL DEFAULT '[]',
    CHECK (given_back BETWEEN 0 AND attempt),
    CHECK ((state = 'executing') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('completed', 'discarded', 'cancelled')) = (ended_at IS NOT NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.01);
-- What is due, in the order in which it is claimed; what will be; what runs; what can go.
CREATE INDEX jobs_available ON jobs (kind, priority, run_at, id) WHERE state = 'available';
CREATE INDEX jobs_waiting ON jobs (run_at) WHERE state IN ('scheduled', 'retryable');
CREATE INDEX jobs_executing ON jobs (kind, lease_until) WHERE state = 'executing';
CREATE INDEX jobs_ended ON jobs (kind, state, ended_at) WHERE ended_at IS NOT NULL;

-- Who holds a unique key: until its job has ended, or until a time (then the next one takes it).
CREATE TABLE job_keys (
    kind text NOT NULL,
    key text NOT NULL,
    job_id text NOT NULL UNIQUE,
    claimed_at timestamptz NOT NULL,
    until timestamptz,
    PRIMARY KEY (kind, key)
) WITH (autovacuum_vacuum_scale_factor = 0.01);

-- The schedules declared in code: the first time that is not planned yet, and the last that was.
CREATE TABLE job_schedules (
    name text PRIMARY KEY,
    timing text NOT NULL,
    next_run timestamptz NOT NULL,
    last_run timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);

-- Kinds of which nothing is claimed, schedules of which nothing is planned.
CREATE TABLE job_pauses (
    subject text NOT NULL CHECK (subject IN ('kind', 'schedule')),
    name text NOT NULL,
    reason text NOT NULL,
    paused_at timestamptz NOT NULL,
    PRIMARY KEY (subject, name)
);

-- Old keys are pruned by their age.
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
