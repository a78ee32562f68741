"""What operators decide about payments: how one ended of which nobody else says it."""

from typing import TYPE_CHECKING, Final

from msgspec import to_builtins

from actors.admin.arguments import NO_REASON, Arguments, BadArguments
from actors.admin.verbs import Hooks, Verb
from actors.tenants import tenant_of
from fluxiq.domain.payout import PayoutEvent
from fluxiq.services.decide_payout import decide_payout
from fluxiq.services.messages.payouts import payout_view
from fluxiq.services.tenant import Tenants

if TYPE_CHECKING:
    from actors.admin.desk import Desk

OPERATOR: Final = "operator"
_OUTCOMES: Final = {"confirmed": PayoutEvent.CONFIRMED, "failed": PayoutEvent.FAILED}


def payment_verbs(tenants: Tenants) -> Hooks:
    """The verbs, for the institutions that are open when one is asked."""

    async def payment_decide(_desk: "Desk", arguments: Arguments) -> object:
        tenant, payout_id = tenant_of(tenants, arguments), arguments.text("id")
        outcome, evidence = arguments.text("outcome"), arguments.reason()
        arguments.done()
        if outcome not in _OUTCOMES:
            raise BadArguments("outcome: must be confirmed or failed")
        if evidence == NO_REASON:
            raise BadArguments("reason: say what proves it")
        payout = await decide_payout(tenant, OPERATOR, payout_id, _OUTCOMES[outcome], evidence)
        return {"stage": payout.stage.value, **to_builtins(payout_view(payout))}

    return Hooks(
        deeds={
            "payment_decide": Verb(
                payment_decide, ("institution", "id", "outcome", "reason"), for_two=True
            )
        }
    )
