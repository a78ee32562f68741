"""`ports.payment_search.PaymentSearch` over an institution's own schema.

Five tables, each read newest first by an index of its own as far as the page reaches, and merged.
Of a merchant or an account that is the index of its payments; of all merchants the primary key,
since ids begin with their time; of all merchants in a stretch of time, what BRIN says was written
then. Which of the three it is, is decided here: PostgreSQL would have to guess.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from fluxiq.domain import payout, refund, transfer
from fluxiq.domain.records import ChargeStatus
from fluxiq.ports import Page
from fluxiq.ports.payment_search import (
    FOUND_MAX,
    PaymentKind,
    PaymentRow,
    PaymentSearch,
    PaymentsWanted,
)
from fluxiq.ports.sealing import Sealer
from fluxiq.stores.named_payments import jobs_holding, names_behind
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import record
from fluxiq.stores.sealed import House


def _cases(column: str, public: Mapping[Any, Any]) -> str:
    """SQL for the status that callers see of a stage."""
    cases = " ".join(f"WHEN '{stage}' THEN '{status}'" for stage, status in public.items())
    return f"CASE {column} {cases} END"


# Where no index is of the account, that of its merchant is walked.
_OF_OWNER: Final = """
account_id = {0} AND merchant_id = (SELECT merchant_id FROM accounts WHERE id = {0})
"""


class Source(Struct, frozen=True, kw_only=True):
    """A table as payments of one kind: SQL for each field, `stages` that callers see as a status
    (None: `status` itself is compared), and by what `named` finds its rows.
    """

    kind: PaymentKind
    table: str
    at: str = "created_at"
    status: str
    stages: Mapping[str, Sequence[str]] | None = None
    stage: str = "stage"
    ended: str
    account: str = "account_id"
    accounts: str = "account_id = {}"
    reference: str = "end_to_end_id"
    gives_back: str = "NULL::text"
    names: tuple[str, ...]

    @property
    def selected(self) -> str:
        return f"""
        SELECT
            id, '{self.kind}' AS kind, merchant_id, {self.account} AS account_id, amount,
            {self.status} AS status, {self.reference} AS end_to_end_id, {self.at} AS created_at,
            {self.ended} AS ended_at, {self.gives_back} AS gives_back
        FROM {self.table}
        """  # noqa: S608 - constants


def _ended(stages: Sequence[str], at: str = "updated_at") -> str:
    listed = ", ".join(f"'{stage}'" for stage in sorted(stages))
    return f"CASE WHEN stage IN ({listed}) THEN {at} END"


SOURCES: Final = (
    Source(
        kind=PaymentKind.CHARGE,
        table="charges",
        status="status",
        stages={one: (one,) for one in ChargeStatus},
        stage="status",
        ended="paid_at",
        names=("id", "end_to_end_id", "txid"),
    ),
    Source(
        kind=PaymentKind.RECEIPT,
        table="receipts",
        at="received_at",
        status="CASE WHEN account_id IS NULL THEN 'unidentified' ELSE 'credited' END",
        ended="received_at",
        accounts=_OF_OWNER,
        names=("id", "end_to_end_id"),
    ),
    Source(
        kind=PaymentKind.PAYOUT,
        table="payouts",
        status=_cases("stage", payout.PUBLIC_STATUS),
        stages={one: payout.stages_of(one) for one in payout.PayoutStatus},
        ended=_ended(list(payout.TERMINAL)),
        names=("id", "end_to_end_id"),
    ),
    Source(
        kind=PaymentKind.REFUND,
        table="refunds",
        status=_cases("stage", refund.PUBLIC_STATUS),
        stages={one: tuple(refund.stages_of(one)) for one in refund.RefundStatus},
        ended=_ended(["confirmed", "failed"]),
        accounts=_OF_OWNER,
        reference="return_id",
        gives_back="end_to_end_id",
        names=("id", "return_id", "end_to_end_id"),
    ),
    Source(
        kind=PaymentKind.TRANSFER,
        table="transfers",
        status=_cases("stage", transfer.PUBLIC_STATUS),
        stages={one: transfer.stages_of(one) for one in transfer.TransferLifeStatus},
        ended=_ended(list(transfer.TERMINAL)),
        account="source_account_id",
        accounts="(source_account_id = {0} OR destination_account_id = {0})",
        reference="NULL::text",
        names=("id",),
    ),
)

_NAMED: Final = " UNION ALL ".join(
    f"({one.selected} WHERE {' OR '.join(f'{name} = ANY ($1::text[])' for name in one.names)})"
    for one in SOURCES
)
# Where ids begin with their time, they are in its order behind their prefixes.
_BY_ID: Final = 'right(id, 26) COLLATE "C" DESC'
_BY_TIME: Final = "created_at DESC, id DESC"


class PostgresPaymentSearch(PaymentSearch):
    """The payments of institution `ispb`; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def page(self, wanted: PaymentsWanted, page: Page) -> tuple[list[PaymentRow], int]:
        assert page.number * page.size <= FOUND_MAX, "pages end where counting does"
        return await self._postgres.run(_page, wanted, page)

    async def named(self, names: Sequence[str]) -> list[PaymentRow]:
        return await self._postgres.run(_named, names) if names else []

    async def names_behind(self, text: str) -> list[str]:
        return await self._postgres.run(names_behind, self._house, text)

    async def jobs_holding(self, kind: str, keys: Sequence[str]) -> list[str]:
        return await self._postgres.run(jobs_holding, kind, keys)


