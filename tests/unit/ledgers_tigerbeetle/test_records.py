"""Packed records: field by field where the wheel's own structures have them, and back again."""

import ctypes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tigerbeetle import bindings

from fluxiq.domain.records import (
    AccountFilter,
    AccountFlags,
    Balance,
    CreateAccountStatus,
    LedgerAccount,
    QueryFilter,
    Transfer,
    TransferFlags,
    TransferStatus,
)
from fluxiq.ledgers.tigerbeetle import queries, records, results
from fluxiq.ledgers.tigerbeetle.results import AccountResult, TransferResult

U16, U32, U64, U128 = (st.integers(0, 2**bits - 1) for bits in (16, 32, 64, 128))
TRANSFER_FLAGS = st.integers(0, max(TransferFlags) * 2 - 1).map(TransferFlags)
ACCOUNT_FLAGS = st.integers(0, max(AccountFlags) * 2 - 1).map(AccountFlags)
TRANSFERS = st.builds(
    Transfer,
    **dict.fromkeys(("id", "debit_account_id", "credit_account_id", "amount"), U128),
    pending_id=U128,
    user_data_128=U128,
    user_data_64=U64,
    user_data_32=U32,
    timeout=U32,
    ledger=U32,
    code=U16,
    flags=TRANSFER_FLAGS,
    timestamp=U64,
)
ACCOUNTS = st.builds(
    LedgerAccount,
    id=U128,
    user_data_128=U128,
    user_data_64=U64,
    user_data_32=U32,
    ledger=U32,
    code=U16,
    flags=ACCOUNT_FLAGS,
    timestamp=U64,
)
FILTERED = {
    "user_data_128": U128,
    "user_data_64": U64,
    "user_data_32": U32,
    "code": U16,
    "timestamp_min": U64,
    "timestamp_max": U64,
    "limit": U32,
    "reversed": st.booleans(),
}


def read(structure: Any, packed: bytes) -> dict[str, Any]:
    """What the wheel's structure sees in `packed`, reserved places as bytes."""
    seen = structure.from_buffer_copy(packed)
    values = {name: getattr(seen, name) for name, _ in structure._fields_}
    return {name: _plain(value) for name, value in values.items()}


def write(structure: Any, **values: int) -> bytes:
    """`values` as the wheel's structure lays them out."""
    made = structure()
    for name, value in values.items():
        kind = dict(structure._fields_)[name]
        setattr(made, name, kind.from_param(value) if kind is bindings.c_uint128 else value)

    return bytes(made)


def _plain(value: Any) -> int | bytes:
    if isinstance(value, bindings.c_uint128):
        number: int = value.to_python()
        return number
    return value if isinstance(value, int) else bytes(value)


