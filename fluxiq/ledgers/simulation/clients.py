"""Callers of one institution: receipts and their fees, payments, chains and payouts, each until it
is definite.
"""

from collections.abc import Callable, Sequence
from typing import Final

import trio

from fluxiq.domain.ledger_records import AMOUNT_MAX, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.domain.postings import TransferCode
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.simulation.institution import Institution
from fluxiq.ledgers.simulation.invariants import demand
from fluxiq.ledgers.simulation.postgres import DEADLINE_SECONDS as POSTGRES_SECONDS
from fluxiq.ledgers.simulation.tigerbeetle import DEADLINE_SECONDS as TIGERBEETLE_SECONDS
from fluxiq.ledgers.writer import Writer

# Waiting, then at most a batch: sealed and submitted, or decided, written, and decided again.
EXPIRY_SECONDS: Final = 0.25
SPENDING_TRIES: Final = 16
_NOT_FOUND: Final = frozenset(
    {TransferStatus.DEBIT_ACCOUNT_NOT_FOUND, TransferStatus.CREDIT_ACCOUNT_NOT_FOUND}
)
# Now, or in an earlier try, which burnt its id.
_FEE_REFUSED: Final = frozenset({TransferStatus.EXCEEDS_CREDITS, TransferStatus.ID_ALREADY_FAILED})
_Answer = Sequence[TransferStatus] | None


