"""The histories that the failover protocol leans on, with TigerBeetle's answers.

A step is transfers with their statuses, or a pause. Accounts are `ledger_histories.ACCOUNTS`: 1 may
spend what it likes, 2 only what it has.
"""

from typing import Final, NamedTuple, TypeAlias

from fluxiq.domain.ledger_records import Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from tests.support.ledger_histories import MISSING, linked, move, post, void

S = TransferStatus
HOLD: Final = TransferFlags.PENDING
OPEN, LIMITED = 1, 2


class Batch(NamedTuple):
    transfers: list[Transfer]
    statuses: list[TransferStatus]


class Pause(NamedTuple):
    seconds: int


Steps: TypeAlias = list[Batch | Pause]


def one(transfer: Transfer, status: TransferStatus) -> Batch:
    return Batch([transfer], [status])


_FUND: Final = one(move(1, OPEN, LIMITED, 100), S.CREATED)
_GOOD: Final = move(10, LIMITED, OPEN, 1)
_TOO_BIG: Final = move(11, LIMITED, OPEN, 101)
_CHAIN: Final = linked(move(10, LIMITED, OPEN, 1), move(11, LIMITED, OPEN, 2))

GOLDEN: Final[dict[str, Steps]] = {
    "a hold refused for funds fails for ever": [
        one(move(10, LIMITED, OPEN, 100, flags=HOLD), S.EXCEEDS_CREDITS),
        _FUND,
        one(move(10, LIMITED, OPEN, 100, flags=HOLD), S.ID_ALREADY_FAILED),
        one(move(11, LIMITED, OPEN, 100, flags=HOLD), S.CREATED),
    ],
    "a chain burns the id that was in the way and no other": [
        _FUND,
        Batch(linked(_GOOD, _TOO_BIG), [S.LINKED_EVENT_FAILED, S.EXCEEDS_CREDITS]),
        one(_GOOD, S.CREATED),
        one(_TOO_BIG, S.ID_ALREADY_FAILED),
    ],
    "a chain sent twice exists once, and its rest says failed": [
        _FUND,
        Batch(_CHAIN, [S.CREATED, S.CREATED]),
        Batch(_CHAIN, [S.EXISTS, S.LINKED_EVENT_FAILED]),
        one(_CHAIN[1], S.EXISTS),
        one(_CHAIN[0], S.LINKED_EVENT_CHAIN_OPEN),
    ],
    "a post that came before its hold fails for ever": [
        _FUND,
        one(post(11, 10), S.PENDING_TRANSFER_NOT_FOUND),
        one(move(10, LIMITED, OPEN, 100, flags=HOLD), S.CREATED),
        one(post(11, 10), S.ID_ALREADY_FAILED),
        one(void(12, 10), S.CREATED),
    ],
    "an unknown transfer is cancelled, or discovered, by a debit account that is missing": [
        _FUND,
        one(move(10, MISSING, OPEN, 5), S.DEBIT_ACCOUNT_NOT_FOUND),
        one(move(10, LIMITED, OPEN, 5), S.ID_ALREADY_FAILED),
        one(move(1, MISSING, LIMITED, 100), S.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID),
    ],
}
# What our other backends refuse by name.
GOLDEN_OF_TIGERBEETLE: Final[dict[str, Steps]] = {
    "a chain with one id twice says exists, and nothing of it is there": [
        _FUND,
        Batch(
            [_CHAIN[0], _CHAIN[0], move(12, LIMITED, OPEN, 1)],
            [S.LINKED_EVENT_FAILED, S.EXISTS, S.LINKED_EVENT_FAILED],
        ),
        one(move(10, LIMITED, OPEN, 1), S.CREATED),
    ],
    "a hold whose time is over cannot be posted, and the post's id is not burnt": [
        _FUND,
        one(move(10, LIMITED, OPEN, 100, flags=HOLD, timeout=1), S.CREATED),
        one(move(11, LIMITED, OPEN, 1), S.EXCEEDS_CREDITS),
        Pause(2),
        one(post(12, 10), S.PENDING_TRANSFER_EXPIRED),
        one(post(12, 10), S.PENDING_TRANSFER_EXPIRED),
        one(move(12, LIMITED, OPEN, 100), S.CREATED),
    ],
}
