"""The Vault of PIX in: a batch of receipts is credited, each with the fee for it or without.

A receipt and its fee are one chain of the ledger's: both or neither (`domain.postings`). What is
certain in the first answer costs one call, as it does without fees. Two things are not certain.

The fee may be refused, and with it the chain. Fees are at most what is received, so only a stand-in
refuses them, which counts what may have been spent and not what may have come in (docs/ledger.md).
Money received is always taken: then the receipt is credited alone, and the fee is waived for good.

An earlier try, which crashed before its archive, may have moved the money under another plan, or
have seen no account for it. What it did stands. The ledger does not say what that was, its copy in
Postgres does, a moment later: until it is there, the batch comes again.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from fluxiq.domain import postings
from fluxiq.domain.postings import TransferCode
from fluxiq.domain.receipt import ReceiptDecision, ReceiptOutcome
from fluxiq.domain.records import Notice, ReceiptReason, Transfer, TransferStatus
from fluxiq.errors import Unavailable
from fluxiq.services.tenant import Tenant

_S = TransferStatus

# An earlier try saw no account for this money.
_PARKED_BEFORE: Final = {
    _S.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID,
    _S.EXISTS_WITH_DIFFERENT_CODE,
}
# Why the fee of a chain is refused: funds, now or in an earlier try, which burnt its id.
_REFUSED: Final = {_S.EXCEEDS_CREDITS, _S.ID_ALREADY_FAILED}


class Receiving(Struct, frozen=True):
    """A notice of money received, how it was judged, and the fee for it: in what is asked for that
    of the plan, in what is answered that of the ledger.
    """

    notice: Notice
    decision: ReceiptDecision
    fee: int = 0

    def settled(self, *, fee: int) -> "Receiving":
        return Receiving(self.notice, self.decision, fee)

    def parked(self) -> "Receiving":
        decision = ReceiptDecision(
            outcome=ReceiptOutcome.UNIDENTIFIED, reason=ReceiptReason.UNIDENTIFIED
        )
        return Receiving(self.notice, decision)


class _Answer(NamedTuple):
    asked: Receiving
    credit: TransferStatus
    fee: TransferStatus | None  # None: there is none

    @property
    def refuses_the_fee(self) -> bool:
        return self.credit is _S.LINKED_EVENT_FAILED and self.fee in _REFUSED

    @property
    def settled(self) -> Receiving | None:
        """What stands, where the answer says so; None where it is to be looked up."""
        if self.credit is _S.CREATED:
            return self.asked
        if self.credit is _S.EXISTS_WITH_DIFFERENT_FLAGS:
            return None
        if self.credit is _S.EXISTS:
            return self.asked if self.fee is None else None
        if self.credit in _PARKED_BEFORE and self.fee is None:
            return self.asked.parked()
        name = self.asked.notice.end_to_end_id
        raise AssertionError(
            f"the ledger answered {self.credit} to receipt {name}, {self.fee} to its fee"
        )


async def credit_receipts(tenant: Tenant, asked: Sequence[Receiving]) -> list[Receiving]:
    """As they stand in the ledger, in the order of `asked`. None of them is a duplicate.

    Raises Unavailable or Unknown: the batch will come again.
    """
    answers = await _apply(tenant, asked)
    refused = [place for place, answer in enumerate(answers) if answer.refuses_the_fee]
    if refused:
        alone = [asked[place].settled(fee=0) for place in refused]
        for place, answer in zip(refused, await _apply(tenant, alone), strict=True):
            answers[place] = answer

    settled = [answer.settled for answer in answers]
    unclear = [place for place, one in enumerate(settled) if one is None]
    if unclear:
        booked = await _as_booked(tenant, [asked[place] for place in unclear])
        for place, one in zip(unclear, booked, strict=True):
            settled[place] = one
    return [one for one in settled if one is not None]


async def _apply(tenant: Tenant, asked: Sequence[Receiving]) -> list[_Answer]:
    """One call for all."""
    chains = [_transfers(tenant, one) for one in asked]
    flat = [transfer for chain in chains for transfer in chain]
    statuses = iter(await tenant.ledger.create_transfers(flat))
    return [
        _Answer(one, next(statuses), next(statuses) if len(chain) > 1 else None)
        for one, chain in zip(asked, chains, strict=True)
    ]


def _transfers(tenant: Tenant, one: Receiving) -> tuple[Transfer, ...]:
    account, amount = one.decision.account, one.notice.amount
    receipt = tenant.ispb, tenant.institution.ledger, one.notice.end_to_end_id
    if account is None:
        return (postings.pix_in_unidentified(*receipt, amount),)
    if not one.fee:
        return (postings.pix_in(*receipt, account.ledger_id, amount),)
    return postings.pix_in_less_fee(*receipt, account.ledger_id, amount=amount, fee=one.fee)


async def _as_booked(tenant: Tenant, asked: Sequence[Receiving]) -> list[Receiving]:
    """What earlier tries did, as the ledger's copy has it. Raises Unavailable before it does."""
    names = [one.notice.end_to_end_id for one in asked]
    credits_ = [postings.pix_in_id(tenant.ispb, name) for name in names]
    fees = [postings.fee_id(tenant.ispb, name) for name in names]
    booked = await tenant.fees.booked([*credits_, *fees])
    found = []

    for one, credit_id, fee_id in zip(asked, credits_, fees, strict=True):
        credit, fee = booked.get(credit_id), booked.get(fee_id)
        if credit is None:
            raise Unavailable("ledger", "its copy lacks what an earlier try has moved")
        if credit.code == TransferCode.PIX_IN_UNIDENTIFIED:
            found.append(one.parked())
        else:
            assert one.decision.account is not None, "a key that was somebody's is nobody's"
            found.append(one.settled(fee=0 if fee is None else fee.amount))

    return found
