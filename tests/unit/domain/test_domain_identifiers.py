"""The central bank's identifiers and ours."""

import string
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain import identifiers
from fluxiq.domain.identifiers import (
    IdPrefix,
    build_end_to_end_id,
    build_id,
    build_return_id,
    derived_id,
    is_end_to_end_id,
    is_ispb,
    new_ulid,
    parse_charge_txid,
    parse_end_to_end_id,
    parse_id,
    parse_ispb,
    parse_refund_id,
    parse_return_id,
    parse_static_txid,
    tb_id_of,
    tb_id_text,
)
from fluxiq.domain.ulid import MILLISECONDS_MAX, decode_128, encode_128, is_ulid, ulid_milliseconds
from fluxiq.errors import Refused

ALPHANUMERIC = string.ascii_letters + string.digits
ISPBS = st.text(string.ascii_uppercase + string.digits, min_size=8, max_size=8)
SUFFIXES = st.text(ALPHANUMERIC, min_size=11, max_size=11)
MOMENTS = st.datetimes(timezones=st.just(UTC))
U128 = st.integers(0, (1 << 128) - 1)


def minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def refused(code: str, field: str, refusal: Refused) -> bool:
    return refusal.code == code and refusal.details == {"field": field}


class TestIspb:
    @pytest.mark.parametrize("ispb", ["00000000", "12345678", "1A2B3C4D"])
    def test_eight_digits_or_capitals_are_an_ispb(self, ispb: str) -> None:
        assert parse_ispb(ispb) == ispb

    @pytest.mark.parametrize(
        "text",
        ["", "1234567", "123456789", "1a2b3c4d", "1234567\n", "\N{FULLWIDTH DIGIT ONE}2345678"],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        assert not is_ispb(text)
        with pytest.raises(Refused) as refusal:
            parse_ispb(text)

        assert refused("invalid_ispb", "ispb", refusal.value)


class TestEndToEndId:
    def test_it_is_built_as_the_standard_writes_it(self) -> None:
        at = datetime(2026, 7, 1, 9, 5, 59, tzinfo=UTC)
        built = build_end_to_end_id("1A345678", at, "abcDEF12345")
        assert built == "E1A345678202607010905abcDEF12345"

    def test_the_minute_is_in_utc_wherever_the_caller_is(self) -> None:
        brasilia = timezone(timedelta(hours=-3))
        at = datetime(2026, 12, 31, 22, 30, tzinfo=brasilia)
        assert build_end_to_end_id("12345678", at, "0" * 11)[9:21] == "202701010130"

    @given(ISPBS, MOMENTS, SUFFIXES)
    def test_its_parts_come_back(self, ispb: str, at: datetime, suffix: str) -> None:
        text = build_end_to_end_id(ispb, at, suffix)
        parts = parse_end_to_end_id(text)
        assert len(text) == 32
        assert (parts.ispb, parts.suffix) == (ispb, suffix)
        assert parts.at == at.replace(second=0, microsecond=0)
        assert parts.at.utcoffset() == timedelta(0)

    @pytest.mark.parametrize(
        "text",
        [
            "E12345678202602290905abcDEF12345",  # 2026 has no 29 February
            "E12345678202613010905abcDEF12345",
            "E12345678202600010905abcDEF12345",
            "E12345678202606310905abcDEF12345",
            "E12345678202606302405abcDEF12345",
            "E12345678202606302360abcDEF12345",
            "E12345678000006302359abcDEF12345",
            "D12345678202607010905abcDEF12345",
            "e12345678202607010905abcDEF12345",
            "E1234567a202607010905abcDEF12345",
            "E12345678202607010905abcDEF1234",
            "E12345678202607010905abcDEF123456",
            "E12345678202607010905abcDEF1234-",
            "E12345678202607010905abcDEF1234\n",
            "E12345678\N{FULLWIDTH DIGIT TWO}02607010905abcDEF12345",
            "",
        ],
    )
    def test_a_malformed_one_or_a_day_that_never_was_is_refused(self, text: str) -> None:
        assert not is_end_to_end_id(text)
        with pytest.raises(Refused) as refusal:
            parse_end_to_end_id(text)

        assert refused("invalid_end_to_end_id", "end_to_end_id", refusal.value)

    def test_a_leap_day_is_in_the_calendar(self) -> None:
        assert is_end_to_end_id("E12345678202802290905abcDEF12345")

    def test_a_return_id_is_the_same_with_a_d(self) -> None:
        at = datetime(2026, 7, 1, tzinfo=UTC)
        text = build_return_id("12345678", at, "x" * 11)
        assert text == "D12345678202607010000xxxxxxxxxxx"
        assert parse_return_id(text).at == at
        with pytest.raises(Refused) as refusal:
            parse_return_id("E" + text[1:])

        assert refused("invalid_return_id", "return_id", refusal.value)

    @pytest.mark.parametrize(
        ("ispb", "at", "suffix"),
        [
            ("1234567", datetime(2026, 7, 1, tzinfo=UTC), "x" * 11),
            ("12345678", datetime(2026, 7, 1), "x" * 11),  # noqa: DTZ001 - naive is the point
            ("12345678", datetime(2026, 7, 1, tzinfo=UTC), "x" * 10),
            ("12345678", datetime(2026, 7, 1, tzinfo=UTC), "é" * 11),
        ],
    )
    def test_building_from_wrong_parts_is_a_bug(self, ispb: str, at: datetime, suffix: str) -> None:
        with pytest.raises(AssertionError):
            build_end_to_end_id(ispb, at, suffix)


class TestTxid:
    @given(st.text(ALPHANUMERIC, min_size=1, max_size=40))
    def test_its_length_says_what_it_may_name(self, text: str) -> None:
        assert accepts(parse_static_txid, text) is (len(text) <= 25)
        assert accepts(parse_charge_txid, text) is (26 <= len(text) <= 35)
        assert accepts(parse_refund_id, text) is (len(text) <= 35)

    @pytest.mark.parametrize("text", ["***", "a-b", "é", "a b", "abc\n"])
    def test_only_letters_and_digits_are_accepted(self, text: str) -> None:
        assert not accepts(parse_static_txid, text)
        assert not accepts(parse_refund_id, text)
        assert not accepts(parse_charge_txid, text + "a" * 26)


def accepts(parse: object, text: str) -> bool:
    assert callable(parse)
    try:
        same = parse(text)
    except Refused as refusal:
        return refusal.code not in {"invalid_txid", "invalid_refund_id"}

    return bool(same == text)


class TestUlid:
    def test_the_specification_s_example_time_is_written_alike(self) -> None:
        assert new_ulid(1469918176385, bytes(10)) == "01ARYZ6S41" + "0" * 16

    @given(st.integers(0, MILLISECONDS_MAX), st.binary(min_size=10, max_size=10))
    def test_time_and_randomness_come_back(self, milliseconds: int, noise: bytes) -> None:
        ulid = new_ulid(milliseconds, noise)
        assert is_ulid(ulid)
        assert ulid_milliseconds(ulid) == milliseconds
        assert decode_128(ulid) == int.from_bytes(milliseconds.to_bytes(6) + noise)

    @given(st.lists(U128, min_size=2, unique=True))
    def test_texts_sort_as_numbers_do(self, values: list[int]) -> None:
        texts = [encode_128(value) for value in sorted(values)]
        assert all(before < after for before, after in pairwise(texts))

    @pytest.mark.parametrize(
        "text",
        ["8" + "0" * 25, "0" * 25, "0" * 27, "0" * 25 + "i", "0" * 25 + "U", "", "0" * 25 + "a"],
    )
    def test_only_the_canonical_form_is_read(self, text: str) -> None:
        assert not is_ulid(text)
        with pytest.raises(Refused) as refusal:
            decode_128(text)

        assert refused("invalid_id", "id", refusal.value)

    @pytest.mark.parametrize(
        ("milliseconds", "noise"), [(-1, bytes(10)), (1 << 48, bytes(10)), (0, bytes(9))]
    )
    def test_parts_of_the_wrong_size_are_a_bug(self, milliseconds: int, noise: bytes) -> None:
        with pytest.raises(AssertionError):
            new_ulid(milliseconds, noise)

    @pytest.mark.parametrize("value", [-1, 1 << 128])
    def test_a_number_that_has_not_128_bits_is_a_bug(self, value: int) -> None:
        with pytest.raises(AssertionError):
            encode_128(value)


class TestPrefixedIds:
    def test_the_prefixes_are_those_of_the_api(self) -> None:
        wanted = (
            "chg pay acc prod xfer tb whk evt key ref usr mch ins dlv req job med inf ses era exp "
            "bat cts"
        )
        assert set(IdPrefix) == set(wanted.split())

    @given(st.sampled_from(IdPrefix), U128.map(encode_128))
    def test_an_id_is_read_as_its_own_kind_and_no_other(self, prefix: IdPrefix, ulid: str) -> None:
        text = build_id(prefix, ulid)
        assert text == f"{prefix.value}_{ulid}"
        for other in IdPrefix:
            if other is prefix:
                assert parse_id(other, text) == text
            else:
                with pytest.raises(Refused):
                    parse_id(other, text)

    def test_a_plain_string_prefix_is_accepted_when_it_is_ours(self) -> None:
        assert build_id("evt", "0" * 26) == "evt_" + "0" * 26
        with pytest.raises(AssertionError):
            build_id("foo", "0" * 26)

    def test_a_body_that_is_no_ulid_is_a_bug_in_building(self) -> None:
        with pytest.raises(AssertionError):
            build_id(IdPrefix.CHARGE, "x")

    @pytest.mark.parametrize("text", ["", "chg", "chg_", "chg_" + "0" * 25, "chg-" + "0" * 26])
    def test_a_malformed_id_is_refused_by_field(self, text: str) -> None:
        with pytest.raises(Refused) as refusal:
            parse_id(IdPrefix.CHARGE, text, field="charge_id")

        assert refused("invalid_id", "charge_id", refusal.value)


class TestDerivedId:
    PARTS = st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable())
    SINCE_1970 = st.integers(0, 250_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))
    ULID_PREFIXES = sorted(set(IdPrefix) - {IdPrefix.LEDGER_TRANSFER})

    @pytest.mark.parametrize(
        ("business_id", "value"),
        [
            ("E12345678202607010905abcDEF12345", "019f1cecf2a4f0841f2fa739b22c7e32"),
            ("D12345678202607010905abcDEF12345", "019f1ced1a10fc044b66ee726c721ddb"),
            ("acc_01JZ0000000000000000000000", "0197c0000000042bf668c17b86033904"),
            ("1.4.1.65.00.00-7", "13fe9bab6d2222d7e08b1e038aee92e7"),
        ],
    )
    def test_its_value_is_pinned_because_ledgers_remember_it(
        self, business_id: str, value: str
    ) -> None:
        assert f"{derived_id('12345678', business_id, 'in'):032x}" == value

    @given(SINCE_1970, st.sampled_from("ED"), SUFFIXES, PARTS)
    def test_it_is_within_the_minute_of_an_end_to_end_id(
        self, at: datetime, letter: str, suffix: str, leg: str
    ) -> None:
        build = build_end_to_end_id if letter == "E" else build_return_id
        found = derived_id("12345678", build("12345678", at, suffix), leg)
        milliseconds = int(minute_of(at).timestamp()) * 1000
        assert milliseconds <= found >> 80 < milliseconds + 60_000

    @given(SINCE_1970, st.integers(1, 10_000_000), PARTS, PARTS)
    def test_ids_are_in_order_of_their_minutes_whatever_the_leg(
        self, earlier: datetime, minutes: int, leg: str, other_leg: str
    ) -> None:
        later = minute_of(earlier) + timedelta(minutes=minutes)
        ids = [
            derived_id("12345678", build_end_to_end_id("12345678", at, "abcDEF12345"), a_leg)
            for at, a_leg in ((earlier, leg), (later, other_leg))
        ]
        assert ids == sorted(ids)

    @given(st.sampled_from(ULID_PREFIXES), U128, PARTS)
    def test_it_begins_with_the_millisecond_of_a_ulid(
        self, prefix: IdPrefix, number: int, leg: str
    ) -> None:
        found = derived_id("12345678", build_id(prefix, encode_128(number)), leg)
        # The very first and the very last id are kept by TigerBeetle: whoever draws one moves over.
        assert found >> 80 == number >> 80

    @pytest.mark.parametrize(
        "business_id",
        [
            "E12345678202613010905abcDEF12345",  # no such month
            "E12345678196912312359abcDEF12345",  # nothing was paid before 1970
            "E12345678000101010000abcDEF12345",
            "tb_01JZ0000000000000000000000",  # a ledger's number, no ULID
            "foo_01JZ0000000000000000000000",
            "acc_01JZ000000000000000000000",
            "acc_01jz0000000000000000000000",
            "1.4.1.65.00.00-7",
        ],
    )
    def test_business_without_a_time_has_the_whole_hash(self, business_id: str) -> None:
        digest = blake2b(digest_size=16, person=b"fluxiq.ledger.id")
        for part in (b"12345678", business_id.encode(), b"in"):
            digest.update(len(part).to_bytes(4) + part)
        assert derived_id("12345678", business_id, "in") == int.from_bytes(digest.digest())

    def test_a_hundred_thousand_legs_of_one_minute_are_distinct_and_fill_all_of_it(self) -> None:
        ids = {
            derived_id("12345678", f"E12345678202607010905abcDEF{number:05}", leg)
            for number in range(50_000)
            for leg in ("hold", "post")
        }
        assert len(ids) == 100_000
        assert len({one & (1 << 80) - 1 for one in ids}) == 100_000
        # Drawn evenly, 60,000 milliseconds less 60,000 / e**(5/3) are met.
        assert 48_000 < len({one >> 80 for one in ids}) < 49_500

    @given(PARTS, PARTS, PARTS)
    def test_it_is_stable_and_usable(self, ispb: str, business: str, leg: str) -> None:
        found = derived_id(ispb, business, leg)
        assert found == derived_id(ispb, business, leg)
        assert 0 < found < (1 << 128) - 1

    @given(st.lists(st.tuples(PARTS, PARTS, PARTS), min_size=2, unique=True))
    def test_different_business_has_different_ids(self, parts: list[tuple[str, str, str]]) -> None:
        assert len({derived_id(*part) for part in parts}) == len(parts)

    def test_moving_a_character_between_parts_changes_the_id(self) -> None:
        assert derived_id("ab", "c", "d") != derived_id("a", "bc", "d")
        assert derived_id("a", "bc", "d") != derived_id("a", "b", "cd")

    def test_an_empty_part_is_a_bug(self) -> None:
        with pytest.raises(AssertionError):
            derived_id("12345678", "", "in")

    @pytest.mark.parametrize(
        ("value", "usable"),
        [
            (0, 1),
            ((1 << 128) - 1, (1 << 128) - 2),
            (1, 1),
            ((1 << 128) - 2, (1 << 128) - 2),
            (7, 7),
        ],
    )
    def test_the_two_numbers_the_ledger_keeps_are_stepped_off(
        self, value: int, usable: int
    ) -> None:
        assert identifiers._usable(value) == usable

    @given(U128)
    def test_its_text_comes_back_as_the_number(self, value: int) -> None:
        text = tb_id_text(value)
        assert text.startswith("tb_")
        assert len(text) == 29
        assert tb_id_of(text) == value

    @pytest.mark.parametrize("text", ["tb_8" + "0" * 25, "xfer_" + "0" * 26, "tb_", "0" * 26])
    def test_a_text_of_another_kind_is_refused(self, text: str) -> None:
        with pytest.raises(Refused) as refusal:
            tb_id_of(text)

        assert refused("invalid_id", "ledger_entry_id", refusal.value)
