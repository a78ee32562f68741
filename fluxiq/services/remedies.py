"""What is put right without a person where a statement and our records differ.

Only by ways that exist, that ask the provider once more or are the same when done twice, and only
what the provider itself says twice: in its statement, and in its answer. Everything else stays a
difference, until both sides agree or an operator decides.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from fluxiq.domain.difference import DifferenceEvent, DifferenceState, Remedy, remedy_of
from fluxiq.domain.reconciliation import (
    Difference,
    Flow,
    Name,
    OurRecord,
    StatementLine,
    is_gone,
    name_of,
)
from fluxiq.domain.records import Notice, NoticeKind
from fluxiq.ports.reconciliation import DifferenceRow
from fluxiq.services.orders import O, OrderKind
from fluxiq.services.receive_notices import file_notices
from fluxiq.services.settle_orders import settle_orders, verdict_of
from fluxiq.services.settle_outcomes import PAYOUTS
from fluxiq.services.settle_refunds import REFUNDS
from fluxiq.services.tenant import Tenant

LOOKED_AT_MAX: Final = 200  # in one bite
BITES_MAX: Final = 20  # in one round; the next round takes the rest

_SETTLED = "settled"
_log = structlog.get_logger("reconciliation")


async def settle_open(
    tenant: Tenant, differences: Sequence[Difference], records: Mapping[Name, OurRecord]
) -> list[Name]:
    """Ask what became of orders that are open here and settled there; the answer ends them as it
    does in a sweep. Returns those that the provider calls settled. Raises Unavailable.
    """
    settled = []
    for one in differences:
        if remedy_of(one, records.get(name_of(one))) is not Remedy.ENQUIRE:
            continue
        is_ended = await (
            _settle(tenant, PAYOUTS, one.id)
            if one.flow is Flow.SENT
            else _settle(tenant, REFUNDS, one.id)
        )
        if is_ended:
            _log.warning("open_order_settled_by_statement", flow=one.flow.value, order=one.id)
            settled.append(name_of(one))
    return settled


async def file_missing(
    tenant: Tenant,
    provider: str,
    lines: Sequence[StatementLine],
    differences: Sequence[Difference],
) -> list[Difference]:
    """Write the notices that never came into the visitors' book, as if the provider had called now;
    returns those that were not there. What they mean is studied as ever.
    """
    told = {name_of(line): line for line in lines}
    missing = [one for one in differences if remedy_of(one, None) is Remedy.FILE]
    new = await file_notices(
        tenant,
        provider,
        [_notice_of(told[name_of(one)]) for one in missing],
        tenant.clock.now(),
        by="by statement",
    )
    return [one for one, is_new in zip(missing, new, strict=True) if is_new]


async def look_again(tenant: Tenant) -> list[DifferenceRow]:
    """Look whether what differed still does; returns what has changed: healed, or after too long a
    time not.
    """
    changed: list[DifferenceRow] = []
    now = tenant.clock.now()
    for _ in range(BITES_MAX):
        looked = await tenant.reconciliation.look(now, LOOKED_AT_MAX)
        names = list({one.name for one in looked})
        records = await tenant.reconciliation.records(names)
        lines = await tenant.reconciliation.lines(names)
        changes = {
            one.id: event
            for one in looked
            if (event := _event(tenant, one, lines.get(one.name), records.get(one.name), now))
        }
        changed += await tenant.reconciliation.change(changes, now)
        if len(looked) < LOOKED_AT_MAX:
            break
    return changed


def _event(
    tenant: Tenant,
    row: DifferenceRow,
    line: StatementLine | None,
    record: OurRecord | None,
    now: datetime,
) -> DifferenceEvent | None:
    if is_gone(row.kind, line, record):
        return DifferenceEvent.GONE

    patience = timedelta(seconds=tenant.settings.reconciliation.heal_seconds)
    if row.state is DifferenceState.HEALING and now - row.changed_at > patience:
        return DifferenceEvent.OVERDUE
    return None


async def _settle(tenant: Tenant, kind: OrderKind[O], order_id: str) -> bool:
    order = (await kind.find(tenant, [order_id])).get(order_id)
    if order is None:
        return False
    answer = await tenant.provider.enquire(order_id)
    verdict = verdict_of(order, answer)
    if verdict is None or answer.state != _SETTLED:
        return False
    return bool(await settle_orders(tenant, kind, [verdict]))


def _notice_of(line: StatementLine) -> Notice:
    """What the provider would have said. A statement names no event: the id stands for it, as with
    the BCB, so a call that comes after all is taken for the same.
    """
    is_return = line.flow is Flow.RETURNED
    assert line.end_to_end_id is not None or not is_return, "a return names what it returns"
    return Notice(
        event_id=line.id,
        kind=NoticeKind.RETURNED if is_return else NoticeKind.RECEIVED,
        end_to_end_id=line.end_to_end_id if is_return and line.end_to_end_id else line.id,
        amount=line.amount,
        occurred_at=line.settled_at,
        pix_key=line.pix_key,
        txid=line.txid,
        payer=line.payer,
        payer_message=line.payer_message,
        reason_code=line.reason_code,
        return_id=line.id if is_return else None,
    )
