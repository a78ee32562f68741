"""Back to TigerBeetle: resolve what is unknown, replay the stand-in, verify, close.

Everything here may be repeated from the start, after a crash too: what TigerBeetle has already,
it calls `exists`, and every account is compared in every attempt.
"""

from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import trio

from fluxiq.domain.ledger_records import Balance, Transfer
from fluxiq.domain.ledger_statuses import TRANSIENT, TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.parts import Mode
from fluxiq.ledgers.tigerbeetle.records import pack_transfers, unpack_transfers
from fluxiq.ledgers.tigerbeetle.results import (
    TransferResult,
    pack_transfer_results,
    unpack_transfer_results,
)
from fluxiq.ledgers.writer.answers import as_first_answered, cancel_of

if TYPE_CHECKING:
    from fluxiq.ledgers.writer.writer import Writer

T = TypeVar("T")

CLOSINGS_MAX: Final = 20
CLOSING_SECONDS: Final = 0.5  # in which the stand-in serves between two of them
LOOK_SECONDS: Final = 0.25
FINDINGS_SHOWN: Final = 5
VERIFIED: Final = "recovered and verified"  # the reason with which TigerBeetle is back
_CANCELLED: Final = frozenset(
    {TransferStatus.DEBIT_ACCOUNT_NOT_FOUND, TransferStatus.ID_ALREADY_FAILED}
)


class TigerBeetleAway(Exception):
    """TigerBeetle did not answer, as opposed to Postgres."""


class RecoveryRefused(Exception):
    """TigerBeetle and the stand-in do not agree. Nothing was closed; the findings say where."""

    def __init__(self, institution: str, findings: Sequence[str]) -> None:
        shown = "; ".join(findings[:FINDINGS_SHOWN])
        super().__init__(f"{institution}: {len(findings)} findings: {shown}")
        self.findings = tuple(findings)


