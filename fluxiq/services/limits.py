"""A customer's limits: shown with what is left of them, and chosen."""

from datetime import datetime, timedelta

import msgspec

from fluxiq.domain import limits as rules
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.limits import Choice, LimitsState
from fluxiq.domain.records import Event
from fluxiq.errors import Refused
from fluxiq.ports.limits import LimitsChosen
from fluxiq.services.accounts import find_account
from fluxiq.services.messages.limits import ChooseLimits, LimitsView, limits_view
from fluxiq.services.tenant import Tenant
from fluxiq.services.within_limits import effective

TRIES_MAX = 3


async def show_limits(tenant: Tenant, merchant_id: str, account_id: str) -> LimitsView:
    """Raises Refused("account_not_found")."""
    account = await find_account(tenant, merchant_id, account_id)
    state = (await tenant.payout_limits.states([account.id]))[account.id]
    now = tenant.clock.now()
    return limits_view(state, effective(tenant, state, now), now)


async def choose_limits(
    tenant: Tenant, merchant_id: str, actor: str, account_id: str, request: ChooseLimits
) -> LimitsView:
    """Payouts keep to less from now on, to more once the delay is over. The same choice again is
    no choice: nothing is written, and a raise comes no later. Raises Refused: account_not_found,
    account_changed.
    """
    account = await find_account(tenant, merchant_id, account_id)
    for _ in range(TRIES_MAX):
        before = (await tenant.payout_limits.states([account.id]))[account.id]
        now = tenant.clock.now()
        night_max = tenant.settings.pix.night_amount_max_person
        if request.limits == rules.aimed_at(before, night_max, now):
            return limits_view(before, effective(tenant, before, now), now)

        delay = timedelta(seconds=tenant.settings.pix.limit_raise_seconds)
        choice = rules.choose(effective(tenant, before, now), request.limits, now, delay)
        view = _after(tenant, before, choice, now)
        event = Event(
            id=tenant.ids.new(IdPrefix.EVENT),
            merchant_id=merchant_id,
            type="account.limits_changed",
            created_at=now,
            data=view,
        )
        archived = await tenant.payout_limits.choose(
            LimitsChosen(before=before, choice=choice, event=event, actor=actor)
        )
        if archived is not None:
            tenant.relay.ring()
            tenant.couriers.ring(archived.endpoint_ids)
            return view

    raise Refused("account_changed", f"others change account {account_id} at this moment")


def _after(tenant: Tenant, before: LimitsState, choice: Choice, now: datetime) -> LimitsView:
    after = msgspec.structs.replace(
        before, chosen=choice.chosen, raised=choice.raised, raised_at=choice.raised_at
    )
    return limits_view(after, effective(tenant, after, now), now)
