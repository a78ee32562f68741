"""Orders that go ahead within their customers' limits, and those that are above one.

What is on record decides, in the statement that writes the payouts. Here the lines are chosen that
are worth asking for: first by what is remembered of the limits, which is a second old at most, then
by what is on record. Nothing is refused by memory alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from fluxiq.domain import limits as rules
from fluxiq.domain.limits import Exceeded, LimitsState
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Limited, Opening, PayoutOpening
from fluxiq.services.tenant import Tenant

# Others may use up an account's limits, or choose new ones, between reading and writing.
ROUNDS_MAX: Final = 5

Opened = Opening | Refused | Unavailable

_Waiting = dict[int, PayoutOpening]


async def open_within_limits(tenant: Tenant, openings: Sequence[PayoutOpening]) -> list[Opened]:
    """Write down those that fit. Of an account's lines, in their order, each that does not fit
    leaves its room to the next.
    """
    said: dict[int, Opened] = {}
    waiting = dict(enumerate(openings))
    fitting = _fitting(tenant, waiting, await _remembered(tenant, openings))
    said |= await _write(tenant, fitting)

    for _ in range(ROUNDS_MAX):
        waiting = {index: one for index, one in waiting.items() if index not in said}
        if not waiting:
            return [said[index] for index in range(len(openings))]

        said |= await _answered_before(tenant, waiting)
        waiting = {index: one for index, one in waiting.items() if index not in said}
        states = await tenant.payout_limits.states(_accounts(waiting.values()))
        fitting, refused = _judge(tenant, waiting, states)
        said |= refused
        said |= await _write(tenant, fitting)

    busy = Unavailable("limits", "too many payouts of the account at once", retry_after=1.0)
    return [said.get(index, busy) for index in range(len(openings))]


def refusal(exceeded: Exceeded) -> Refused:
    """What a customer is told of a limit. Amounts in centavos; what was used is free again at
    `resets_at`, or never, where it is a limit of each payment.
    """
    words = exceeded.kind.value.replace("_", " ")
    return Refused(
        "amount_above_limit",
        f"the account may pay {exceeded.limit} centavos {words}, and has paid {exceeded.used}",
        field="amount",
        details={
            "kind": exceeded.kind,
            "limit": exceeded.limit,
            "used": exceeded.used,
            "resets_at": exceeded.resets_at,
        },
    )


async def _remembered(
    tenant: Tenant, openings: Sequence[PayoutOpening]
) -> Mapping[str, LimitsState]:
    """Of one account, what was read a moment ago will do; of many, one question for all."""
    accounts = _accounts(openings)
    if len(accounts) != 1:
        return await tenant.payout_limits.states(accounts)

    [account_id] = accounts

    async def find() -> LimitsState | None:
        return (await tenant.payout_limits.states(accounts)).get(account_id)

    state = await tenant.recent_limits.get(account_id, find)
    return {} if state is None else {account_id: state}


def _fitting(tenant: Tenant, waiting: _Waiting, states: Mapping[str, LimitsState]) -> _Waiting:
    """Those of accounts all of whose lines fit."""
    fitting, refused = _judge(tenant, waiting, states)
    doubtful = {waiting[index].payout.account_id for index in refused}
    return {index: one for index, one in fitting.items() if one.payout.account_id not in doubtful}


def _judge(
    tenant: Tenant, waiting: _Waiting, states: Mapping[str, LimitsState]
) -> tuple[_Waiting, dict[int, Opened]]:
    """Those that fit, with what they must keep to; and of the others why they do not."""
    now = tenant.clock.now()
    by_account: dict[str, list[int]] = defaultdict(list)
    for index, one in waiting.items():
        by_account[one.payout.account_id].append(index)

    fitting: _Waiting = {}
    refused: dict[int, Opened] = {}
    for account_id, indexes in by_account.items():
        state = states[account_id]
        limits = effective(tenant, state, now)
        bounds = rules.bounds_of(state, limits, now)
        amounts = [waiting[index].payout.amount for index in indexes]
        for index, exceeded in zip(indexes, rules.judge(state, limits, amounts, now), strict=True):
            if exceeded is None:
                fitting[index] = msgspec.structs.replace(waiting[index], bounds=bounds)
            else:
                refused[index] = refusal(exceeded)
    return dict(sorted(fitting.items())), refused


def effective(tenant: Tenant, state: LimitsState, now: datetime) -> rules.Limits:
    """What holds at `now` for an account of this institution."""
    return rules.effective(state, tenant.settings.pix.night_amount_max_person, now)


async def _write(tenant: Tenant, fitting: _Waiting) -> dict[int, Opened]:
    """What was written, or was before; what is limited is left out."""
    if not fitting:
        return {}

    opened = await tenant.payments.open_payouts(list(fitting.values()))
    return {
        index: one
        for index, one in zip(fitting, opened, strict=True)
        if not isinstance(one, Limited)
    }


async def _answered_before(tenant: Tenant, waiting: _Waiting) -> dict[int, Opened]:
    """What comes again is answered as it was, whatever is left of the limits today."""
    said: dict[int, Opened] = {}
    now = tenant.clock.now()
    by_merchant: dict[str, list[int]] = defaultdict(list)
    for index, one in waiting.items():
        by_merchant[one.payout.merchant_id].append(index)

    for merchant_id, indexes in by_merchant.items():
        keys = [waiting[index].idempotency for index in indexes]
        known = await tenant.payments.find_openings(merchant_id, keys, now)
        said |= {index: one for index, one in zip(indexes, known, strict=True) if one is not None}
    return said


def _accounts(openings: Iterable[PayoutOpening]) -> list[str]:
    return sorted({one.payout.account_id for one in openings})
