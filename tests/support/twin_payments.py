"""`ports.payments.Payments` behind the API's twin of a store."""

from datetime import datetime
from typing import TYPE_CHECKING

import trio

from fluxiq.domain.records import Charge, ChargeStatus, Payout
from fluxiq.ports import Fresh, Opening, Page, Replay
from fluxiq.ports.payments import (
    ChargeCancelling,
    ChargesWanted,
    InDoubt,
    NotPending,
    PayoutsWanted,
)
from tests.support.memory_payments import (
    PayoutBatches,
    charges_page,
    in_doubt_page,
    payouts_page,
)

if TYPE_CHECKING:
    from tests.support.api_twin import TwinStore


class TwinPayments(PayoutBatches):
    """`cancelled` are the events that were told."""

    def __init__(self, store: "TwinStore") -> None:
        super().__init__(store)
        self._store = store
        self.cancelled: list[str] = []

    async def list_charges(
        self, merchant_id: str, wanted: ChargesWanted, page: Page
    ) -> tuple[list[Charge], int]:
        await self._wait()
        return charges_page(self._store.charges.values(), merchant_id, wanted, page)

    async def cancel_charge(self, cancelling: ChargeCancelling) -> Opening | NotPending:
        await self._wait()
        charge, store = cancelling.charge, self._store
        known = store.charges[charge.id]
        if known.status is not ChargeStatus.PENDING:
            return NotPending(known.status)
        if cancelling.idempotency is not None:
            where = (charge.merchant_id, "charge", cancelling.idempotency.key)
            if where in store.answers:
                return store._again(where, cancelling.idempotency.digest)
            replay = Replay(False, cancelling.response)
            store.answers[where] = (cancelling.idempotency.digest, charge.id, replay)
        store.charges[charge.id] = charge
        self.cancelled.append(cancelling.event.type)
        return Fresh()

    async def list_payouts(
        self, merchant_id: str, wanted: PayoutsWanted, page: Page
    ) -> tuple[list[Payout], int]:
        await self._wait()
        return payouts_page(self._store.payouts.values(), merchant_id, wanted, page)

    async def payouts_in_doubt(self, before: datetime, page: Page) -> tuple[list[InDoubt], int]:
        await self._wait()
        return in_doubt_page(self._store.payouts.values(), self._store.steps, before, page)

    async def _wait(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._store.breaks is not None:
            raise self._store.breaks
