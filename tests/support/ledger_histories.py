"""Random histories of a ledger: most of it could work, and the rest comes close to what did.

One seed, one history. Numbers are small, so that events meet; `elsewhere` moves them apart where
histories share tables or a cluster.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, TypeAlias, TypeVar

from msgspec.structs import replace

from fluxiq.domain.ledger_records import (
    AMOUNT_MAX,
    ID_MAX,
    AccountFlags,
    LedgerAccount,
    Transfer,
    TransferFlags,
)

LEDGER: Final = 16909060  # 0x01020304: each of its four bytes must come through
OTHER_LEDGER: Final = LEDGER + 1
MISSING: Final = 9  # no account has this id
F: Final = TransferFlags
A: Final = AccountFlags

Event = TypeVar("Event", Transfer, LedgerAccount)
Batches: TypeAlias = list[list[Event]]

# Of each kind one; 2 and 3 may not spend what they have not, 4 may not be paid more than it paid.
ACCOUNTS: Final = (
    LedgerAccount(id=1, ledger=LEDGER, code=1),
    LedgerAccount(id=2, ledger=LEDGER, code=1, flags=A.DEBITS_MUST_NOT_EXCEED_CREDITS),
    LedgerAccount(id=3, ledger=LEDGER, code=2, flags=A.DEBITS_MUST_NOT_EXCEED_CREDITS | A.HISTORY),
    LedgerAccount(id=4, ledger=LEDGER, code=1, flags=A.CREDITS_MUST_NOT_EXCEED_DEBITS),
    LedgerAccount(id=5, ledger=OTHER_LEDGER, code=1, user_data_128=1, user_data_32=3),
    LedgerAccount(id=6, ledger=LEDGER, code=1, flags=A.CLOSED),
    LedgerAccount(id=7, ledger=LEDGER, code=3, flags=A.HISTORY, user_data_64=2),
)
# What Postgres keeps too.
PLAIN_ACCOUNTS: Final = (
    *ACCOUNTS[:2],
    LedgerAccount(id=3, ledger=LEDGER, code=2, flags=A.DEBITS_MUST_NOT_EXCEED_CREDITS),
    ACCOUNTS[3],
)


def transfers_history(
    random: Random, *, everything: bool, timeout: int = 3600, batches_max: int = 5
) -> Batches[Transfer]:
    """Batches of transfers between `ACCOUNTS`, or `PLAIN_ACCOUNTS`.

    `everything` TigerBeetle knows, or what Postgres keeps too: no balancing, closing or timeouts.
    `timeout` in seconds is that of the holds that have one.
    """
    sent = [
        move(1, 4, 1, 9),
        move(2, 1, 2, 9),
        move(3, 1, 3, 9),
    ]
    batches = [list(sent)]
    writer = _Writer(random, everything=everything, timeout=timeout)

    for _ in range(random.randint(1, batches_max)):
        batch: list[Transfer] = []
        for number in range(random.randint(1, 16)):
            batch.append(writer.next(len(sent) + number + 1, [*sent, *batch]))

        batches.append(_linked(random, batch, ids_twice=everything))
        sent += batches[-1]

        if random.random() < 0.2:
            again = batches[-1]
            start = random.randrange(len(again))
            batches.append(again[start:])

    return batches


def accounts_history(random: Random) -> Batches[LedgerAccount]:
    """Batches of accounts to create: alike, almost alike, and malformed."""
    batches: Batches[LedgerAccount] = []

    for _ in range(random.randint(1, 4)):
        batch = [random.choice(ACCOUNTS) for _ in range(random.randint(1, 6))]
        changed = [_mutated(random, one, ACCOUNT_CHANGES) for one in batch]
        batches.append(_linked(random, changed, ids_twice=True))

    return batches


def elsewhere(event: Event, base: int) -> Event:
    """The same with numbers of its own; what has a meaning of its own keeps it."""
    names = ("id", "debit_account_id", "credit_account_id", "pending_id")
    moved = {
        name: number + base for name in names if 0 < (number := getattr(event, name, 0)) < ID_MAX
    }
    return replace(event, **moved)


def move(id_: int, debit: int, credit: int, amount: int, **changes: Any) -> Transfer:
    fields: dict[str, Any] = {"id": id_, "ledger": LEDGER, "code": 1, "amount": amount}
    fields |= {"debit_account_id": debit, "credit_account_id": credit}
    return Transfer(**fields | changes)


def post(id_: int, hold_id: int, amount: int = AMOUNT_MAX, **changes: Any) -> Transfer:
    fields = {"ledger": 0, "code": 0, "amount": amount, "pending_id": hold_id}
    return Transfer(**{"id": id_, "flags": F.POST_PENDING_TRANSFER} | fields | changes)


def void(id_: int, hold_id: int, amount: int = 0, **changes: Any) -> Transfer:
    return post(id_, hold_id, amount, **{"flags": F.VOID_PENDING_TRANSFER} | changes)


def linked(*events: Event) -> list[Event]:
    """One chain of them."""
    return [*(replace(one, flags=one.flags | F.LINKED) for one in events[:-1]), events[-1]]


def _linked(random: Random, batch: list[Event], *, ids_twice: bool) -> list[Event]:
    """Some of them linked to the next one, now and then the last one too; a chain has an id twice
    only where it may.
    """
    share = random.choice([0, 0, 0.1, 0.3, 0.8])
    result: list[Event] = []
    chain: set[int] = set()
    for one, following in zip(batch, [*batch[1:], None], strict=True):
        chain.add(one.id)
        link = random.random() < (share / 8 if following is None else share)
        if not ids_twice and following is not None and following.id in chain:
            result.append(replace(one, flags=one.flags & ~F.LINKED))
        else:
            result.append(replace(one, flags=one.flags | F.LINKED) if link else one)

        if not result[-1].flags & F.LINKED:
            chain.clear()

    return result


class _Writer:
    def __init__(self, random: Random, *, everything: bool, timeout: int) -> None:
        self._random = random
        self._everything = everything
        self._timeout = timeout
        self._changes = TRANSFER_CHANGES if everything else PLAIN_CHANGES

    def next(self, id_: int, sent: Sequence[Transfer]) -> Transfer:
        random = self._random
        kind = random.random()

        if kind < 0.5:
            return self._movement(id_)
        if kind < 0.75:
            holds = [one.id for one in sent if one.flags & F.PENDING and one.id < ID_MAX]
            make: Callable[..., Transfer] = random.choice([post, void])
            resolution = make(id_, random.choice(holds or [1]))
            if random.random() < 0.02:
                return replace(resolution, pending_id=id_)

            return self._mutated(resolution) if random.random() < 0.3 else resolution

        earlier = random.choice(sent)
        if kind < 0.92:
            return self._mutated(replace(earlier, id=random.choice([earlier.id, id_])))

        return earlier

    def _movement(self, id_: int) -> Transfer:
        random = self._random
        pairs = [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (4, 1), (1, 4), (MISSING, 1), (1, MISSING)]
        if self._everything:
            pairs += [(1, 7), (7, 3), (7, 1), (3, 7), (5, 1), (6, 1), (1, 6), (2, 4), (1, 2)]

        debit, credit = random.choice(pairs)
        flags = random.choice([F.NONE, F.PENDING, F.PENDING])
        user_data: dict[str, int] = {}
        if random.random() < 0.2:
            name, values = random.choice(USER_DATA)
            user_data[name] = random.choice(values)

        plain = move(id_, debit, credit, random.randint(0, 6), flags=flags, **user_data)
        return self._dressed(plain) if self._everything else plain

    def _dressed(self, transfer: Transfer) -> Transfer:
        """With what only TigerBeetle keeps."""
        random = self._random
        flags, changes = transfer.flags, {}
        if random.random() < 0.25:
            flags |= random.choice(
                [F.BALANCING_DEBIT, F.BALANCING_CREDIT, F.BALANCING_DEBIT | F.BALANCING_CREDIT]
            )
            changes["amount"] = random.choice([0, 1, 4, AMOUNT_MAX])
        if flags & F.PENDING and random.random() < 0.12:
            flags |= random.choice([F.CLOSING_DEBIT, F.CLOSING_CREDIT])
        if flags & F.PENDING and random.random() < 0.3:
            changes["timeout"] = self._timeout
        if random.random() < 0.04:
            changes["amount"] = random.choice([2**126, 2**127, AMOUNT_MAX - 8, AMOUNT_MAX])

        return replace(transfer, flags=flags, **changes)

    def _mutated(self, transfer: Transfer) -> Transfer:
        changed = _mutated(self._random, transfer, self._changes)
        # Postgres counts to 2**63: only a post may say "all of it".
        if (
            not self._everything
            and changed.amount > 9
            and not changed.flags & (F.POST_PENDING_TRANSFER | F.VOID_PENDING_TRANSFER)
        ):
            return replace(changed, amount=3)

        return changed


def _mutated(random: Random, event: Event, changes: dict[str, list[Any]]) -> Event:
    """One field different, perhaps to something that makes no sense."""
    field = random.choice(sorted(changes))
    return replace(event, **{field: random.choice(changes[field])})


USER_DATA: Final[list[tuple[str, list[int]]]] = [
    ("user_data_128", [1, 2**128 - 1]),
    ("user_data_64", [2, 2**63, 2**64 - 1]),
    ("user_data_32", [3, 2**32 - 1]),
]
PLAIN_CHANGES: Final[dict[str, list[Any]]] = {
    "id": [0, ID_MAX, 10_000],
    "ledger": [0, LEDGER, OTHER_LEDGER],
    "code": [0, 1, 2],
    "debit_account_id": [0, ID_MAX, 1, 2, 3, MISSING],
    "credit_account_id": [0, ID_MAX, 1, 2, 3, MISSING],
    "amount": [0, 1, 2, 3, 7],
    "pending_id": [0, ID_MAX, 1, 2, 10, 10_000],
    "flags": [TransferFlags(bits << 1) for bits in range(8)],
    "timestamp": [1],
    **{name: [0, *values] for name, values in USER_DATA},
}
TRANSFER_CHANGES: Final[dict[str, list[Any]]] = PLAIN_CHANGES | {
    "amount": [0, 1, 2, 3, 7, 2**127, AMOUNT_MAX],
    "flags": [TransferFlags(bits << 1) for bits in range(2**7)] + [TransferFlags(1 << 12)] * 16,
    "timeout": [0, 3600, 2**32 - 1],
}
ACCOUNT_CHANGES: Final[dict[str, list[Any]]] = {
    "id": [0, ID_MAX, 1, 2, 3],
    "ledger": [0, LEDGER, OTHER_LEDGER],
    "code": [0, 1, 2],
    "flags": [AccountFlags(bits << 1) for bits in (0, 1, 2, 3, 4, 5, 6, 16, 17, 2**9)],
    "timestamp": [0, 0, 0, 1],
    "user_data_128": [0, 1],
    "user_data_64": [0, 2],
    "user_data_32": [0, 3],
}
