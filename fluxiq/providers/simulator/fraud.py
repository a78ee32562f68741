"""Reports of fraud at the provider: what people outside report, and what customers answer.

Nothing is checked of the payment: a report may be about one that the customer never received. Told
again, or told what does not follow, a report stays as it is, and that is the answer.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Protocol
from uuid import uuid4

from msgspec.structs import replace

from fluxiq.errors import Refused
from fluxiq.providers.order_messages import (
    AnalysisResult,
    InfractionNotice,
    InfractionReply,
    InfractionState,
    Situation,
)
from fluxiq.providers.simulator.journal import Decided, Line, Reported, SomeNotice
from fluxiq.providers.simulator.messages import FraudTold, ReportFraud
from fluxiq.providers.simulator.plan import plan_of

REPORTS_MAX: Final = 10_000

_S = InfractionState

# Where a report may go from where it is; the reporter may cancel until it is closed.
TRANSITIONS: Final[Mapping[InfractionState, frozenset[InfractionState]]] = MappingProxyType(
    {
        _S.OPEN: frozenset({_S.ACKNOWLEDGED, _S.CANCELLED}),
        _S.ACKNOWLEDGED: frozenset({_S.CLOSED, _S.CANCELLED}),
        _S.CLOSED: frozenset(),
        _S.CANCELLED: frozenset(),
    }
)


class Teller(Protocol):
    """Who keeps the journal and tells customers."""

    def owe(self, ispb: str, notices: Sequence[SomeNotice], lines: Sequence[Line]) -> None:
        """Write `lines`, and tell the customer `notices`. Raises Unavailable."""


class FraudDesk:
    """The reports of all customers, by their ids."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._reports: dict[str, Reported] = {}
        self._standing: dict[str, InfractionReply] = {}
        self._details: dict[tuple[str, str], str] = {}  # by customer and payment: the last report's
        self._unheard: set[tuple[str, InfractionState]] = set()

    def restore(self, line: Reported | Decided) -> None:
        if isinstance(line, Reported):
            self._reports[line.id] = line
            self._details[line.ispb, line.end_to_end_id] = line.details
            self._standing[line.id] = InfractionReply(status=_S.OPEN)
        else:
            self._standing[line.id] = InfractionReply(status=line.status, result=line.result)

    def report(self, wanted: ReportFraud) -> FraudTold:
        """Somebody reports. `withdrawn` says whether it is taken back, and when that is told."""
        if len(self._reports) >= REPORTS_MAX:
            raise Refused("too_many", f"there are {REPORTS_MAX} reports")

        made = Reported(
            ispb=wanted.ispb,
            id=str(uuid4()),
            end_to_end_id=wanted.end_to_end_id,
            situation=wanted.situation,
            details=wanted.details,
        )
        # Of several copies, every second one claims to be news.
        opened = _notice(made, "OPEN")
        notices = [
            replace(opened, eventId=f"{opened.eventId}-{copy}") if copy % 2 else opened
            for copy in range(wanted.copies)
        ]
        lines: list[Reported | Decided] = [made]
        if wanted.withdrawn != "never":
            lines.append(Decided(made.id, _S.CANCELLED))
            taken_back = _notice(made, "CANCELLED")
            notices.insert(0 if wanted.withdrawn == "first" else len(notices), taken_back)

        self._teller.owe(wanted.ispb, notices, lines)
        for line in lines:
            self.restore(line)
        return FraudTold(id=made.id)

    def details_of(self, ispb: str, end_to_end_id: str) -> str:
        """What was reported of a payment: its plan decides how a return for fraud fares."""
        return self._details.get((ispb, end_to_end_id), "")

    def withdraw(self, report_id: str) -> InfractionReply:
        """The reporter takes it back, and the customer is told, if that is not too late."""
        report = self._find(report_id)
        if self._move(report, _S.CANCELLED, notices=[_notice(report, "CANCELLED")]):
            return self._standing[report_id]
        raise Refused("conflict", f"it is {self._standing[report_id].status}")

    def acknowledge(self, ispb: str, report_id: str) -> InfractionReply | None:
        """None: the customer gets no answer, this time."""
        return self._tell(ispb, report_id, _S.ACKNOWLEDGED)

    def close(self, ispb: str, report_id: str, result: AnalysisResult) -> InfractionReply | None:
        """As `acknowledge`."""
        return self._tell(ispb, report_id, _S.CLOSED, result)

    def show(self, report_id: str, ispb: str | None = None) -> InfractionReply:
        """How it stands; to a customer, only of its own. Raises Refused `not_found`."""
        self._find(report_id, ispb)
        return self._standing[report_id]

    def _tell(
        self,
        ispb: str,
        report_id: str,
        status: InfractionState,
        result: AnalysisResult | None = None,
    ) -> InfractionReply | None:
        report = self._find(report_id, ispb)
        self._move(report, status, result)
        tries = (report_id, status)
        if not plan_of(report.details).answers and tries not in self._unheard:
            self._unheard.add(tries)
            return None
        return self._standing[report_id]

    def _move(
        self,
        report: Reported,
        status: InfractionState,
        result: AnalysisResult | None = None,
        notices: Sequence[SomeNotice] = (),
    ) -> bool:
        if status not in TRANSITIONS[self._standing[report.id].status]:
            return False
        line = Decided(report.id, status, result)
        self._teller.owe(report.ispb, notices, [line])
        self.restore(line)
        return True

    def _find(self, report_id: str, ispb: str | None = None) -> Reported:
        report = self._reports.get(report_id)
        if report is None or ispb not in {None, report.ispb}:
            raise Refused("not_found", f"no report {report_id}")
        return report


def _notice(report: Reported, status: str) -> InfractionNotice:
    return InfractionNotice(
        eventId=f"{report.id}-{status.lower()}",
        id=report.id,
        endToEndId=report.end_to_end_id,
        status="OPEN" if status == "OPEN" else "CANCELLED",
        situacao=Situation(report.situation),
        horario=datetime.now(UTC),
        detalhes=report.details,
    )