async def _named(connection: Connection, names: Sequence[str]) -> list[PaymentRow]:
    rows = await connection.fetch(f"{_NAMED} ORDER BY created_at DESC, id DESC", names)
    return [record(PaymentRow, row) for row in rows]


async def _page(
    connection: Connection, wanted: PaymentsWanted, page: Page
) -> tuple[list[PaymentRow], int]:
    arguments: list[Any] = []
    found = list(_conditions(wanted, arguments))
    if not found:
        return [], 0

    rows = await connection.fetch(_merged(wanted, found, len(arguments)), *arguments, *_reach(page))
    if 0 < len(rows) < page.size:
        total = (page.number - 1) * page.size + len(rows)
    else:
        total = await connection.fetchval(_count(found), *arguments)
    return [record(PaymentRow, row) for row in rows], total


def _conditions(wanted: PaymentsWanted, arguments: list[Any]) -> Iterator[tuple[Source, str]]:
    """The tables that may have what is wanted, each with its condition; `arguments` get theirs."""

    def given(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    for source in SOURCES:
        if wanted.kind not in {None, source.kind}:
            continue

        texts = ["true"]
        if wanted.status is not None:
            if source.stages is None:
                texts.append(f"{source.status} = {given(wanted.status)}")
            elif wanted.status in source.stages:
                stages = [str(one) for one in source.stages[wanted.status]]
                texts.append(f"{source.stage} = ANY ({given(stages)}::text[])")
            else:
                continue

        for text, value in (
            ("merchant_id = {}", wanted.merchant_id),
            (source.accounts, wanted.account_id),
            ("amount >= {}", wanted.amount_min),
            ("amount <= {}", wanted.amount_max),
            (f"{source.at} >= {{}}", wanted.since),
            (f"{source.at} < {{}}", wanted.until),
        ):
            if value is not None:
                texts.append(text.format(given(value)))
        yield source, " AND ".join(texts)


def _merged(wanted: PaymentsWanted, found: Sequence[tuple[Source, str]], before: int) -> str:
    """The page: what comes first of each table, and of all of them."""
    by_time = wanted.merchant_id or wanted.account_id or wanted.since or wanted.until
    parts = [
        f"({source.selected} WHERE {condition} "
        f"ORDER BY {f'{source.at} DESC, id DESC' if by_time else 'id DESC'} LIMIT ${before + 1})"
        for source, condition in found
    ]
    return f"""
    SELECT * FROM ({" UNION ALL ".join(parts)}) AS merged
    ORDER BY {_BY_TIME if by_time else _BY_ID} LIMIT ${before + 2} OFFSET ${before + 3}
    """  # noqa: S608 - constants


def _reach(page: Page) -> tuple[int, int, int]:
    """Of each table, of the page, and before it."""
    return page.number * page.size, page.size, (page.number - 1) * page.size


def _count(found: Sequence[tuple[Source, str]]) -> str:
    parts = [
        f"(SELECT FROM {source.table} WHERE {condition} LIMIT {FOUND_MAX})"
        for source, condition in found
    ]
    return f"""
    SELECT least(count(*), {FOUND_MAX}) FROM ({" UNION ALL ".join(parts)}) AS found
    """  # noqa: S608 - constants
