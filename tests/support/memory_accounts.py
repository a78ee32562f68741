"""`ports.Accounts` and `ports.Statements` in memory, beside `memory.MemoryStore`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import trio

from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.ledger_records import TIMESTAMP_MAX, Transfer, TransferFlags
from fluxiq.domain.postings import TransferCode
from fluxiq.domain.records import Account
from fluxiq.domain.references import end_to_end_id_of, ulid_id_of
from fluxiq.domain.statement import Movement, Period, StatementHead
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ports import Archived, Fresh, Opening, Page, Replay
from fluxiq.ports.accounts import AccountChanged, AccountFilter, AccountOpening
from tests.support.memory import MemoryStore, _archived
from tests.support.memory_transfers import MemoryTransfers

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOVES_NOTHING = TransferFlags.PENDING | TransferFlags.VOID_PENDING_TRANSFER


class MemoryAccounts:
    """Accounts in the tables of `store`; `notes` are what the audit trail would say."""

    def __init__(self, store: MemoryStore) -> None:
        self.notes: list[tuple[str, str, str]] = []
        self._store = store

    async def open(self, opening: AccountOpening) -> Opening:
        await trio.lowlevel.checkpoint()
        account = opening.account
        if opening.idempotency is not None:
            done = Replay(False, opening.response)
            known = self._store._claim(
                account.merchant_id, opening.idempotency, account.id, account.created_at, done
            )
            if known is not None:
                return known

        self._store.accounts[account.id] = account
        self._store.pix_keys.update({key.key: key for key in opening.keys})
        self.notes.append((opening.actor, "account.created", ""))
        return Fresh(self._store._tell(opening.event, None))

    async def change(self, changed: AccountChanged) -> Archived | None:
        await trio.lowlevel.checkpoint()
        account = changed.account
        if self._store.accounts[account.id] != changed.before:
            return None

        self._store.accounts[account.id] = account
        self.notes.append((changed.actor, changed.action, changed.note))
        return _archived(self._store._tell(changed.event, None))

    async def page(
        self, wanted: AccountFilter, page: Page
    ) -> tuple[list[tuple[Account, tuple[str, ...]]], int]:
        await trio.lowlevel.checkpoint()
        found = [
            one
            for one in self._store.accounts.values()
            if wanted.merchant_id in {None, one.merchant_id}
            and wanted.status in {None, one.status}
            and wanted.product_id in {None, one.product_id}
        ]
        first = (page.number - 1) * page.size
        return [(one, self._keys(one)) for one in found[first : first + page.size]], len(found)

    def _keys(self, account: Account) -> tuple[str, ...]:
        keys = self._store.pix_keys.values()
        return tuple(key.key for key in keys if key.account_id == account.id)


class MemoryStatements:
    """Statements of what `ledger` has on its books."""

    def __init__(
        self, ispb: str, ledger: ModelLedger, store: MemoryStore, transfers: MemoryTransfers
    ) -> None:
        self._ispb = ispb
        self._ledger = ledger
        self._store = store
        self._transfers = transfers

    async def head(self, ledger_id: int, period: Period) -> StatementHead | None:
        [found] = (await self._ledger.balances([ledger_id])).values()
        after = 0 if period.since is None else _before(period.since)
        until = TIMESTAMP_MAX if period.until is None else _before(period.until)
        moves = self._moves(ledger_id, after, TIMESTAMP_MAX)
        within = [(one, amount) for one, amount in moves if one.timestamp <= until]
        closing = found.credits_posted - found.debits_posted
        closing -= sum(amount for one, amount in moves if one.timestamp > until)
        return StatementHead(
            opening_balance=closing - sum(amount for _, amount in within),
            closing_balance=closing,
            lines=len(within),
            after=after,
            last=within[-1][0].timestamp if within else after,
        )

    async def movements(
        self, ledger_id: int, head: StatementHead, *, limit: int, offset: int = 0, after: int = 0
    ) -> Sequence[Movement]:
        await trio.lowlevel.checkpoint()
        running, lines = 0, []
        for one, amount in self._moves(ledger_id, max(after, head.after), head.last):
            running += amount
            reference, description = self._described(one)
            lines.append(
                Movement(
                    id=one.id,
                    timestamp=one.timestamp,
                    code=one.code,
                    amount=amount,
                    running=running,
                    reference=reference,
                    description=description,
                )
            )
        return lines[offset : offset + limit]

    def _moves(self, ledger_id: int, after: int, last: int) -> list[tuple[Transfer, int]]:
        found = [
            (one, one.amount if one.credit_account_id == ledger_id else -one.amount)
            for one in self._ledger.cluster.transfers.values()
            if ledger_id in {one.debit_account_id, one.credit_account_id}
            and not one.flags & _MOVES_NOTHING
            and after < one.timestamp <= last
        ]
        return sorted(found, key=lambda move: move[0].timestamp)

    def _described(self, transfer: Transfer) -> tuple[str | None, str]:
        match transfer.code:
            case TransferCode.BOOK_TRANSFER:
                name = ulid_id_of(IdPrefix.TRANSFER, transfer.user_data_128)
                return name, self._transfers.rows[name].description
            case TransferCode.PIX_OUT:
                name = end_to_end_id_of("E", self._ispb, transfer.user_data_128) or ""
                known = {p.end_to_end_id: p for p in self._store.payouts_by_id.values()}
                return known[name].id, known[name].description

        of_receipt = transfer.user_data_128 if transfer.code == TransferCode.FEE else transfer.id
        for receipt in self._store.receipts.values():
            if receipt.transfer_id == of_receipt:
                charge = self._store.charges.get(receipt.charge_id or "")
                return receipt.id, "" if charge is None else charge.description
        return None, ""


def _before(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000 - 1
