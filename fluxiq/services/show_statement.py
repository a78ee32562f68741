"""An account's statement: a page of its movements, or a whole period as a file.

The head says where a period ends in the ledger's own order; what is before that never changes, so
the pages of one file belong together, whatever is paid while they are read.
"""

from collections.abc import AsyncIterator

import trio

from fluxiq.domain.records import Account
from fluxiq.domain.statement import Period, StatementHead
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.services.accounts import find_account
from fluxiq.services.messages.envelope import listing
from fluxiq.services.messages.statements import (
    LineView,
    StatementMeta,
    StatementView,
    line_view,
)
from fluxiq.services.statement_files import FORMATS, StatementFile, Writer
from fluxiq.services.tenant import Tenant

EXPORT_LINES_MAX = 100_000
READ_LINES = 2_000

# Writing a hundred thousand lines takes a second of CPU: one file at a time, off the loop.
_WRITERS = trio.CapacityLimiter(1)


async def show_statement(
    tenant: Tenant, merchant_id: str, account_id: str, period: Period, page: Page
) -> StatementView:
    """One page, in ledger order. Raises Refused("account_not_found")."""
    account = await find_account(tenant, merchant_id, account_id)
    head = await _head(tenant, account, period)
    movements = await tenant.statements.movements(
        account.ledger_id, head, limit=page.size, offset=(page.number - 1) * page.size
    )
    lines = [line_view(one, head.opening_balance) for one in movements]
    meta = listing(lines, page, head.lines).meta
    return StatementView(
        data=lines,
        meta=StatementMeta(
            page=meta.page,
            per_page=meta.per_page,
            total=meta.total,
            total_pages=meta.total_pages,
            opening_balance=head.opening_balance,
            closing_balance=head.closing_balance,
            currency="BRL",
        ),
    )


async def export_statement(
    tenant: Tenant, merchant_id: str, account_id: str, period: Period, kind: str
) -> StatementFile:
    """The whole period as a file of `kind`, a key of FORMATS.

    Raises Refused: account_not_found, or statement_too_long above EXPORT_LINES_MAX lines.
    """
    account = await find_account(tenant, merchant_id, account_id)
    head = await _head(tenant, account, period)
    if head.lines > EXPORT_LINES_MAX:
        raise Refused(
            "statement_too_long",
            f"{head.lines} lines are too many for a file: ask for fewer days",
            details={"lines": head.lines, "lines_max": EXPORT_LINES_MAX},
        )

    writer = FORMATS[kind](tenant.ispb, account, period, head, tenant.clock.now())
    async for lines in _lines(tenant, account, head):
        await _in_thread(writer, lines)
    return writer.finished()


async def _head(tenant: Tenant, account: Account, period: Period) -> StatementHead:
    head = await tenant.statements.head(account.ledger_id, period)
    assert head is not None, f"{account.id} has no account in the ledger"
    return head


async def _lines(
    tenant: Tenant, account: Account, head: StatementHead
) -> AsyncIterator[list[LineView]]:
    after, balance = head.after, head.opening_balance
    while after < head.last:
        movements = await tenant.statements.movements(
            account.ledger_id, head, limit=READ_LINES, after=after
        )
        assert movements, "the head has counted movements that are not there"
        yield [line_view(one, balance) for one in movements]
        after, balance = movements[-1].timestamp, balance + movements[-1].running

    assert balance == head.closing_balance, f"the lines of {account.id} do not add up"


async def _in_thread(writer: Writer, lines: list[LineView]) -> None:
    await trio.to_thread.run_sync(writer.write, lines, limiter=_WRITERS)
