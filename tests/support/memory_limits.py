"""`ports.limits.LimitRecords` in memory, and what payouts use up and give back."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

import msgspec
import trio

from fluxiq.domain.limits import Bounds, LimitsState, used_by_day, used_by_night
from fluxiq.domain.records import Account, Event, Merchant, Payout
from fluxiq.ports import Archived
from fluxiq.ports.limits import LimitRecords, LimitsChosen


class MemoryLimitRows:
    """`states` are by account id; `counted` has the day and night that a payout counts into."""

    def __init__(self) -> None:
        self.states: dict[str, LimitsState] = {}
        self.counted: dict[str, tuple[date, date | None]] = {}

    def fits(self, lines: Iterable[tuple[Payout, Bounds]]) -> bool:
        """Whether all of these, of one account, fit together into what they were judged by."""
        asked: dict[tuple[str, Bounds], int] = defaultdict(int)
        for payout, bounds in lines:
            asked[payout.account_id, bounds] += payout.amount
        for (account_id, bounds), amount in asked.items():
            state = self.states.get(account_id)
            if state is None or state.version != bounds.version:
                return False
            day, night = used_by_day(state, bounds.day), used_by_night(state, bounds.night)
            if bounds.day_max is not None and day + amount > bounds.day_max:
                return False
            by_night = bounds.night is not None and bounds.night_max is not None
            if by_night and night + amount > (bounds.night_max or 0):
                return False
        return True

    def count(self, payout: Payout, bounds: Bounds) -> None:
        state = self.states[payout.account_id]
        day = max(bounds.day, state.day or bounds.day)
        changed = msgspec.structs.replace(
            state, day=day, day_used=used_by_day(state, bounds.day) + payout.amount
        )
        night = bounds.night
        if night is not None:
            used = used_by_night(state, night) + payout.amount
            night = max(night, state.night or night)
            changed = msgspec.structs.replace(changed, night=night, night_used=used)
        self.states[payout.account_id] = changed
        self.counted[payout.id] = (day, night)

    def give_back(self, payout: Payout) -> None:
        if payout.id not in self.counted:
            return
        state = self.states[payout.account_id]
        day, night = self.counted[payout.id]
        self.states[payout.account_id] = msgspec.structs.replace(
            state,
            day_used=state.day_used - (payout.amount if state.day == day else 0),
            night_used=state.night_used
            - (payout.amount if night is not None and state.night == night else 0),
        )


class MemoryLimits:
    """`tell` is how an event becomes what endpoints are owed."""

    def __init__(
        self,
        rows: MemoryLimitRows,
        accounts: Mapping[str, Account],
        merchants: Mapping[str, Merchant],
        tell: Callable[[Event], Sequence[str]] = lambda _: (),
    ) -> None:
        self._rows, self._accounts, self._merchants = rows, accounts, merchants
        self._tell = tell

    async def states(self, account_ids: Sequence[str]) -> dict[str, LimitsState]:
        await trio.lowlevel.checkpoint()
        return {one: self._state(one) for one in account_ids if one in self._accounts}

    async def choose(self, chosen: LimitsChosen) -> Archived | None:
        await trio.lowlevel.checkpoint()
        known = self._state(chosen.before.account_id)
        if known.version != chosen.before.version:
            return None
        self._rows.states[known.account_id] = msgspec.structs.replace(
            known,
            version=known.version + 1,
            chosen=chosen.choice.chosen,
            raised=chosen.choice.raised,
            raised_at=chosen.choice.raised_at,
        )
        return Archived(endpoint_ids=tuple(self._tell(chosen.event)))

    def _state(self, account_id: str) -> LimitsState:
        merchant = self._merchants[self._accounts[account_id].merchant_id]
        return self._rows.states.setdefault(
            account_id, LimitsState(account_id=account_id, document=merchant.document)
        )


def keeps_its_promises(limits: MemoryLimits) -> LimitRecords:
    """The twin is a port: said here so that the type checker looks."""
    return limits
