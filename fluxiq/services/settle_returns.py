"""Payouts that come back: the payee's institution returns all or a part, and says so by a D id.

The money is the account's again as soon as the ledger has it. It is credited and counted once per
return id. What does not fit our records (a payout nobody knows, one that failed, more than it was)
credits nobody, and leaves a note that it contradicts them: a person has to look.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from fluxiq.domain import payout as payouts
from fluxiq.domain import refund_postings
from fluxiq.domain.identifiers import tb_id_text
from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import (
    Account,
    Event,
    InboxEntry,
    Notice,
    Payout,
    PayoutReturn,
    PayoutStage,
    Room,
    Step,
    Transfer,
)
from fluxiq.ports.refunds import ReturnArchived
from fluxiq.services.messages.payouts import payout_view
from fluxiq.services.settle_orders import settle_orders, verdict_of
from fluxiq.services.settle_outcomes import PAYOUTS
from fluxiq.services.tenant import Tenant


class _Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A return that fits: `payout` as it is after it."""

    entry: InboxEntry
    payout: Payout
    transfer: Transfer


async def settle_return_notices(
    tenant: Tenant, entries: Sequence[InboxEntry]
) -> list[PayoutReturn]:
    """The returns that are new. Raises Unavailable or Unknown: the batch will come again."""
    await _settle_open(tenant, entries)
    studied_at = tenant.clock.now()
    judged = await _study(tenant, entries)
    accepted = [one for one in judged if isinstance(one, _Accepted)]

    vault_at = tenant.clock.now()
    statuses = await tenant.ledger.create_transfers([one.transfer for one in accepted])
    for one, status in zip(accepted, statuses, strict=True):
        assert status.stands, f"the ledger answered {status} to {one.entry.notice.return_id}"

    times = (studied_at, vault_at, tenant.clock.now())
    archived = [
        _archive(tenant, one, times)
        if isinstance(one, _Accepted)
        else ReturnArchived(
            inbox_id=entry.id, returned=None, payout=None, event=None, steps=(), note=one
        )
        for entry, one in zip(entries, judged, strict=True)
    ]
    owed = await tenant.refunds.archive_returns(archived)
    tenant.relay.ring()
    tenant.couriers.ring(owed.endpoint_ids)
    return [one.returned for one in archived if one.returned is not None]


async def _settle_open(tenant: Tenant, entries: Sequence[InboxEntry]) -> None:
    """A return may overtake the notice that its payout settled. So the provider is asked about
    those still open, and what it says of them comes first.
    """
    known = await _payouts(tenant, entries)
    verdicts = []
    for payout in known.values():
        if payout.stage in payouts.TERMINAL or payout.stage is PayoutStage.CREATED:
            continue
        answer = await tenant.provider.enquire(payout.end_to_end_id)
        if verdict := verdict_of(payout, answer):
            verdicts.append(verdict)
    await settle_orders(tenant, PAYOUTS, verdicts)


async def _study(tenant: Tenant, entries: Sequence[InboxEntry]) -> list[_Accepted | str]:
    """Judge in order: what one notice of the batch returns, the next one sees. A word says why one
    changes nothing.
    """
    known = dict(await _payouts(tenant, entries))
    seen = set(await tenant.refunds.find_returns([_return_id(one.notice) for one in entries]))
    accounts: dict[str, Account] = {}
    judged: list[_Accepted | str] = []
    for entry in entries:
        notice, return_id = entry.notice, _return_id(entry.notice)
        after = _after(known.get(notice.end_to_end_id), notice, is_seen=return_id in seen)
        if isinstance(after, str):
            judged.append(after)
            continue

        seen.add(return_id)
        known[notice.end_to_end_id] = after
        if after.account_id not in accounts:
            account = await tenant.store.find_account(after.account_id)
            assert account is not None, f"{after.id} names an account that does not exist"
            accounts[account.id] = account
        transfer = refund_postings.payout_return(
            tenant.ispb,
            tenant.institution.ledger,
            notice.end_to_end_id,
            accounts[after.account_id].ledger_id,
            return_id=return_id,
            amount=notice.amount,
        )
        judged.append(_Accepted(entry=entry, payout=after, transfer=transfer))
    return judged


async def _payouts(tenant: Tenant, entries: Sequence[InboxEntry]) -> Mapping[str, Payout]:
    return await tenant.store.payouts([entry.notice.end_to_end_id for entry in entries])


def _after(payout: Payout | None, notice: Notice, *, is_seen: bool) -> Payout | str:
    """The payout once this has come back, or why it has not."""
    if payout is None:
        return "unknown_end_to_end_id"
    if is_seen:
        return "returned_before"
    if payout.returned_amount + notice.amount > payout.amount:
        return "returned_more_than_was_paid"

    change = payouts.advance(payout.stage, PayoutEvent.RETURNED)
    if isinstance(change, payouts.Ignored):
        return change.reason

    total = payout.returned_amount + notice.amount
    return msgspec.structs.replace(
        payout,
        returned_amount=total,
        stage=change.stage if total == payout.amount else payout.stage,
    )


def _archive(
    tenant: Tenant, one: _Accepted, times: tuple[datetime, datetime, datetime]
) -> ReturnArchived:
    notice, now = one.entry.notice, tenant.clock.now()
    payout = msgspec.structs.replace(one.payout, updated_at=max(one.payout.updated_at, now))
    return ReturnArchived(
        inbox_id=one.entry.id,
        returned=PayoutReturn(
            return_id=_return_id(notice),
            payout_id=payout.id,
            amount=notice.amount,
            reason_code=notice.reason_code,
            transfer_id=one.transfer.id,
            returned_at=now,
        ),
        payout=payout,
        event=Event(
            id=tenant.ids.new("evt"),
            merchant_id=payout.merchant_id,
            type="pix.payout.returned",
            created_at=now,
            data=payout_view(payout),
        ),
        steps=_steps(one, times),
    )


def _steps(one: _Accepted, times: tuple[datetime, datetime, datetime]) -> tuple[Step, ...]:
    """Of the payout's own walk: it goes on where it ended."""
    studied_at, vault_at, archive_at = times
    return_id = _return_id(one.entry.notice)
    walked = [
        (Room.POST_ROOM, one.entry.received_at, studied_at, one.entry.id),
        (Room.STUDY, studied_at, vault_at, f"returned {return_id}"),
        (Room.VAULT, vault_at, archive_at, tb_id_text(one.transfer.id)),
        (Room.ARCHIVE, archive_at, None, f"{one.payout.id} {return_id}"),
    ]
    return tuple(
        Step(one.payout.end_to_end_id, room, entered, left, detail)
        for room, entered, left, detail in walked
    )


def _return_id(notice: Notice) -> str:
    assert notice.return_id is not None, "what is returned has a return id"
    return notice.return_id
