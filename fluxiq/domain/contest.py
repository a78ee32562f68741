"""Contests: a payment that our customer made and says was fraud (MED, on the payer's side).

Our provider carries it to the payee's institution, which acknowledges it, and agrees or does not
(DICT's infraction report, seen by whoever reports it: OPEN -> ACKNOWLEDGED -> CLOSED, or
CANCELLED). Agreed, money comes back by a return of its own (reason FR01), as any other does: what
has come back is the payout's to know.

`reporting` (on paper; whether the provider has it is not known) `-> reported -> acknowledged ->
accepted | rejected`; `refused`, when the provider will not take it; `cancelled`, when the customer
takes it back. That is so here at once, and is told after: a decision that was quicker than our word
stands.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fluxiq.domain.identifiers import parse_end_to_end_id
from fluxiq.domain.med import MedReason
from fluxiq.domain.records import Payout, PayoutStage
from fluxiq.errors import Refused

# "Em até 80 dias da data em que o Pix foi realizado" (Banco Central, Mecanismo Especial de
# Devolução): counted from the minute in the payment's end-to-end id, which never changes.
CONTEST_DAYS_MAX: Final = 80

ASK_SECONDS: Final = 5.0  # soon, then as much later as the contest is old …
ASK_SECONDS_MAX: Final = 3600.0  # … up to this


class ContestStatus(StrEnum):
    REPORTING = "reporting"
    REPORTED = "reported"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class ContestEvent(StrEnum):
    """What can happen to a contest: the provider says so, or for CANCELLED its customer."""

    REPORTED = "reported"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class Owed(StrEnum):
    """What the provider is owed next."""

    REPORT = "report"
    CANCEL = "cancel"
    ASK = "ask"  # nothing but the question how it stands


class ContestWord(StrEnum):
    """What a provider says of a contest. REFUSED: it will not do what it was told."""

    UNKNOWN = "unknown"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class ContestAnswer(Struct, frozen=True):
    """`reason` is the code of a refusal."""

    word: ContestWord
    reason: str | None = None


class Contest(Struct, frozen=True, kw_only=True):
    """Of the payout `payout_id`, of `amount` centavos. Its `id` is its name with the provider too.

    `owed` is None when nothing can happen any more; `in_doubt`: the provider was told what is owed,
    and did not answer.
    """

    id: str  # cts_…
    payout_id: str
    merchant_id: str
    account_id: str
    end_to_end_id: str
    amount: int
    reason: MedReason
    details: str
    status: ContestStatus
    provider: str  # the link's name
    opened_by: str
    created_at: datetime
    updated_at: datetime
    due_at: datetime  # when what is owed may be said
    owed: Owed | None = Owed.REPORT
    in_doubt: bool = False
    status_reason: str | None = None
    reported_at: datetime | None = None
    decided_at: datetime | None = None


_S, _E, _W = ContestStatus, ContestEvent, ContestWord

TRANSITIONS: Final[Mapping[tuple[ContestStatus, ContestEvent], ContestStatus]] = MappingProxyType(
    {
        (_S.REPORTING, _E.REPORTED): _S.REPORTED,
        (_S.REPORTING, _E.ACKNOWLEDGED): _S.ACKNOWLEDGED,
        (_S.REPORTING, _E.ACCEPTED): _S.ACCEPTED,
        (_S.REPORTING, _E.REJECTED): _S.REJECTED,
        (_S.REPORTING, _E.CANCELLED): _S.CANCELLED,
        (_S.REPORTING, _E.REFUSED): _S.REFUSED,
        (_S.REPORTED, _E.ACKNOWLEDGED): _S.ACKNOWLEDGED,
        (_S.REPORTED, _E.ACCEPTED): _S.ACCEPTED,
        (_S.REPORTED, _E.REJECTED): _S.REJECTED,
        (_S.REPORTED, _E.CANCELLED): _S.CANCELLED,
        # The provider lost it, and would not take it again.
        (_S.REPORTED, _E.REFUSED): _S.REFUSED,
        (_S.ACKNOWLEDGED, _E.ACCEPTED): _S.ACCEPTED,
        (_S.ACKNOWLEDGED, _E.REJECTED): _S.REJECTED,
        (_S.ACKNOWLEDGED, _E.CANCELLED): _S.CANCELLED,
        (_S.ACKNOWLEDGED, _E.REFUSED): _S.REFUSED,
        # It was decided before the provider heard that it is taken back.
        (_S.CANCELLED, _E.ACCEPTED): _S.ACCEPTED,
        (_S.CANCELLED, _E.REJECTED): _S.REJECTED,
    }
)

ANALYSED: Final = frozenset({_S.REPORTING, _S.REPORTED, _S.ACKNOWLEDGED})
DECIDED: Final = frozenset({_S.ACCEPTED, _S.REJECTED})
GIVEN_UP: Final = frozenset({_S.REJECTED, _S.CANCELLED, _S.REFUSED})

_MEANS: Final[Mapping[ContestWord, ContestEvent]] = MappingProxyType(
    {
        _W.OPEN: _E.REPORTED,
        _W.ACKNOWLEDGED: _E.ACKNOWLEDGED,
        _W.ACCEPTED: _E.ACCEPTED,
        _W.REJECTED: _E.REJECTED,
        _W.CANCELLED: _E.CANCELLED,
    }
)


def advance(status: ContestStatus, event: ContestEvent) -> ContestStatus | None:
    """The status after `event`; None where it means nothing."""
    return TRANSITIONS.get((status, event))


def in_the_way(contest: Contest) -> bool:
    """Whether its payout has no room for another one: also while the provider has not heard that it
    is taken back, since it may have been accepted by then.
    """
    return contest.status not in GIVEN_UP or contest.owed is not None


def require_contestable(payout: Payout, now: datetime) -> None:
    """Raises Refused: payout_not_contestable, contest_deadline_passed."""
    if payout.stage is not PayoutStage.CONFIRMED:
        raise Refused(
            "payout_not_contestable", "only a payment that was made, and is not back, is contested"
        )

    made_at = parse_end_to_end_id(payout.end_to_end_id).at
    if now > made_at + timedelta(days=CONTEST_DAYS_MAX):
        raise Refused(
            "contest_deadline_passed", f"it was made more than {CONTEST_DAYS_MAX} days ago"
        )


def cancelled(contest: Contest, now: datetime) -> Contest | None:
    """Taken back by its customer: said at once, told after. None once it is decided or refused."""
    if contest.status is _S.CANCELLED:
        return contest

    status = advance(contest.status, _E.CANCELLED)
    if status is None:
        return None
    # What may have reached the provider is asked for first, as after every lost answer.
    return replace(contest, status=status, owed=Owed.CANCEL, updated_at=now, due_at=now)


def doubted(contest: Contest, now: datetime) -> Contest:
    """It was told what is owed, and nobody knows whether that arrived: it is asked soon."""
    return replace(
        contest, in_doubt=True, updated_at=now, due_at=now + timedelta(seconds=ASK_SECONDS)
    )


def heard(contest: Contest, answer: ContestAnswer, now: datetime) -> Contest:
    """The contest once the provider has said this of it."""
    assert contest.owed is not None, f"{contest.id} is over, and its provider was asked"
    sure = replace(contest, in_doubt=False, updated_at=now)
    # What follows from a question is done at once; what was done in vain is not done in a circle.
    then = now if contest.in_doubt else asked_at(contest, now)
    match answer.word:
        case ContestWord.UNKNOWN:
            return _unknown(sure, then)
        case ContestWord.REFUSED:
            return _refused(sure, answer.reason, asked_at(contest, now))
        case _:
            return _stands(sure, _MEANS[answer.word], now, then)


def asked_at(contest: Contest, now: datetime) -> datetime:
    """When to ask again: soon, then as much later as it has waited, an hour at most."""
    age = (now - contest.created_at).total_seconds()
    return now + timedelta(seconds=min(max(age, ASK_SECONDS), ASK_SECONDS_MAX))


def _unknown(contest: Contest, then: datetime) -> Contest:
    """The provider does not have it: then it needs no cancelling, and is reported otherwise."""
    if contest.owed is Owed.CANCEL:
        return replace(contest, owed=None)
    return replace(contest, owed=Owed.REPORT, due_at=then)


def _refused(contest: Contest, reason: str | None, then: datetime) -> Contest:
    if contest.owed is not Owed.REPORT:
        # It is not taken back any more: then it was decided, which the question will show.
        return replace(contest, in_doubt=True, due_at=then)

    status = advance(contest.status, _E.REFUSED)
    assert status is not None, f"{contest.id} is {contest.status} and was reported"
    return replace(contest, status=status, status_reason=reason, owed=None)


def _stands(contest: Contest, event: ContestEvent, now: datetime, then: datetime) -> Contest:
    status = advance(contest.status, event) or contest.status
    seen = replace(contest, status=status, reported_at=contest.reported_at or now)
    if status in DECIDED:
        return replace(seen, owed=None, decided_at=now)
    if event is _E.CANCELLED:
        return replace(seen, owed=None)
    if contest.owed is Owed.CANCEL:
        return replace(seen, due_at=then)
    return replace(seen, owed=Owed.ASK, due_at=asked_at(contest, now))
