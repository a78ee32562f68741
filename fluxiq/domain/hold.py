"""Holds that outlive their hour: whether somebody is still at work on one, judged from paper.

A hold never times out by itself, because it was promised to a counterparty. So one whose workflow
was lost would keep a customer's money for ever; and one that is voided too early gives back money
that has left. The second is the worse mistake: only what can no longer be paid is voided.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from fluxiq.domain.dead_letter import LetterState
from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import PayoutStage
from fluxiq.domain.transfer import TransferStage


class OpenHold(Struct, frozen=True, kw_only=True):
    """A pending transfer of the ledger that is older than the grace. `finding` says in words what
    is wrong with it, since `found_at`; empty while somebody is at work on it.
    """

    id: int
    code: int  # postings.TransferCode
    amount: int
    reference: int  # domain.references; 0: none
    held_at: datetime
    finding: str = ""
    found_at: datetime | None = None


class Workflow(Struct, frozen=True, kw_only=True):
    """What is on paper of an order that was not sent yet, beside its own stage."""

    is_announced: bool = False  # in the outbox
    letter: LetterState | None = None  # of its last dead letter
    decided_at: datetime | None = None


class Remedy(StrEnum):
    """What is to be done about a hold."""

    NOTHING = "nothing"  # its workflow goes on, or waits for an operator
    ANNOUNCE = "announce"  # its order was never sent, and nobody would send it: put it back
    ASK = "ask"  # nobody will send it: as the provider says, it is ended
    POST = "post"  # on paper it is paid
    VOID = "void"  # on paper it has failed, and nobody outside ever knew of it
    ASK_AND_VOID = "ask_and_void"  # on paper it has failed; voided unless the provider contradicts


_STAGES: Mapping[PayoutStage, Remedy] = MappingProxyType(
    {
        # Nothing is held for a day to come; a hold of one of these is a bug for a person to see.
        PayoutStage.SCHEDULED: Remedy.NOTHING,
        PayoutStage.CANCELLED: Remedy.NOTHING,
        # Each has a sweep of its own: what is not held yet, and what the provider has.
        PayoutStage.SCHEDULED: Remedy.NOTHING,
        PayoutStage.CREATED: Remedy.NOTHING,
        PayoutStage.SENT: Remedy.NOTHING,
        PayoutStage.IN_DOUBT: Remedy.NOTHING,
        PayoutStage.CONFIRMED: Remedy.POST,
        PayoutStage.RETURNED: Remedy.POST,
        PayoutStage.FAILED: Remedy.ASK_AND_VOID,
        PayoutStage.CANCELLED: Remedy.ASK_AND_VOID,  # before it was held, as a rule
    }
)

_TRANSFER_STAGES: Mapping[TransferStage, Remedy] = MappingProxyType(
    {
        TransferStage.CREATED: Remedy.NOTHING,
        TransferStage.PENDING: Remedy.NOTHING,
        TransferStage.APPROVED: Remedy.NOTHING,
        TransferStage.DECLINED: Remedy.NOTHING,
        TransferStage.COMPLETED: Remedy.POST,
        TransferStage.FAILED: Remedy.VOID,
    }
)


def judge_order(stage: PayoutStage, workflow: Workflow, before: datetime) -> Remedy:
    """For the hold of a payout or refund. `before`: who began a try until then has ended it.

    A discarded order is asked about only when every try that could not know of the discarding is
    over, because such a try may have sent it.
    """
    if stage is not PayoutStage.HELD:
        return _STAGES[stage]
    if workflow.is_announced or workflow.letter is LetterState.DEAD:
        return Remedy.NOTHING
    if workflow.letter is LetterState.DISCARDED:
        assert workflow.decided_at is not None, "a decision has a time"
        return Remedy.ASK if workflow.decided_at < before else Remedy.NOTHING
    return Remedy.ANNOUNCE


def judge_transfer(stage: TransferStage) -> Remedy:
    """For the hold of a book transfer: nobody outside knows of it."""
    return _TRANSFER_STAGES[stage]


# What an answer to an enquiry means for an order that nobody will send any more. `accepted` is no
# end: the provider has it and will say how it went. No answer at all decides nothing.
ENDED_BY: Mapping[str, PayoutEvent] = MappingProxyType(
    {
        "settled": PayoutEvent.CONFIRMED,
        "rejected": PayoutEvent.FAILED,
        "not_found": PayoutEvent.FAILED,
        "accepted": PayoutEvent.SENT,
    }
)
