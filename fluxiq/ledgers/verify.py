"""What Postgres alone can prove of the ledger's invariants (docs/ledger.md, I1 to I8).

Always: I1 debits equal credits, I2 no account over its limit, I6 one ledger code, and how far the
journal is. `deep` reads the whole journal again: the transfers are what it says and nothing else,
I4 nothing refused is on the books, the counters are the sums of the transfers, and I2 at every
prefix. Everything is read in one snapshot, so a platform at work may be verified.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from fluxiq.ledgers.postgres_pool import Connection, Pool, outages

FINDINGS_MAX: Final = 100  # of each kind
PAGE_ROWS: Final = 16


class Finding(Struct, frozen=True):
    """Something that must not be: which invariant, and what, with its numbers."""

    invariant: str  # I1, I2, I4, I6; "mirror": the tables are not what the journal says
    what: str


class Verdict(Struct, frozen=True, kw_only=True):
    """`unanswered` and `behind` are journal rows; neither is wrong. `transfers` are on the books.
    `records` were read again from the journal: 0 unless deep.
    """

    findings: tuple[Finding, ...]
    rows: int
    unanswered: int
    behind: int
    transfers: int
    records: int


async def verify_ledger(pool: Pool, ledger: int, *, deep: bool = False) -> Verdict:
    """Read, judge and report; changes nothing. Raises Unavailable.

    `deep` sorts every transfer of the institution: give it a pool whose statements may take
    minutes.
    """
    with outages():
        return await pool.transaction(_verify, ledger, deep)


async def _verify(connection: Connection, ledger: int, deep: bool) -> Verdict:
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    # How many records a journal row has the planner cannot know: joined by loops, they take hours.
    await connection.execute(
        "SET LOCAL enable_seqscan = on; SET LOCAL jit = off; "
        "SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off"
    )
    numbers = await connection.fetchrow(_NUMBERS)
    findings = await _findings(connection, _ALWAYS, ledger)
    records = 0

    if deep:
        findings += await _findings(connection, _DEEP, ledger)
        records, placed, wrong = await _read_again(connection, ledger)
        findings += wrong
        if placed != numbers["transfers"]:
            what = f"{numbers['transfers']} transfers are on the books, {placed} in the journal"
            findings.append(Finding("mirror", what))

    return Verdict(findings=tuple(findings), records=records, **numbers)


async def _findings(
    connection: Connection, queries: Sequence[tuple[str, str]], ledger: int
) -> list[Finding]:
    found: list[Finding] = []
    for invariant, query in queries:
        limited = f"SELECT what FROM ({query}) AS wrong (what) WHERE $1::bigint > 0 LIMIT $2"  # noqa: S608 - a constant below
        rows = await connection.fetch(limited, ledger, FINDINGS_MAX)
        found += [Finding(invariant, row["what"]) for row in rows]

    return found


async def _read_again(connection: Connection, ledger: int) -> tuple[int, int, list[Finding]]:
    """Records in the journal, those that transfers on the books come from, and what differs."""
    records = placed = after = 0
    found: list[Finding] = []

    while page := await connection.fetch(_PAGE, after, PAGE_ROWS):
        seqs = [row["seq"] for row in page]
        counts = await connection.fetchrow(_PLACED, seqs)
        records += counts["records"]
        placed += counts["placed"]
        if len(found) < FINDINGS_MAX:
            rows = await connection.fetch(_DIFFERENCES, seqs, ledger, FINDINGS_MAX)
            found += [Finding(row["invariant"], row["what"]) for row in rows]

        after = seqs[-1]

    return records, placed, found


_NUMBERS: Final = """
    SELECT
        (SELECT count(*) FROM ledger_journal) AS rows,
        (SELECT count(*) FROM ledger_journal WHERE results_reversed IS NULL) AS unanswered,
        (SELECT count(*) FROM ledger_journal
         WHERE results_reversed IS NOT NULL AND NOT mirrored) AS behind,
        (SELECT count(*) FROM ledger_transfers) AS transfers
"""

_SUMS: Final = """
    SELECT format(
        'debits posted %s, credits posted %s, debits pending %s, credits pending %s',
        sum(debits_posted), sum(credits_posted), sum(debits_pending), sum(credits_pending)
    )
    FROM ledger_accounts
    HAVING sum(debits_posted) <> sum(credits_posted) OR sum(debits_pending) <> sum(credits_pending)
