"""The provider itself: orders, what becomes of them, and what is owed to customers.

Everything that must outlive the process is in the journal before anybody is told of it.
"""

import secrets
import string
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import trio
from msgspec.structs import replace

from fluxiq.domain.identifiers import SUFFIX_LENGTH, build_end_to_end_id, build_return_id
from fluxiq.errors import Unavailable
from fluxiq.providers.order_messages import (
    InfractionNotice,
    OutcomeNotice,
    ReceiptNotice,
    ReturnNotice,
)
from fluxiq.providers.simulator.books import Books
from fluxiq.providers.simulator.config import ISPB, SimulatorConfig
from fluxiq.providers.simulator.contests import ContestDesk
from fluxiq.providers.simulator.fraud import FraudDesk
from fluxiq.providers.simulator.journal import (
    Accepted,
    Answered,
    CobEnded,
    Contested,
    ContestEnded,
    Decided,
    Ended,
    Hosted,
    Journal,
    Line,
    Owed,
    Reported,
    SomeNotice,
    Untold,
)
from fluxiq.providers.simulator.locations import LocationBook
from fluxiq.providers.simulator.messages import Paid, SomePayer, Statistics
from fluxiq.providers.simulator.orders import (
    RETURN_FACTOR,
    Order,
    OrderState,
    advance,
    notices_of,
    receipt_of,
    return_of,
)
from fluxiq.providers.simulator.plan import Plan
from fluxiq.providers.simulator.postman import Letter, Postman
from fluxiq.providers.simulator.timetable import Timetable

LOST_MAX = 10_000  # first tries remembered as lost; a forgotten one is lost once more
_LETTERS = string.ascii_letters + string.digits


