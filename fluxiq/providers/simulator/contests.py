"""Contests at the provider: customers say that a payment of theirs was fraud, and the payee's
institution, which is simulated as well, decides.

Each is acknowledged at once, and agreed a little later: what is left of the payment comes back. The
first word of the details may say otherwise, as a magic key does (`disagreed@example.com`):

| word | what happens |
|---|---|
| `disagreed` | the payee's institution disagrees |
| `half` | it agrees, and half comes back |
| `refused` | the provider does not take it (422 `contest_refused`) |
| `lost` | every word of the customer's arrives, and is not answered the first time |
| `slow` | decided after `slow_seconds` |
| `silent` | never decided |
"""

import secrets
import string
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from fluxiq.domain.identifiers import SUFFIX_LENGTH, build_return_id
from fluxiq.domain.money import reais
from fluxiq.errors import Refused, Unavailable
from fluxiq.providers.order_messages import (
    AnalysisResult,
    InfractionReply,
    InfractionState,
    ReturnNotice,
)
from fluxiq.providers.simulator.config import ISPB
from fluxiq.providers.simulator.journal import Contested, ContestEnded, Line, SomeNotice
from fluxiq.providers.simulator.orders import Order, OrderState

CONTESTS_MAX: Final = 10_000
DECIDE_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 1.0  # when the journal or the post takes nothing
FRAUD: Final = "FR01"  # SPI's reason of a return

_S = InfractionState
_LETTERS = string.ascii_letters + string.digits


class Counter(Protocol):
    """Who keeps the journal, tells customers, and knows their payments."""

    def owe(self, ispb: str, notices: Sequence[SomeNotice], lines: Sequence[Line]) -> None:
        """Write `lines`, and tell the customer `notices`. Raises Unavailable."""

    def find(self, end_to_end_id: str) -> Order | None: ...


class Clockwork(Protocol):
    def after(self, seconds: float, action: Callable[[], None]) -> None: ...


class ContestDesk:
    """The contests of all customers, by their ids, which customers give them."""

    def __init__(self, counter: Counter, timetable: Clockwork, slow_seconds: float) -> None:
        self._counter = counter
        self._timetable = timetable
        self._slow_seconds = slow_seconds
        self._contests: dict[str, Contested] = {}
        self._ends: dict[str, InfractionReply] = {}
        self._unheard: set[tuple[str, str]] = set()

    def restore(self, line: Contested | ContestEnded) -> None:
        if isinstance(line, Contested):
            self._contests[line.id] = line
        else:
            self._ends[line.id] = InfractionReply(status=line.status, result=line.result)

    def go_on(self) -> None:
        """After a restart: what was not decided will be."""
        for contest in self._contests.values():
            if contest.id not in self._ends:
                self._schedule(contest)

    def take(self, wanted: Contested) -> InfractionReply | None:
        """The same id again is the same contest. None: the customer gets no answer, this time.
        Raises Refused: conflict, payment_not_found, contest_refused; Unavailable.
        """
        known = self._contests.get(wanted.id)
        if known is None:
            self._begin(wanted)
        elif known != wanted:
            raise Refused("conflict", "this id is another contest's")
        return self._answer(wanted, "take")

    def cancel(self, ispb: str, contest_id: str) -> InfractionReply | None:
        """As `take`; twice is once. Raises Refused: not_found; conflict, once it is decided."""
        contest = self._find(ispb, contest_id)
        end = self._ends.get(contest_id)
        if end is None:
            self._end(contest, ContestEnded(contest_id, _S.CANCELLED))
        elif end.status is _S.CLOSED:
            raise Refused("conflict", "it is decided")
        return self._answer(contest, "cancel")

    def show(self, ispb: str, contest_id: str) -> InfractionReply:
        """How it stands. Raises Refused `not_found`."""
        return self._stands(self._find(ispb, contest_id).id)

    def _begin(self, wanted: Contested) -> None:
        if len(self._contests) >= CONTESTS_MAX:
            raise Refused("too_many", f"there are {CONTESTS_MAX} contests")
        order = self._counter.find(wanted.end_to_end_id)
        if order is None or (order.ispb, order.amount) != (wanted.ispb, wanted.amount):
            raise Refused("payment_not_found", f"no payment {wanted.end_to_end_id} of this amount")
        if order.state is not OrderState.SETTLED:
            raise Refused("payment_not_found", f"{wanted.end_to_end_id} did not settle")
        if _word(wanted) == "refused":
            raise Refused("contest_refused", "the payee's institution takes no contests")

        self._counter.owe(wanted.ispb, [], [wanted])
        self.restore(wanted)
        self._schedule(wanted)

    def _schedule(self, contest: Contested) -> None:
        word = _word(contest)
        if word != "silent":
            seconds = self._slow_seconds if word == "slow" else DECIDE_SECONDS
            self._timetable.after(seconds, lambda: self._decide(contest))

    def _decide(self, contest: Contested) -> None:
        """Nothing happens when it was taken back. The decision and the money are one write."""
        if contest.id in self._ends:
            return
        agrees = _word(contest) != "disagreed"
        result = AnalysisResult.AGREED if agrees else AnalysisResult.DISAGREED
        back = self._amount_back(contest) if agrees else 0
        try:
            notices = [_return_of(contest, back)] if back else []
            self._end(contest, ContestEnded(contest.id, _S.CLOSED, result), notices)
        except Unavailable:
            self._timetable.after(AGAIN_SECONDS, lambda: self._decide(contest))

    def _amount_back(self, contest: Contested) -> int:
        """What is left of the payment: its key may have had a part of it come back before."""
        order = self._counter.find(contest.end_to_end_id)
        parts = 0 if order is None else order.plan.returned_parts
        left = contest.amount - -(-contest.amount * parts // 2)
        return -(-left // 2) if _word(contest) == "half" else left

    def _end(
        self, contest: Contested, end: ContestEnded, notices: Sequence[SomeNotice] = ()
    ) -> None:
        self._counter.owe(contest.ispb, notices, [end])
        self.restore(end)

    def _answer(self, contest: Contested, verb: str) -> InfractionReply | None:
        tries = (contest.id, verb)
        if _word(contest) == "lost" and tries not in self._unheard:
            self._unheard.add(tries)
            return None
        return self._stands(contest.id)

    def _stands(self, contest_id: str) -> InfractionReply:
        return self._ends.get(contest_id, InfractionReply(status=_S.ACKNOWLEDGED))

    def _find(self, ispb: str, contest_id: str) -> Contested:
        contest = self._contests.get(contest_id)
        if contest is None or contest.ispb != ispb:
            raise Refused("not_found", f"no contest {contest_id}")
        return contest


def _word(contest: Contested) -> str:
    word, at, _ = contest.details.partition("@")
    return word if at else ""


def _return_of(contest: Contested, amount: int) -> ReturnNotice:
    now = datetime.now(UTC)
    suffix = "".join(secrets.choice(_LETTERS) for _ in range(SUFFIX_LENGTH))
    return_id = build_return_id(ISPB, now, suffix)
    return ReturnNotice(
        eventId=return_id,
        endToEndId=contest.end_to_end_id,
        rtrId=return_id,
        valor=reais(amount),
        horario=now,
        motivo=FRAUD,
    )