"""

# Where a batch is still to be answered or mirrored, it may bring the credit that is missing.
_OVER_LIMIT: Final = """
    SELECT format('account %s is over its limit by %s', id, excess)
    FROM (
        SELECT id, unproven, CASE flags & 6
            WHEN 2 THEN debits_pending + debits_posted - credits_posted
            WHEN 4 THEN credits_pending + credits_posted - debits_posted
        END AS excess
        FROM ledger_accounts
    ) AS account
    WHERE excess > unproven
        OR (excess > 0 AND NOT EXISTS (SELECT FROM ledger_journal WHERE NOT mirrored))
"""

_OTHER_LEDGER: Final = """
    SELECT format('account %s is of ledger %s, not %s', id, ledger, $1::bigint)
    FROM ledger_accounts WHERE ledger <> $1::bigint
"""

_BEYOND_THE_AUTHORITY: Final = """
    SELECT format('batch %s is beyond the last one sealed, %s', seq, last_seq)
    FROM ledger_journal, ledger_authority WHERE seq > last_seq
"""

_ALWAYS: Final = (
    ("I1", _SUMS),
    ("I2", _OVER_LIMIT),
    ("I6", _OTHER_LEDGER),
    ("mirror", _BEYOND_THE_AUTHORITY),
)

# What each transfer does to the two sides; of a post or void the hold goes.
_MOVEMENTS: Final = """
    SELECT
        transfer.debit_account_id, transfer.credit_account_id, transfer.journal_seq, transfer.place,
        CASE
            WHEN transfer.flags & 2 <> 0 THEN transfer.amount
            WHEN transfer.flags & 12 <> 0 THEN -hold.amount
            ELSE 0
        END AS pending,
        CASE WHEN transfer.flags & 10 = 0 THEN transfer.amount ELSE 0 END AS posted
    FROM ledger_transfers AS transfer
    LEFT JOIN ledger_transfers AS hold ON hold.id = transfer.pending_id
"""

_COUNTERS: Final = f"""
    SELECT format(
        'account %s counts %s %s %s %s, its transfers %s %s %s %s', account.id,
        account.debits_pending, account.debits_posted,
        account.credits_pending, account.credits_posted,
        coalesce(total.debits_pending, 0), coalesce(total.debits_posted, 0),
        coalesce(total.credits_pending, 0), coalesce(total.credits_posted, 0)
    )
    FROM ledger_accounts AS account
    LEFT JOIN (
        SELECT
            id, sum(debits_pending) AS debits_pending, sum(debits_posted) AS debits_posted,
            sum(credits_pending) AS credits_pending, sum(credits_posted) AS credits_posted
        FROM (
            SELECT debit_account_id, pending, posted, 0, 0 FROM ({_MOVEMENTS}) AS debited
            UNION ALL
            SELECT credit_account_id, 0, 0, pending, posted FROM ({_MOVEMENTS}) AS credited
        ) AS side (id, debits_pending, debits_posted, credits_pending, credits_posted)
        GROUP BY id
    ) AS total ON total.id = account.id
    WHERE (
        account.debits_pending, account.debits_posted,
        account.credits_pending, account.credits_posted
    ) <> (
        coalesce(total.debits_pending, 0), coalesce(total.debits_posted, 0),
        coalesce(total.credits_pending, 0), coalesce(total.credits_posted, 0)
    )