class TestLayout:
    @pytest.mark.parametrize(
        ("layout", "structure"),
        [
            (records.TRANSFER, bindings.CTransfer),
            (records.ACCOUNT, bindings.CAccount),
            (results.RESULT, bindings.CCreateTransferResult),
            (results.RESULT, bindings.CCreateAccountResult),
            (queries.ACCOUNT_FILTER, bindings.CAccountFilter),
            (queries.QUERY_FILTER, bindings.CQueryFilter),
            (queries.ACCOUNT_BALANCE, bindings.CAccountBalance),
        ],
    )
    def test_a_record_is_as_long_as_the_wheels_structure(self, layout: Any, structure: Any) -> None:
        assert layout.size == ctypes.sizeof(structure)

    @given(TRANSFERS)
    def test_every_field_of_a_transfer_is_where_the_wheel_looks(self, transfer: Transfer) -> None:
        seen = read(bindings.CTransfer, records.pack_transfers([transfer]))

        assert seen == {name: getattr(transfer, name) for name in seen}
        assert set(seen) == set(Transfer.__struct_fields__)

    @given(ACCOUNTS)
    def test_every_field_of_an_account_is_where_the_wheel_looks(
        self, account: LedgerAccount
    ) -> None:
        seen = read(bindings.CAccount, records.pack_accounts([account]))

        for name in LedgerAccount.__struct_fields__:
            assert seen.pop(name) == getattr(account, name)
        assert set(seen.values()) == {0}  # counters, and what is reserved

    @given(st.builds(AccountFilter, account_id=U128, **FILTERED))
    def test_every_field_of_an_account_filter_is_where_the_wheel_looks(
        self, wanted: AccountFilter
    ) -> None:
        seen = read(bindings.CAccountFilter, queries.pack_account_filter(wanted))

        assert seen.pop("flags") == 0b011 | wanted.reversed << 2
        assert set(seen.pop("reserved")) == {0}
        assert seen == {name: getattr(wanted, name) for name in seen}
        assert len(seen) == 8

    @pytest.mark.parametrize(
        ("sides", "flag"),
        [
            ({"credits": False}, bindings.AccountFilterFlags.DEBITS),
            ({"debits": False}, bindings.AccountFilterFlags.CREDITS),
        ],
    )
    def test_one_side_of_an_account_can_be_wanted(
        self, sides: dict[str, bool], flag: bindings.AccountFilterFlags
    ) -> None:
        packed = queries.pack_account_filter(AccountFilter(account_id=1, limit=1, **sides))

        assert read(bindings.CAccountFilter, packed)["flags"] == flag

    @given(st.builds(QueryFilter, ledger=U32, **FILTERED))
    def test_every_field_of_a_query_filter_is_where_the_wheel_looks(
        self, wanted: QueryFilter
    ) -> None:
        seen = read(bindings.CQueryFilter, queries.pack_query_filter(wanted))

        assert seen.pop("flags") == wanted.reversed
        assert set(seen.pop("reserved")) == {0}
        assert seen == {name: getattr(wanted, name) for name in seen}
        assert len(seen) == 8

    def test_a_change_event_is_as_long_as_a_transfer_and_two_accounts(self) -> None:
        assert queries.CHANGE_EVENT_BYTES == 384
        assert (
            len(queries.pack_change_events_filter(timestamp_min=1, timestamp_max=2, limit=3)) == 64
        )


class TestThereAndBack:
    @given(st.lists(TRANSFERS, max_size=5))
    def test_transfers_come_back_as_they_were(self, transfers: list[Transfer]) -> None:
        assert records.unpack_transfers(records.pack_transfers(transfers)) == transfers

    @given(st.lists(ACCOUNTS, max_size=5))
    def test_accounts_come_back_with_their_counters(self, accounts: list[LedgerAccount]) -> None:
        found = records.unpack_accounts(records.pack_accounts(accounts))

        assert [record.account for record in found] == accounts
        assert [record.balance for record in found] == [Balance(account_id=a.id) for a in accounts]

    @given(st.lists(st.builds(TransferResult, U64, st.sampled_from(TransferStatus)), max_size=5))
    def test_results_come_back_as_they_were(self, answered: list[TransferResult]) -> None:
        packed = results.pack_transfer_results(answered)

        assert results.unpack_transfer_results(packed) == answered
        assert results.unpack_transfer_statuses(packed) == [one.status for one in answered]

    @given(U128, U128, U128, U128)
    def test_the_counters_of_an_account_are_told_apart(
        self, a: int, b: int, c: int, d: int
    ) -> None:
        counters = {
            "debits_pending": a,
            "debits_posted": b,
            "credits_pending": c,
            "credits_posted": d,
        }
        [record] = records.unpack_accounts(write(bindings.CAccount, id=7, **counters))
        [past] = queries.unpack_balances(
            write(bindings.CAccountBalance, timestamp=9, **counters), 7
        )

        assert record.balance == Balance(account_id=7, **counters)
        assert past == Balance(account_id=7, timestamp=9, **counters)


