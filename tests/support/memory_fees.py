"""`ports.fees.Fees` in memory, beside the receipts and the ledger that it reads."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import trio

from fluxiq.domain.fee import AgreedFee
from fluxiq.domain.records import Event, Receipt
from fluxiq.domain.schedule import SAO_PAULO
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ports import Archived, Page
from fluxiq.ports.fees import Booked, FeeBucket, Fees, FeesWanted, FeeTotal

_ZONE = ZoneInfo(SAO_PAULO)


class MemoryFees(Fees):
    """`versions` are what was agreed, by merchant, the first one first. `is_behind` says that the
    ledger's copy lacks what the ledger has.
    """

    def __init__(
        self,
        versions: dict[str, list[AgreedFee]],
        receipts: Mapping[str, Receipt],
        ledger: ModelLedger,
        tell: Callable[[Event], tuple[str, ...]],
    ) -> None:
        self.versions = versions
        self.is_behind = False
        self._receipts = receipts
        self._ledger = ledger
        self._tell = tell

    async def agreed(self, merchant_id: str, limit: int) -> list[AgreedFee]:
        await trio.lowlevel.checkpoint()
        return self.versions.get(merchant_id, [])[::-1][:limit]

    async def agree(
        self, fee: AgreedFee, before: AgreedFee | None, event: Event
    ) -> Archived | None:
        await trio.lowlevel.checkpoint()
        known = self.versions.setdefault(fee.merchant_id, [])
        assert fee.version == (1 if before is None else before.version + 1), "versions follow"
        if len(known) >= fee.version:
            return None
        known.append(fee)
        return Archived(endpoint_ids=self._tell(event))

    async def totals(self, wanted: FeesWanted) -> list[FeeTotal]:
        await trio.lowlevel.checkpoint()
        found: dict[date, FeeTotal] = {}
        for one in self._charged(wanted.merchant_id):
            day = one.received_at.astimezone(_ZONE).date()
            if not wanted.since <= day <= wanted.until:
                continue
            since = day.replace(day=1) if wanted.bucket is FeeBucket.MONTH else day
            so_far = found.get(since) or FeeTotal(since=since, payments=0, amount=0, fees=0)
            found[since] = FeeTotal(
                since=since,
                payments=so_far.payments + 1,
                amount=so_far.amount + one.amount,
                fees=so_far.fees + one.fee,
            )
        return [found[since] for since in sorted(found)]

    async def charged(self, merchant_id: str, page: Page) -> tuple[list[Receipt], int]:
        await trio.lowlevel.checkpoint()
        found = sorted(
            self._charged(merchant_id), key=lambda one: (one.received_at, one.id), reverse=True
        )
        first = (page.number - 1) * page.size
        return found[first : first + page.size], len(found)

    async def booked(self, transfer_ids: Sequence[int]) -> dict[int, Booked]:
        await trio.lowlevel.checkpoint()
        known = {} if self.is_behind else self._ledger.cluster.transfers
        return {
            one: Booked(known[one].code, known[one].amount) for one in transfer_ids if one in known
        }

    def _charged(self, merchant_id: str) -> list[Receipt]:
        return [
            one for one in self._receipts.values() if one.merchant_id == merchant_id and one.fee
        ]
