"""What every ledger answers to a receipt with a fee, asked once, again, and otherwise than before.

`services.credit_receipts` reads these answers; the ledgers' own tests put them to each backend.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from fluxiq.domain import postings
from fluxiq.domain.records import Transfer, TransferStatus
from fluxiq.ports import Ledger

RECEIVED, FEE, OTHER_FEE = 100_00, 1_09, 5_00

_S = TransferStatus


class Receiver(Struct, frozen=True):
    """An institution in ledger `number` whose house accounts are there, and a customer's account
    that nobody has used.
    """

    ledger: Ledger
    number: int
    ispb: str
    customer: int

    async def open(self) -> None:
        customer = postings.customer_account(self.customer, self.number)
        await self.ledger.create_accounts(
            [*postings.house_accounts(self.ispb, self.number), customer]
        )

    async def apply(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        return await self.ledger.create_transfers(transfers)

    def chain(self, name: str, fee: int = FEE) -> tuple[Transfer, Transfer]:
        return postings.pix_in_less_fee(
            self.ispb, self.number, name, self.customer, amount=RECEIVED, fee=fee
        )

    def alone(self, name: str) -> list[Transfer]:
        return [postings.pix_in(self.ispb, self.number, name, self.customer, RECEIVED)]

    def parked(self, name: str) -> list[Transfer]:
        return [postings.pix_in_unidentified(self.ispb, self.number, name, RECEIVED)]

    async def available(self) -> int:
        return (await self.ledger.balances([self.customer]))[self.customer].available


async def check_fee_chains(receiver: Receiver, new_end_to_end_id: Callable[[], str]) -> None:
    await receiver.open()
    for check in (_is_once, _keeps_its_first_fee, _stands_alone, _stays_parked, _is_refused_whole):
        await check(receiver, new_end_to_end_id())


async def _is_once(receiver: Receiver, name: str) -> None:
    before = await receiver.available()
    assert await receiver.apply(receiver.chain(name)) == [_S.CREATED, _S.CREATED]
    assert await receiver.apply(receiver.chain(name)) == [_S.EXISTS, _S.LINKED_EVENT_FAILED]
    assert await receiver.available() == before + RECEIVED - FEE


async def _keeps_its_first_fee(receiver: Receiver, name: str) -> None:
    before = await receiver.available()
    await receiver.apply(receiver.chain(name))
    assert await receiver.apply(receiver.chain(name, OTHER_FEE)) == [
        _S.EXISTS,
        _S.LINKED_EVENT_FAILED,
    ]
    assert await receiver.apply(receiver.alone(name)) == [_S.EXISTS_WITH_DIFFERENT_FLAGS]
    assert await receiver.available() == before + RECEIVED - FEE


async def _stands_alone(receiver: Receiver, name: str) -> None:
    before = await receiver.available()
    await receiver.apply(receiver.alone(name))
    assert await receiver.apply(receiver.chain(name)) == [
        _S.EXISTS_WITH_DIFFERENT_FLAGS,
        _S.LINKED_EVENT_FAILED,
    ]
    assert await receiver.available() == before + RECEIVED


async def _stays_parked(receiver: Receiver, name: str) -> None:
    before = await receiver.available()
    await receiver.apply(receiver.parked(name))
    assert await receiver.apply(receiver.chain(name)) == [
        _S.EXISTS_WITH_DIFFERENT_FLAGS,
        _S.LINKED_EVENT_FAILED,
    ]
    assert await receiver.apply(receiver.alone(name)) == [
        _S.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID
    ]
    assert await receiver.available() == before


async def _is_refused_whole(receiver: Receiver, name: str) -> None:
    """A fee that the funds do not cover, as a stand-in may see them."""
    before = await receiver.available()
    received, fee = receiver.chain(name)
    uncovered = [received, replace(fee, amount=before + RECEIVED + 1)]
    assert await receiver.apply(uncovered) == [_S.LINKED_EVENT_FAILED, _S.EXCEEDS_CREDITS]
    assert await receiver.apply([received, fee]) == [_S.LINKED_EVENT_FAILED, _S.ID_ALREADY_FAILED]
    assert await receiver.apply(receiver.alone(name)) == [_S.CREATED]
    assert await receiver.available() == before + RECEIVED
