"""What is measured with: accounts, and batches of transfers whose ids grow.

TigerBeetle is fastest with ids in order of time, which its own benchmark sends by default too; so
are these. Making a packed batch costs some 0.1 ms, so that making the load takes nothing from it.
"""

import random
from collections.abc import Sequence
from itertools import count
from typing import Final

from fluxiq.commands.bench_ledger.effort import BATCH
from fluxiq.domain.ledger_records import AccountFlags, LedgerAccount, Transfer
from fluxiq.ledgers.tigerbeetle.records import TRANSFER_BYTES, pack_transfers

ACCOUNTS: Final = 1_000
FUNDS: Final = 10**12  # centavos of every customer: no transfer here is refused
CODE: Final = 1
DERIVED_PER_SECOND: Final = 1_000  # by the clock that is in their ids
TEMPLATES: Final = 8  # different batches, again and again with other ids

_HASH_BYTES: Final = 10  # the low ones of a derived id; the other six are its time
_LIMITED: Final = AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
_random: Final = random.SystemRandom()


class Load:
    """Customers who may not be overdrawn, and the settlement account, which may be.

    Transfers are of one centavo, from customer to customer; `hot`: each is between a customer and
    the settlement account, to and fro. A run's ids are its own, whatever a cluster holds already.
    """

    def __init__(self, *, hot: bool = False, accounts: int = ACCOUNTS) -> None:
        self.ledger = _random.randrange(1, 2**32)
        self.settlement = _random.randrange(1, 2**62) << 64
        self.customers = range(self.settlement + 1, self.settlement + 1 + accounts)
        self._run = _random.randrange(1, 2**62)
        draw = random.Random(hot)  # noqa: S311 - the same pairs in every run
        self._pairs = [
            self._hot_pairs(draw) if hot else self._cold_pairs(draw) for _ in range(TEMPLATES)
        ]
        self._numbers = count()
        # A cluster that runs already has had its minutes: begin at another one each time.
        self._derived = _random.randrange(2**30) * 60 * DERIVED_PER_SECOND
        self._templates = [pack_transfers(self.transfers()) for _ in range(TEMPLATES)]

    def accounts(self) -> list[LedgerAccount]:
        """The settlement account and the customers."""
        settlement = LedgerAccount(id=self.settlement, ledger=self.ledger, code=CODE)
        customers = [
            LedgerAccount(id=one, ledger=self.ledger, code=CODE, flags=_LIMITED)
            for one in self.customers
        ]
        return [settlement, *customers]

    def funding(self) -> list[Transfer]:
        """What gives every customer FUNDS."""
        return [
            Transfer(
                id=customer,
                ledger=self.ledger,
                code=CODE,
                debit_account_id=self.settlement,
                credit_account_id=customer,
                amount=FUNDS,
            )
            for customer in self.customers
        ]

    def transfers(self, size: int = BATCH) -> list[Transfer]:
        """The next batch."""
        number = next(self._numbers)
        first = self._run << 64 | number << 32
        ledger = self.ledger
        return [
            Transfer(
                id=id_,
                ledger=ledger,
                code=CODE,
                debit_account_id=debit,
                credit_account_id=credit,
                amount=1,
            )
            for id_, (debit, credit) in enumerate(self._pairs[number % TEMPLATES][:size], first)
        ]

    def single(self) -> Transfer:
        """The next transfer, alone."""
        number = next(self._numbers)
        debit, credit = self._pairs[number % TEMPLATES][number // TEMPLATES % BATCH]
        return Transfer(
            id=self._run << 64 | number << 32,
            ledger=self.ledger,
            code=CODE,
            debit_account_id=debit,
            credit_account_id=credit,
            amount=1,
        )

    def packed(self) -> bytes:
        """The next batch, packed: a template with other ids."""
        number = next(self._numbers)
        batch = bytearray(self._templates[number % TEMPLATES])
        # The place is in the four low bytes of an id, and stays; above it is the number.
        for at, byte in enumerate(number.to_bytes(4, "little"), 4):
            batch[at::TRANSFER_BYTES] = bytes([byte]) * BATCH
        return bytes(batch)

    def scattered(self) -> bytes:
        """The same with ids in no order, as ids are that are hashes of something."""
        batch = bytearray(self.packed())
        noise = _random.randbytes(8 * BATCH)
        for at in range(8):
            batch[8 + at :: TRANSFER_BYTES] = noise[at::8]
        return bytes(batch)

    def by_minute(self) -> bytes:
        """The same with ids as `derived_id` makes them from end-to-end ids: those of a minute are
        neighbours in no order, and a minute has 60 * DERIVED_PER_SECOND.
        """
        batch = bytearray(self.packed())
        minute = self._derived // (60 * DERIVED_PER_SECOND)
        self._derived += BATCH
        noise = _random.randbytes(_HASH_BYTES * BATCH)
        for at in range(_HASH_BYTES):
            batch[at::TRANSFER_BYTES] = noise[at::_HASH_BYTES]
        for at, byte in enumerate((minute * 60_000).to_bytes(6, "little"), _HASH_BYTES):
            batch[at::TRANSFER_BYTES] = bytes([byte]) * BATCH
        return bytes(batch)

    def from_records(self) -> bytes:
        """The next batch, packed as a caller of the driver would."""
        return pack_transfers(self.transfers())

    def _cold_pairs(self, draw: random.Random) -> Sequence[tuple[int, int]]:
        return [(pair[0], pair[1]) for pair in (draw.sample(self.customers, 2) for _ in _PLACES)]

    def _hot_pairs(self, draw: random.Random) -> Sequence[tuple[int, int]]:
        ends = [(self.settlement, draw.choice(self.customers)) for _ in _PLACES]
        return [end if place % 2 else end[::-1] for place, end in enumerate(ends)]


_PLACES: Final = range(BATCH)