class Psp:
    """Made with its journal; `restore` once, `attach` the postmen, and it works."""

    def __init__(self, config: SimulatorConfig, journal: Journal, timetable: Timetable) -> None:
        self._config = config
        self._journal = journal
        self._timetable = timetable
        self.books = Books(config.orders_max)
        self.fraud = FraudDesk(self)
        self.contests = ContestDesk(self, timetable, config.slow_seconds)
        self.locations = LocationBook(journal)
        self._postmen: Mapping[str, Postman] = {}
        self._orders: dict[str, Order] = {}
        self._open = 0
        self._owed: dict[int, Owed] = {}
        self._number = 0
        self._answers: dict[int, trio.Event] = {}
        self._lost: dict[str, None] = {}
        self._repeated = self._answered_count = self._paid_count = 0

    def restore(self, lines: Iterable[Line]) -> None:
        """Read the past, in order, before anything else happens."""
        for line in lines:
            match line:
                case Accepted():
                    self._keep(
                        Order(
                            ispb=line.ispb,
                            end_to_end_id=line.end_to_end_id,
                            amount=line.amount,
                            pix_key=line.pix_key,
                            account=line.account,
                        )
                    )
                case Ended():
                    self._end(line)
                case Untold():
                    self.books.received(line.ispb, line.receipt)
                case Owed():
                    self._settle(line)
                    self._owed[line.number] = line
                    self._number = max(self._number, line.number)
                case Reported() | Decided() | Contested() | ContestEnded():
                    self._restore_report(line)
                case Hosted() | CobEnded():
                    self.locations.restore(line)
                case Answered():
                    for number in line.numbers:
                        self._owed.pop(number, None)

    def _restore_report(self, line: Reported | Decided | Contested | ContestEnded) -> None:
        if isinstance(line, Reported | Decided):
            self.fraud.restore(line)
        else:
            self.contests.restore(line)

    def attach(self, postmen: Mapping[str, Postman]) -> None:
        """Go on where the past stopped: open orders end, owed notices are told."""
        self._postmen = postmen
        for order in [one for one in self._orders.values() if one.state is OrderState.ACCEPTED]:
            self._schedule(order, order.plan)
        self.contests.go_on()
        for owed in self._owed.values():
            self._post(owed)

    # Orders.

    def find(self, end_to_end_id: str) -> Order | None:
        return self._orders.get(end_to_end_id)

    def is_lost(self, end_to_end_id: str, plan: Plan) -> bool:
        """Whether this try never arrives: only the first one of a plan that says so."""
        if plan.arrives or end_to_end_id in self._lost:
            return False

        if len(self._lost) >= LOST_MAX:
            del self._lost[next(iter(self._lost))]
        self._lost[end_to_end_id] = None
        return True

    def repeat(self, order: Order) -> Order:
        """The same order came again: counted, and nothing else."""
        self._repeated += 1
        return order

    def accept(self, order: Order) -> None:
        """On paper, and due to end. Raises Unavailable when too much is owed or cannot be kept."""
        self._require_room()
        self._journal.write(
            [Accepted(order.ispb, order.end_to_end_id, order.amount, order.pix_key, order.account)]
        )
        self._keep(order)
        plan = order.plan
        if not plan.tells_first:
            self._schedule(order, plan)

    async def tell_first(self, order: Order, seconds_max: float) -> None:
        """End an accepted order, and wait until its customer has answered the notice."""
        owed = self._finish(order)
        answered = self._answers[owed[0].number] = trio.Event()
        try:
            with trio.move_on_after(seconds_max):
                await answered.wait()
        finally:
            self._answers.pop(owed[0].number, None)

    # Receipts.

    def receive(
        self,
        ispb: str,
        pix_key: str,
        amount: int,
        *,
        payer: SomePayer,
        txid: str | None = None,
        copies: int = 1,
        is_told: bool = True,
    ) -> Paid:
        """Somebody paid `amount` centavos to a key of the customer `ispb`. Raises Unavailable."""
        self._require_room()
        now = datetime.now(UTC)
        end_to_end_id = build_end_to_end_id(ISPB, now, _suffix())
        notice = receipt_of(end_to_end_id, pix_key, amount, payer, txid)
        paid = Paid(end_to_end_id=end_to_end_id, amount=amount, txid=txid)
        self._paid_count += 1
        if not is_told:
            self._journal.write([Untold(ispb, notice)])
            self.books.received(ispb, notice)
            return paid

        # Of several copies, every second one claims to be news.
        self._owe(
            [
                self._owed_notice(
                    ispb,
                    replace(notice, eventId=f"{end_to_end_id}-{copy}" if copy % 2 else None),
                )
                for copy in range(copies)
            ]
        )
        return paid

    # Notices.

    def owe(self, ispb: str, notices: Sequence[SomeNotice], lines: Sequence[Line]) -> None:
        """What the fraud desk writes and has told, as one write. Raises Unavailable."""
        self._require_room()
        owed = [self._owed_notice(ispb, notice) for notice in notices]
        self._journal.write([*lines, *owed])
        self._owe(owed, written=True)

    def answered(self, letters: Sequence[Letter]) -> None:
        """A customer took these."""
        self._journal.write([Answered(tuple(letter.number for letter in letters))])
        self._answered_count += len(letters)
        for letter in letters:
            del self._owed[letter.number]
            waiting = self._answers.get(letter.number)
            if waiting is not None:
                waiting.set()

    def statistics(self) -> Statistics:
        return Statistics(
            orders=len(self._orders),
            orders_open=self._open,
            orders_repeated=self._repeated,
            notices_owed=len(self._owed),
            notices_answered=self._answered_count,
            calls_failed=sum(one.calls_failed for one in self._postmen.values()),
            payments_made=self._paid_count,
        )

    # Below the counter.

    def _require_room(self) -> None:
        if self._open + len(self._owed) >= self._config.owing_max:
            raise Unavailable("simulator", "too many notices are owed", retry_after=1.0)

    def _keep(self, order: Order) -> None:
        self._orders[order.end_to_end_id] = order
        self._open += 1
        if len(self._orders) > self._config.orders_max:
            oldest = next(iter(self._orders))
            if self._orders[oldest].state is not OrderState.ACCEPTED:
                del self._orders[oldest]

    def _end(self, line: Ended) -> None:
        """Nothing happens when it was over, or is forgotten."""
        order = self._orders.get(line.end_to_end_id)
        ended = order and advance(order, line.reason_code)
        if not ended:
            return

        self._orders[ended.end_to_end_id] = ended
        self._open -= 1
        if ended.state is OrderState.SETTLED and line.at is not None:
            self.books.settled(ended, line.at)

    def _settle(self, owed: Owed) -> None:
        """What is owed tells of money that has moved."""
        if owed.receipt is not None:
            self.books.received(owed.ispb, owed.receipt)
        if owed.returned is not None:
            self.books.returned(owed.ispb, owed.returned)

    def _schedule(self, order: Order, plan: Plan) -> None:
        if not plan.ends:
            return
        delay = self._config.slow_seconds if plan.is_slow else self._config.confirm_seconds
        self._timetable.after(delay, lambda: self._finish_if_open(order.end_to_end_id))

    def _finish_if_open(self, end_to_end_id: str) -> None:
        order = self._orders.get(end_to_end_id)
        if order is not None and order.state is OrderState.ACCEPTED:
            self._finish(order)

    def _finish(self, order: Order) -> list[Owed]:
        """Settle or reject; the end and what is owed for it are one write."""
        plan = order.plan
        end = Ended(order.end_to_end_id, plan.reason_code, datetime.now(UTC))
        owed = [
            self._owed_notice(order.ispb, notice, seconds)
            for notice, seconds in notices_of(order, plan, self._config.confirm_seconds)
        ]
        if plan.returned_parts:
            returned = return_of(order, plan, build_return_id(ISPB, datetime.now(UTC), _suffix()))
            late = RETURN_FACTOR * self._config.confirm_seconds
            owed.append(self._owed_notice(order.ispb, returned, late))
        self._journal.write([end, *owed])
        self._end(end)
        self._owe(owed, written=True)
        return owed

    def _owed_notice(self, ispb: str, notice: SomeNotice, seconds: float = 0.0) -> Owed:
        self._number += 1
        return Owed(
            number=self._number,
            ispb=ispb,
            due=datetime.now(UTC) + timedelta(seconds=seconds),
            receipt=notice if isinstance(notice, ReceiptNotice) else None,
            outcome=notice if isinstance(notice, OutcomeNotice) else None,
            returned=notice if isinstance(notice, ReturnNotice) else None,
            infraction=notice if isinstance(notice, InfractionNotice) else None,
        )

    def _owe(self, notices: Sequence[Owed], *, written: bool = False) -> None:
        if not written:
            self._journal.write(notices)
        for owed in notices:
            self._settle(owed)
            self._owed[owed.number] = owed
            self._post(owed)

    def _post(self, owed: Owed) -> None:
        postman = self._postmen.get(owed.ispb)
        if postman is None:
            # A customer who left: kept in the journal in case it comes back.
            return

        letter = Letter(number=owed.number, notice=owed.notice)
        wait = (owed.due - datetime.now(UTC)).total_seconds()
        if wait <= 0:
            postman.hand(letter)
        else:
            self._timetable.after(wait, lambda: postman.hand(letter))


def _suffix() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(SUFFIX_LENGTH))