class TestStatuses:
    @pytest.mark.parametrize("status", bindings.CreateTransferStatus)
    def test_every_answer_about_a_transfer_has_the_same_word_here(
        self, status: bindings.CreateTransferStatus
    ) -> None:
        reply = write(bindings.CCreateTransferResult, timestamp=5, status=status)

        [result] = results.unpack_transfer_results(reply)
        assert result == TransferResult(5, TransferStatus[status.name])

    @pytest.mark.parametrize("status", bindings.CreateAccountStatus)
    def test_every_answer_about_an_account_has_the_same_word_here(
        self, status: bindings.CreateAccountStatus
    ) -> None:
        reply = write(bindings.CCreateAccountResult, timestamp=5, status=status)

        [result] = results.unpack_account_results(reply)
        assert result == AccountResult(5, CreateAccountStatus[status.name])


class TestRefusals:
    @pytest.mark.parametrize(
        "changes",
        [
            {"id": 2**128},
            {"amount": -1},
            {"ledger": 2**32},
            {"code": 2**16},
            {"timeout": -1},
            {"user_data_64": 2**64},
        ],
    )
    def test_a_number_wider_than_its_field_is_refused(self, changes: dict[str, int]) -> None:
        transfer = replace(Transfer(id=1, ledger=1, code=1), **changes)
        with pytest.raises(ValueError, match="a transfer has a number out of range"):
            records.pack_transfers([transfer])

    def test_other_records_refuse_wide_numbers_too(self) -> None:
        with pytest.raises(ValueError, match="an account has a number out of range"):
            records.pack_accounts([LedgerAccount(id=1, ledger=1, code=-1)])
        with pytest.raises(ValueError, match="an id is out of range"):
            records.pack_ids([2**128])
        with pytest.raises(ValueError, match="out of range"):
            queries.pack_account_filter(AccountFilter(account_id=-1, limit=1))
        with pytest.raises(ValueError, match="out of range"):
            queries.pack_query_filter(QueryFilter(limit=2**32))
        with pytest.raises(ValueError, match="out of range"):
            queries.pack_change_events_filter(timestamp_min=-1, timestamp_max=0, limit=1)

    def test_a_filter_that_matches_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="neither debits nor credits"):
            queries.pack_account_filter(
                AccountFilter(account_id=1, limit=1, debits=False, credits=False)
            )

    def test_bytes_that_are_no_whole_records_are_refused(self) -> None:
        for unpack in (
            records.unpack_transfers,
            records.unpack_accounts,
            results.unpack_transfer_results,
            results.unpack_account_results,
            queries.unpack_change_events,
            lambda reply: queries.unpack_balances(reply, 1),
        ):
            with pytest.raises(ValueError, match="17 bytes are not whole records"):
                unpack(bytes(17))

    def test_what_tigerbeetle_never_says_is_refused(self) -> None:
        unknown_flags = write(bindings.CTransfer, id=1, flags=1 << 9)
        with pytest.raises(ValueError, match="flags 0x200"):
            records.unpack_transfers(unknown_flags)
        with pytest.raises(ValueError, match="answer 999 has no word"):
            results.unpack_transfer_results(
                write(bindings.CCreateTransferResult, timestamp=1, status=999)
            )


class TestLookingIntoABatch:
    @given(st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 9))
    def test_the_first_transfer_of_another_ledger_is_found(
        self, ledger: int, other: int, at: int
    ) -> None:
        batch = [Transfer(id=n, ledger=ledger, code=1) for n in range(10)]
        batch[at] = replace(batch[at], ledger=other)

        found = records.first_foreign(records.pack_transfers(batch), ledger)
        assert found == (None if ledger == other else at)

    @given(TRANSFER_FLAGS)
    def test_an_imported_transfer_is_found(self, flags: TransferFlags) -> None:
        batch = [Transfer(id=n, ledger=1, code=1) for n in range(3)]
        batch.append(Transfer(id=9, ledger=1, code=1, flags=flags))

        found = records.first_imported(records.pack_transfers(batch))
        assert found == (3 if TransferFlags.IMPORTED in flags else None)
