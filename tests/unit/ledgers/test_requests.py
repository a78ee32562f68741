"""Requests that wait: bounded, fair, whole."""

import pytest

from fluxiq.domain.records import Transfer, TransferFlags
from fluxiq.errors import Unavailable
from fluxiq.ledgers.writer.requests import Request, Waiting, check_request

BATCH_MAX = 4


def transfer(number: int, flags: TransferFlags = TransferFlags.NONE, ledger: int = 7) -> Transfer:
    return Transfer(
        id=number,
        ledger=ledger,
        code=1,
        debit_account_id=1,
        credit_account_id=2,
        amount=1,
        flags=flags,
    )


class Caller:
    def __init__(self) -> None:
        self.told: list[object] = []

    def reply(self, value: object) -> bool:
        self.told.append(value)
        return True

    def fail(self, error: Exception) -> bool:
        self.told.append(error)
        return True


def request(*numbers: int, expires_at: float = 10.0, caller: Caller | None = None) -> Request:
    return Request([transfer(one) for one in numbers], caller or Caller(), expires_at)


def ids_of(requests: list[Request]) -> list[int]:
    return [one.id for request in requests for one in request.transfers]


def test_lanes_take_turns_so_that_a_full_one_delays_nobody_by_more_than_its_share() -> None:
    waiting = Waiting(100)
    for number in range(10, 20):
        waiting.put("full", request(number))
    waiting.put("small", request(20))
    waiting.put("other", request(30))
    assert ids_of(waiting.take(BATCH_MAX)) == [10, 20, 30, 11]
    assert ids_of(waiting.take(BATCH_MAX)) == [12, 13, 14, 15]
    assert len(waiting) == 4


def test_request_goes_into_one_batch_whole_and_first_when_it_did_not_fit() -> None:
    waiting = Waiting(100)
    waiting.put("a", request(1, 2))
    waiting.put("b", request(3, 4, 5))
    waiting.put("a", request(6))
    assert ids_of(waiting.take(BATCH_MAX)) == [1, 2, 6]
    assert ids_of(waiting.take(BATCH_MAX)) == [3, 4, 5]
    assert waiting.take(BATCH_MAX) == []


def test_what_was_taken_and_not_written_waits_before_all_others() -> None:
    waiting = Waiting(6)
    for number in (1, 2, 3):
        waiting.put("a", request(number))
    taken = waiting.take(2)
    waiting.put("b", request(4))
    waiting.put_back(taken)
    waiting.put_back([])
    assert len(waiting) == 4
    assert ids_of(waiting.take(1)) == [1]
    assert sorted(ids_of(waiting.take(BATCH_MAX))) == [2, 3, 4]


def test_room_is_counted_in_transfers() -> None:
    waiting = Waiting(3)
    assert waiting.has_room(3)
    waiting.put("a", request(1, 2))
    assert waiting.has_room(1)
    assert not waiting.has_room(2)
    waiting.take(BATCH_MAX)
    assert waiting.has_room(3)


def test_requests_expire_in_every_lane_and_only_those_whose_time_has_come() -> None:
    waiting = Waiting(100)
    waiting.put("a", request(1, expires_at=1.0))
    waiting.put("a", request(2, expires_at=3.0))
    waiting.put("b", request(3, 4, expires_at=2.0))
    assert ids_of(waiting.expire(2.0)) == [1, 3, 4]
    assert len(waiting) == 1
    assert ids_of(waiting.take(BATCH_MAX)) == [2]
    assert waiting.expire(99.0) == []


def test_refusing_all_tells_everybody_once() -> None:
    caller = Caller()
    waiting = Waiting(100)
    waiting.put("a", request(1, caller=caller))
    waiting.put("b", request(2, caller=caller))
    error = Unavailable("ledger", "it stops")
    waiting.refuse_all(error)
    assert caller.told == [error, error]
    assert len(waiting) == 0


def test_only_the_first_answer_of_a_request_counts() -> None:
    caller = Caller()
    one = request(1, caller=caller)
    one.reply([])
    one.fail(Unavailable("ledger", "too late"))
    one.reply([])
    assert caller.told == [[]]


@pytest.mark.parametrize(
    ("transfers", "complaint"),
    [
        ([], "a request of 0 transfers"),
        ([transfer(number) for number in range(1, 6)], "a request of 5 transfers, 1 to 4"),
        ([transfer(1, ledger=8)], "of ledger 8, this is 7"),
        ([transfer(1), transfer(2, TransferFlags.LINKED)], "left open"),
        ([transfer(1, TransferFlags.BALANCING_DEBIT)], "BALANCING_DEBIT is not supported"),
        ([transfer(1, TransferFlags(1 << 12))], "flags 0x1000 is not supported"),
    ],
)
def test_what_no_batch_may_hold_is_refused_by_name(
    transfers: list[Transfer], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_request(transfers, 7, BATCH_MAX)


def test_closed_chain_of_a_whole_batch_is_taken() -> None:
    linked = [transfer(number, TransferFlags.LINKED) for number in (1, 2, 3)]
    check_request([*linked, transfer(4)], 7, BATCH_MAX)