"""  # noqa: S608 - a constant

# In the order in which it happened: what TigerBeetle answered between two turns of the stand-in by
# TigerBeetle's clock, because its sessions overtake each other, the stand-in's in order of seq.
_OVER_LIMIT_ONCE: Final = f"""
    WITH answered AS MATERIALIZED (
        SELECT
            seq, place,
            CASE WHEN backend = 'tigerbeetle' THEN answered_timestamp ELSE 0 END AS answered
        FROM ledger_journal_records
    ), turn AS (
        SELECT seq, sum(changed) OVER (ORDER BY seq) AS turn
        FROM (
            SELECT
                seq,
                (backend IS DISTINCT FROM lag(backend) OVER (ORDER BY seq))::integer AS changed
            FROM ledger_journal
        ) AS journal
    ), movement AS (
        SELECT movement.*, turn.turn, answered.answered
        FROM ({_MOVEMENTS}) AS movement
        JOIN answered
            ON answered.seq = movement.journal_seq AND answered.place = movement.place
        JOIN turn ON turn.seq = movement.journal_seq
    ), step AS (
        SELECT debit_account_id AS id, 2 AS flag, pending + posted AS taken, movement.*
        FROM movement
        UNION ALL
        SELECT credit_account_id, 2, -posted, movement.* FROM movement
        UNION ALL
        SELECT credit_account_id, 4, pending + posted, movement.* FROM movement
        UNION ALL
        SELECT debit_account_id, 4, -posted, movement.* FROM movement
    )
    SELECT format('account %s was over its limit by %s', id, max(taken))
    FROM (
        SELECT account.id, account.unproven, sum(taken) OVER (
            PARTITION BY account.id ORDER BY turn, answered, journal_seq, step.place
        ) AS taken
        FROM step JOIN ledger_accounts AS account
            ON account.id = step.id AND account.flags & step.flag <> 0
    ) AS running
    GROUP BY id, unproven
    HAVING max(taken) > unproven
"""  # noqa: S608 - a constant

_DEEP: Final = (("mirror", _COUNTERS), ("I2", _OVER_LIMIT_ONCE))

_PAGE: Final = "SELECT seq FROM ledger_journal WHERE seq > $1 ORDER BY seq LIMIT $2"

_RECORDS: Final = """
    WITH record AS MATERIALIZED (SELECT * FROM ledger_journal_records WHERE seq = ANY ($1))
"""
# Asked by id, through the index, whatever the planner thinks of the journal.
_BESIDE: Final = """
    FROM record
    LEFT JOIN LATERAL (
        SELECT * FROM ledger_transfers AS transfer WHERE transfer.id = record.id LIMIT 1
    ) AS transfer ON true
"""

_PLACED: Final = f"""
    {_RECORDS}
    SELECT
        count(*) AS records,
        count(*) FILTER (
            WHERE transfer.journal_seq = record.seq AND transfer.place = record.place
        ) AS placed
    {_BESIDE}
"""

_DIFFERENCES: Final = f"""
    {_RECORDS}
    SELECT * FROM (
        SELECT
            CASE
                WHEN record.status NOT IN (4294967295, 46) THEN 'I4'
                WHEN transfer.ledger <> $2 THEN 'I6'
                ELSE 'mirror'
            END AS invariant,
            CASE
                WHEN record.status NOT IN (4294967295, 46) AND transfer.id IS NOT NULL
                    THEN format('transfer %s was refused (batch %s, place %s) and is on the books',
                        record.id, record.seq, record.place)
                WHEN record.status NOT IN (4294967295, 46)
                    THEN format('id %s was refused for good (batch %s, place %s) and is not noted',
                        record.id, record.seq, record.place)
                WHEN transfer.id IS NULL
                    THEN format('transfer %s (batch %s, place %s) is not on the books',
                        record.id, record.seq, record.place)
                WHEN transfer.ledger <> $2
                    THEN format('transfer %s is of ledger %s', record.id, transfer.ledger)
                ELSE format('transfer %s (batch %s, place %s) is another one on the books',
                    record.id, record.seq, record.place)
            END AS what
        {_BESIDE} WHERE record.mirrored AND CASE
            WHEN record.status IN (SELECT code FROM ledger_burning_answers)
            THEN transfer.id IS NOT NULL
                OR NOT EXISTS (SELECT FROM ledger_burnt_ids AS burnt WHERE burnt.id = record.id)
            WHEN record.status IN (4294967295, 46)
            THEN transfer.id IS NULL OR transfer.ledger <> $2
                OR transfer.flags <> record.flags
                OR transfer.pending_id IS DISTINCT FROM record.pending_id
                OR record.flags & 12 = 0 AND (
                    (transfer.debit_account_id, transfer.credit_account_id, transfer.amount)
                    <> (record.debit_account_id, record.credit_account_id, record.amount)
                )
                OR record.flags & 4 <> 0 AND transfer.amount <> record.amount
            ELSE false
        END
    ) AS difference
    LIMIT $3
"""  # noqa: S608 - a constant