class Recovery:
    """One attempt. `touched` are the accounts that may differ and must agree at its end."""

    def __init__(self, writer: "Writer") -> None:
        self.writer = writer
        assert writer.tigerbeetle is not None, "only where there is one to return to"
        self.tigerbeetle = writer.tigerbeetle
        self.touched: set[int] = set()
        self._resolutions: list[int] = []  # posts and voids whose accounts are their hold's
        self.accounts = self.resolved = self.replayed = 0

    async def run(self) -> None:
        """Raises TigerBeetleAway, Unavailable or RecoveryRefused; the stand-in goes on then."""
        writer = self.writer
        began = trio.current_time()
        await self._serve("TigerBeetle answers again")
        await self.drain()
        await self.resolve()
        await self.create_accounts()
        await self._compare_all()
        for _ in range(CLOSINGS_MAX):
            await self._replay_until_little_is_left()
            self.touched = set(await self._differences_of_touched())
            if await self._close():
                break
            await trio.sleep(CLOSING_SECONDS)
        else:
            raise RecoveryRefused(writer.institution, ["the stand-in is never quiet enough"])
        writer.recoveries += 1
        writer.last_report = (
            f"back in {trio.current_time() - began:.3f} s: {self.resolved} transfers resolved,"
            f" {self.replayed} replayed, {self.accounts} accounts compared"
        )

    async def _serve(self, reason: str) -> None:
        """Let the stand-in answer while this goes on, if the institution wants one."""
        governor, mode = self.writer.governor, Mode.RECOVERING
        if self.writer.policy.away is Mode.STANDIN:
            if not governor.unknown_counted:
                await governor.count_unknown()
            await governor.change(mode, reason)

    # 1. What is unknown

    async def drain(self) -> None:
        """Wait for batches that are under way: their sessions have a deadline, and begin no new."""
        while self.writer.batches.in_flight:
            await self.writer.changed.wait(LOOK_SECONDS)

    async def resolve(self) -> None:
        """Send the rows without an answer again, in order of seq: the same bytes, so that whichever
        sending is executed, and whenever, the answers are final.
        """
        writer = self.writer
        await writer.batches.write_answers()
        for row in await writer.follower.unanswered():
            transfers = unpack_transfers(row.records)
            results = await self._submit(transfers)
            await writer.journal.answer([(row.seq, pack_transfer_results(results))])
            writer.follower.answered([row.seq])
            self.resolved += len(transfers)
        await writer.follower.follow()

    # 2. What the stand-in did

    async def create_accounts(self) -> None:
        accounts, limit = self.writer.accounts, self.writer.limits.batch_max
        self.writer.governor.creates_accounts()
        try:
            while missing := await accounts.not_in_tigerbeetle(limit):
                await _asked(self.tigerbeetle.create_accounts(missing))
                await accounts.in_tigerbeetle([account.id for account in missing])
        except BaseException:
            self.writer.governor.owe_accounts()
            raise

    async def _replay_until_little_is_left(self) -> None:
        """Catch up while the stand-in serves; it stays ahead by what one replay takes."""
        few = self.writer.limits.replay_rows
        while await self._replay(few) == few:
            pass

    async def _replay(self, limit: int) -> int:
        """Replay the next rows, small ones together: the stand-in writes some two rows in the time
        of one replay, and must not stay ahead for ever.
        """
        rows = await self.writer.journal.to_replay(limit)
        created: list[tuple[Transfer, int]] = []
        refused: list[Transfer] = []
        for row in rows:
            assert row.results is not None, f"stand-in row {row.seq} has no results"
            transfers, results = unpack_transfers(row.records), unpack_transfer_results(row.results)
            if len(created) + len(transfers) > self.writer.limits.batch_max:
                await self._send_created(created)
                created = []
            for one, result in zip(transfers, results, strict=True):
                if result.status is TransferStatus.CREATED:
                    created.append((one, row.seq))
                elif result.status in TRANSIENT:
                    refused.append(one)
        await self._send_created(created)
        await self.burn(refused)
        if rows:
            await self.writer.journal.replayed([row.seq for row in rows])
        return len(rows)

    async def _send_created(self, created: Sequence[tuple[Transfer, int]]) -> None:
        """In the order of the journal, chains whole. Of a row's transfers those that were created
        are sent; so every one must be created now, or have been in an earlier attempt.
        """
        if not created:
            return
        transfers = [one for one, _ in created]
        self._touch(transfers)
        results = await self._submit(transfers)
        self._demand(
            f"row {seq}: transfer {one.id:x} was replayed and answered {result.status}"
            for (one, seq), result in zip(created, results, strict=True)
            if result.status is not TransferStatus.CREATED
        )
        self.replayed += len(transfers)

    async def burn(self, transfers: Sequence[Transfer]) -> None:
        """Make sure that refused ids can never be executed: cancel, or discover that they were."""
        step = self.writer.limits.batch_max
        for start in range(0, len(transfers), step):
            page = transfers[start : start + step]
            results = await self._submit([cancel_of(one) for one in page])
            self._demand(
                f"transfer {one.id:x} was refused by the stand-in,"
                f" and TigerBeetle says {result.status}"
                for one, result in zip(page, results, strict=True)
                if result.status not in _CANCELLED
            )

    # 3. The end

    async def _close(self) -> bool:
        """Hold the stand-in still, replay the rest, verify, and change. False: it took too long."""
        governor, batches = self.writer.governor, self.writer.batches
        batches.paused = True
        try:
            if not await self._stand_in_is_still():
                return False
            # A commit of the stand-in whose answer was lost is there now, or never.
            await governor.change(Mode.QUEUE, "the end of a recovery")
            try:
                closes = await self._finish()
            except (TigerBeetleAway, Unavailable, RecoveryRefused):
                await self._serve("the recovery broke off")
                raise
            if closes:
                await governor.change(Mode.TIGERBEETLE, VERIFIED)
            else:
                await self._serve("the rest was too long")
            return closes
        finally:
            batches.paused = False
            self.writer.changed.set()

    async def _stand_in_is_still(self) -> bool:
        with trio.move_on_after(self.writer.limits.drain_seconds_max) as scope:
            while self.writer.batches.standing_in:
                await self.writer.changed.wait()
        return not scope.cancelled_caught

    async def _finish(self) -> bool:
        with trio.move_on_after(self.writer.limits.drain_seconds_max) as scope:
            await self.create_accounts()
            while await self._replay(self.writer.limits.replay_rows):
                pass
            differences = await self._differences_of_touched()
        if scope.cancelled_caught:
            return False
        self._demand(differences.values())
        return True

    # Comparing

    async def _compare_all(self) -> None:
        """Find the accounts that differ now. Of the others, who moves later is replayed later."""
        accounts, limit, last = self.writer.accounts, self.writer.limits.batch_max, 0
        while ids := await accounts.page(last, limit):
            self.touched.update(await self._differences(ids))
            self.accounts += len(ids)
            last = ids[-1]

    async def _differences_of_touched(self) -> dict[int, str]:
        step = self.writer.limits.batch_max
        while ids := self._resolutions[:step]:
            self._touch(await _asked(self.tigerbeetle.look_up_transfers(ids)))
            del self._resolutions[:step]
        return await self._differences(self.touched)

    async def _differences(self, account_ids: Iterable[int]) -> dict[int, str]:
        """What is not the same in both, by account."""
        ordered, step = sorted(account_ids), self.writer.limits.batch_max
        differences: dict[int, str] = {}
        for start in range(0, len(ordered), step):
            ids = ordered[start : start + step]
            theirs = await _asked(self.tigerbeetle.balances(ids))
            ours = await self.writer.accounts.balances(ids)
            differences |= {
                one: f"account {one:x}: {_counters(ours.get(one))} here,"
                f" {_counters(theirs.get(one))} in TigerBeetle"
                for one in ids
                if ours.get(one) != theirs.get(one)
            }
        return differences

    async def _submit(self, transfers: Sequence[Transfer]) -> list[TransferResult]:
        """Send, and say what was created by now, whichever sending did it."""
        packed = await _asked(self.tigerbeetle.submit(pack_transfers(transfers)))
        results = unpack_transfer_results(packed)
        return await _asked(as_first_answered(self.tigerbeetle, transfers, results))

    def _touch(self, transfers: Iterable[Transfer]) -> None:
        for one in transfers:
            if one.debit_account_id and one.credit_account_id:
                self.touched.update((one.debit_account_id, one.credit_account_id))
            else:
                self._resolutions.append(one.id)

    def _demand(self, findings: Iterable[str]) -> None:
        found = list(findings)
        if found:
            raise RecoveryRefused(self.writer.institution, found)


async def _asked(answer: Awaitable[T]) -> T:
    """Tell TigerBeetle's silence from Postgres's."""
    try:
        return await answer
    except (Unknown, Unavailable) as error:
        raise TigerBeetleAway(str(error)) from error


def _counters(balance: Balance | None) -> str:
    if balance is None:
        return "absent"
    return (
        f"{balance.debits_posted}/{balance.credits_posted} posted,"
        f" {balance.debits_pending}/{balance.credits_pending} pending"
    )