class Clients:
    """`pick` gives the writer to call now, None while no process lives. `busy` are operations that
    are not definite yet.
    """

    def __init__(self, institution: Institution, pick: Callable[[], Writer | None]) -> None:
        self.institution = institution
        self.world = institution.world
        self.busy = 0
        self._pick = pick
        patience = institution.limits.patience_seconds + EXPIRY_SECONDS
        batch = max(POSTGRES_SECONDS + TIGERBEETLE_SECONDS, 3 * POSTGRES_SECONDS)
        # A batch that was fenced goes back to the others, and may be sealed once more.
        self._call_seconds_max = patience + 2 * batch

    async def run(self) -> None:
        """One operation after the other while there are faults; whoever waits then, goes on."""
        draw = self.world.random
        while self.world.faulty:
            await trio.sleep(self.world.seconds(0.0, 0.6))
            self.busy += 1
            try:
                await self._operate()
            finally:
                self.busy -= 1
            if draw.random() < 0.1:  # noqa: PLR2004 - a rush on the settlement account
                await self._rush()

    async def open_accounts(self) -> None:
        """Create accounts one after the other, in whatever weather."""
        institution = self.institution
        self.busy += 1
        house = [institution.settlement, institution.unidentified]
        for one in [*house, *institution.customers]:
            while True:
                writer = self._pick()
                try:
                    if writer is not None:
                        await writer.create_accounts(institution.accounts([one]))
                        break
                except Unavailable:
                    pass
                await trio.sleep(self.world.seconds(0.0, 0.5))
            if one in institution.customers:
                institution.opened.append(one)
                await trio.sleep(self.world.seconds(0.0, 1.0))
        self.busy -= 1

    # What they do

    async def _operate(self) -> None:
        opened = self.institution.opened
        if not opened:
            return
        kind = self.world.random.choice(
            ["in", "fee", "pay", "pay", "chain", "payout", "payout", "odd"]
        )
        match kind:
            case "in":
                await self._settle([self._receipt()])
            case "fee":
                await self._receipt_less_fee()
            case "pay":
                await self._settle([self._payment()])
            case "chain":
                await self._chain()
            case "payout":
                await self._payout()
            case _:
                await self._odd()

    async def _rush(self) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(4 if self.institution.opened else 0):
                nursery.start_soon(self._settle, [self._receipt()])

    async def _receipt_less_fee(self) -> None:
        """Money received and what is kept of it, or the money alone where the fee is refused."""
        receipt = self._receipt()
        fee = self._transfer(
            receipt.credit_account_id,
            self.institution.unidentified,
            self.world.random.randint(1, receipt.amount),
            code=TransferCode.FEE,
        )
        answer = await self._settle([_with(receipt, flags=TransferFlags.LINKED), fee])
        if answer is not None and answer[1] in _FEE_REFUSED:
            # It was refused for its fee: without one it is another request, under the same id.
            self.institution.told.refused.pop(receipt.id)
            await self._settle([receipt])

    async def _chain(self) -> None:
        """Two payments that happen together or not at all."""
        first, second = self._payment(), self._payment()
        linked = TransferFlags.LINKED
        await self._settle([_with(first, flags=linked), second])

    async def _payout(self) -> None:
        """Hold, and then post all or some of it, or void it: each until it is definite."""
        institution, draw = self.institution, self.world.random
        customer = draw.choice(institution.opened)
        amount = self._spendable(customer)
        hold = self._transfer(customer, institution.settlement, amount, TransferFlags.PENDING)
        answer = await self._settle([hold])
        if answer is None or not answer[0].stands:
            return
        await trio.sleep(self.world.seconds(0.0, 2.0))
        post = TransferFlags.POST_PENDING_TRANSFER
        ends = [
            (post, AMOUNT_MAX),
            (post, amount),
            (post, draw.randint(1, amount)),
            (TransferFlags.VOID_PENDING_TRANSFER, 0),
        ]
        flags, ended = draw.choice(ends)
        end = self._transfer(0, 0, ended, flags, hold.id)
        answer = await self._settle([end], until_definite=True)
        assert answer is not None, "asked until it was definite"
        demand(answer[0].stands, "a hold ends as it should", f"{end}: {answer[0]}")

    async def _odd(self) -> None:
        """What is refused for other reasons than money."""
        institution, draw = self.institution, self.world.random
        nobody = (institution.ledger << 32) + 99
        one = draw.choice(
            [
                self._transfer(nobody, institution.settlement, 5),
                self._transfer(0, 0, 5, TransferFlags.VOID_PENDING_TRANSFER, nobody),
                self._transfer(institution.settlement, institution.settlement, 5),
            ]
        )
        await self._settle([one])

    async def _spend_again(self, payer: int) -> None:
        """Try to spend what a payment of unknown outcome may have spent."""
        told = self.institution.told
        for _ in range(SPENDING_TRIES):
            await trio.sleep(self.world.seconds(0.02, 0.25))
            amount = self.institution.database.states[payer].balance.available
            if not self.world.faulty or amount <= 0:
                return
            payment = [self._transfer(payer, self.institution.settlement, amount)]
            try:
                answer = await self._ask(payment)
            except Unavailable:
                told.never_left[payment[0].id] = payment[0]
            except Unknown:
                continue
            else:
                if answer is not None:
                    told.hear(payment, answer)

    # How they ask

    async def _settle(
        self, transfers: Sequence[Transfer], *, until_definite: bool = False
    ) -> _Answer:
        """Ask again with the same ids until the answer is definite, or give up: None."""
        told, draw = self.institution.told, self.world.random
        maybe = False
        while True:
            try:
                answer = await self._ask(transfers)
            except Unknown:
                if not maybe and transfers[0].debit_account_id in self.institution.opened:
                    self.world.nursery.start_soon(self._spend_again, transfers[0].debit_account_id)
                maybe = True
            except Unavailable:
                pass
            else:
                if answer is not None:
                    told.hear(transfers, answer)
                    self._accounts_are_there(transfers, answer)
                    # Some ask again all the same, as a workflow does that crashed after it.
                    if draw.random() < 0.9 or not self.world.faulty:  # noqa: PLR2004
                        return answer
            if not until_definite and draw.random() < 0.1:  # noqa: PLR2004 - some lose interest
                if not maybe and not any(one.id in told.stands for one in transfers):
                    told.never_left |= {
                        one.id: one for one in transfers if one.id not in told.refused
                    }
                return None
            await trio.sleep(self.world.seconds(0.0, 1.0))

    async def _ask(self, transfers: Sequence[Transfer]) -> _Answer:
        writer = self._pick()
        if writer is None:
            return None
        began = trio.current_time()
        try:
            return await writer.create_transfers(transfers)
        finally:
            took = trio.current_time() - began - self.world.jumped_since(began)
            demand(took <= self._call_seconds_max, "a call ends", f"{took:.3f} s: {transfers}")

    def _accounts_are_there(self, transfers: Sequence[Transfer], answer: _Answer) -> None:
        opened = {*self.institution.opened, self.institution.settlement}
        for one, status in zip(transfers, answer or (), strict=True):
            if status in _NOT_FOUND and {one.debit_account_id, one.credit_account_id} <= opened:
                demand(False, "an account that was created is there", f"{one}: {status}")

    # What they ask for

    def _receipt(self) -> Transfer:
        customer = self.world.random.choice(self.institution.opened)
        return self._transfer(self.institution.settlement, customer, self._amount())

    def _payment(self) -> Transfer:
        opened = self.institution.opened
        payer, payee = self.world.random.choice(opened), self.world.random.choice(opened)
        if payer == payee:
            payee = self.institution.settlement
        return self._transfer(payer, payee, self._spendable(payer))

    def _spendable(self, payer: int) -> int:
        """Often all that there is, as whoever wants to spend it twice would."""
        available = self.institution.database.states[payer].balance.available
        if available > 0 and self.world.random.random() < 0.5:  # noqa: PLR2004 - half of them
            return available
        return self._amount()

    def _amount(self) -> int:
        return self.world.random.choice([1, 10, 50, 100])

    def _transfer(
        self,
        debit: int,
        credit: int,
        amount: int,
        flags: TransferFlags = TransferFlags.NONE,
        pending_id: int = 0,
        *,
        code: int = TransferCode.PIX_IN,
    ) -> Transfer:
        return Transfer(
            id=self.institution.next_id(),
            ledger=self.institution.ledger,
            code=code,
            debit_account_id=debit,
            credit_account_id=credit,
            amount=amount,
            flags=flags,
            pending_id=pending_id,
        )


def _with(transfer: Transfer, *, flags: TransferFlags) -> Transfer:
    return Transfer(
        id=transfer.id,
        ledger=transfer.ledger,
        code=transfer.code,
        debit_account_id=transfer.debit_account_id,
        credit_account_id=transfer.credit_account_id,
        amount=transfer.amount,
        flags=flags,
    )
