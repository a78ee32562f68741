"""Charges that the provider hosts, as the payers' apps find them: each is paid once, or never.

Real locations are https addresses of signed payloads. Here the payer's app is in the same process
as the host, and looks into its book.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import uuid4

from fluxiq.domain.money import centavos_of, reais, require_amount
from fluxiq.errors import Refused
from fluxiq.providers.cob_messages import Calendar, Cob, CobStatus, CobWanted, Value
from fluxiq.providers.simulator.journal import CobEnded, Hosted, Line

HOST: Final = "pix.simulator.example"
HOSTED_MAX: Final = 100_000


class Writer(Protocol):
    def write(self, lines: list[Line]) -> None:
        """Raises Unavailable."""


class LocationBook:
    """By customer and txid, and by location."""

    def __init__(self, journal: Writer) -> None:
        self._journal = journal
        self._hosted: dict[tuple[str, str], Hosted] = {}
        self._by_location: dict[str, Hosted] = {}
        self._ended: dict[str, CobStatus] = {}  # by location

    def restore(self, line: Hosted | CobEnded) -> None:
        if isinstance(line, CobEnded):
            self._ended[line.location] = line.status
            return
        self._hosted[line.ispb, line.txid] = line
        self._by_location[line.location] = line

    def put(self, ispb: str, txid: str, wanted: CobWanted) -> Cob:
        """The same again is the same. Raises Refused `conflict` for another one of this txid."""
        known = self._hosted.get((ispb, txid))
        if known is not None:
            if (known.amount, known.pix_key) != (_amount(wanted), wanted.chave):
                raise Refused("conflict", "this txid is another charge's")
            return self._cob(known)
        if len(self._hosted) >= HOSTED_MAX:
            raise Refused("too_many", f"{HOSTED_MAX} charges are hosted")

        made = Hosted(
            ispb=ispb,
            txid=txid,
            location=f"{HOST}/qr/v2/{uuid4().hex}",
            amount=_amount(wanted),
            pix_key=wanted.chave,
            lasts_seconds=wanted.calendario.expiracao,
            made_at=datetime.now(UTC),
        )
        self._journal.write([made])
        self.restore(made)
        return self._cob(made)

    def remove(self, ispb: str, txid: str) -> Cob:
        """Raises Refused: not_found, or conflict where it is over."""
        known = self._hosted.get((ispb, txid))
        if known is None:
            raise Refused("not_found", f"no charge {txid}")
        if self._status(known) is not CobStatus.ACTIVE:
            raise Refused("conflict", f"the charge is {self._status(known)}")
        self._end(known, CobStatus.REMOVED_BY_PAYEE)
        return self._cob(known)

    def find(self, location: str) -> Hosted:
        """The charge that a payer's app finds there. Raises Refused, also for one that cannot be
        paid: location_not_found, charge_paid, charge_removed, charge_expired.
        """
        hosted = self._by_location.get(location)
        if hosted is None:
            raise Refused("location_not_found", f"nothing at {location}", field="br_code")
        status = self._status(hosted)
        if status is not CobStatus.ACTIVE:
            code = "charge_paid" if status is CobStatus.PAID else "charge_removed"
            raise Refused(code, f"the charge is {status}", field="br_code")
        if datetime.now(UTC) >= hosted.made_at + timedelta(seconds=hosted.lasts_seconds):
            raise Refused("charge_expired", "the charge has expired", field="br_code")
        return hosted

    def paid(self, ispb: str, txid: str) -> None:
        """Nobody pays it again; nothing for what is not hosted here."""
        hosted = self._hosted.get((ispb, txid))
        if hosted is not None:
            self._end(hosted, CobStatus.PAID)

    def _end(self, hosted: Hosted, status: CobStatus) -> None:
        ended = CobEnded(location=hosted.location, status=status)
        self._journal.write([ended])
        self.restore(ended)

    def _status(self, hosted: Hosted) -> CobStatus:
        return self._ended.get(hosted.location, CobStatus.ACTIVE)

    def _cob(self, hosted: Hosted) -> Cob:
        return Cob(
            txid=hosted.txid,
            status=self._status(hosted),
            calendario=Calendar(expiracao=hosted.lasts_seconds),
            valor=Value(original=reais(hosted.amount)),
            chave=hosted.pix_key,
            location=hosted.location,
        )


def _amount(wanted: CobWanted) -> int:
    return require_amount(centavos_of(wanted.valor.original))
