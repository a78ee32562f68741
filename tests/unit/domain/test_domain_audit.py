"""What of the audit trail is hashed and signed: all of it, and the same for everybody."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fluxiq.domain.audit import (
    LINE_TAG,
    NO_SEAL,
    Line,
    Place,
    Seal,
    leaf_of,
    line_bytes,
    next_seal,
    seal_bytes,
    seal_hash,
)
from fluxiq.domain.audit_proof import Proofs, ProofVerdict, check
from fluxiq.domain.audit_retention import (
    CLASSES,
    YEARS_MIN,
    class_of,
    kept_longest,
    kept_until,
)
from fluxiq.domain.audit_signature import SealingKey, TrustedKeys, key_id_of

ISPB = "12345678"
AT = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
KEY, OTHER = SealingKey(bytes(32)), SealingKey(b"\x01" * 32)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def line(number: int = 1, **fields: Any) -> Line:
    made = Line(
        id=number,
        xid=700 + number,
        at=AT,
        actor="key_1",
        credential="key_1",
        address="192.0.2.1",
        request_id="req_1",
        action="payout.created",
        subject="pay_1",
        merchant_id="mch_1",
        before=b"\x01" * 32,
        digest=b"\x02" * 32,
        note="",
    )
    return replace(made, **fields)


def sealed(lines: list[Line], head: Seal | None = None, key: SealingKey = KEY) -> Seal:
    leaves = [leaf_of(one) for one in lines]
    return key.sign(ISPB, next_seal(ISPB, head, lines, leaves, AT + timedelta(seconds=5)))


def test_a_line_is_an_array_that_says_what_it_is() -> None:
    assert json.loads(line_bytes(line())) == [
        LINE_TAG, 1, 701, "2026-03-04T12:00:00.123456Z", "key_1", "key_1", "192.0.2.1", "req_1",
        "payout.created", "pay_1", "mch_1", "01" * 32, "02" * 32, "",
    ]  # fmt: skip


@given(TEXT, TEXT)
def test_anybodys_json_writes_a_line_in_the_same_bytes(note: str, actor: str) -> None:
    written = line_bytes(line(note=note, actor=actor))
    again = json.dumps(json.loads(written), ensure_ascii=False, separators=(",", ":"))
    assert again.encode() == written


@pytest.mark.parametrize("name", Line.__struct_fields__)
def test_each_field_of_a_line_is_in_its_hash(name: str) -> None:
    value = getattr(line(), name)
    other = {
        int: lambda: value + 1,
        str: lambda: value + "x",
        bytes: lambda: value + b"x",
        datetime: lambda: value + timedelta(microseconds=1),
    }[type(value)]()
    assert leaf_of(line(**{name: other})) != leaf_of(line())


@given(TEXT, TEXT)
def test_words_cannot_wander_from_one_field_to_the_next(one: str, other: str) -> None:
    joined = leaf_of(line(actor=one + other, credential=""))
    assert (joined == leaf_of(line(actor=one, credential=other))) == (other == "")


def test_the_first_seal_follows_on_nothing_and_the_next_on_it() -> None:
    first = sealed([line(1), line(2)])
    second = sealed([line(3)], first)
    assert (first.seq, first.previous, first.count) == (1, NO_SEAL, 2)
    assert (second.seq, second.previous) == (2, seal_hash(ISPB, first))
    assert (second.first, second.last) == (Place(703, 3), Place(703, 3))


def test_no_line_is_sealed_behind_a_seal() -> None:
    first = sealed([line(5)])
    with pytest.raises(AssertionError, match="behind a seal"):
        sealed([line(4)], first)


@pytest.mark.parametrize("name", sorted({*Seal.__struct_fields__} - {"signature"}))
def test_each_field_of_a_seal_is_signed(name: str) -> None:
    seal, trusted = sealed([line()]), TrustedKeys.of(KEY)
    value = getattr(seal, name)
    other = {
        int: lambda: value + 1,
        str: lambda: KEY.id[::-1],
        bytes: lambda: bytes([value[0] ^ 1]) + value[1:],
        Place: lambda: Place(value.xid, value.id + 1),
        datetime: lambda: value + timedelta(microseconds=1),
    }[type(value)]()
    assert trusted.signed(ISPB, seal)
    assert not trusted.signed(ISPB, replace(seal, **{name: other}))


def test_a_seal_of_one_institution_is_none_of_another() -> None:
    assert not TrustedKeys.of(KEY).signed("87654321", sealed([line()]))
    assert seal_bytes("87654321", sealed([line()])) != seal_bytes(ISPB, sealed([line()]))


def test_a_key_that_is_not_trusted_signs_nothing() -> None:
    forged = sealed([line()], key=OTHER)
    assert not TrustedKeys.of(KEY).signed(ISPB, forged)
    assert not TrustedKeys.of(KEY).signed(ISPB, replace(forged, key_id=KEY.id))
    assert TrustedKeys.of(KEY, OTHER).signed(ISPB, forged)


def test_a_key_is_named_by_its_public_half() -> None:
    assert KEY.id == key_id_of(KEY.public)
    assert KEY.id != OTHER.id


# Proofs


@given(st.integers(1, 40), st.data())
def test_a_proof_goes_into_a_file_and_holds_there(count: int, draw: st.DataObject) -> None:
    lines = [line(number) for number in range(1, count + 1)]
    proofs = Proofs.of(ISPB, sealed(lines), lines)
    assert proofs is not None
    proof = proofs.prove(draw.draw(st.sampled_from(lines)))
    again = msgspec.json.decode(msgspec.json.encode(proof), type=type(proof))
    assert check(again, TrustedKeys.of(KEY)) is ProofVerdict.HOLDS


def test_what_is_wrong_with_a_proof_is_said() -> None:
    lines = [line(1), line(2), line(3)]
    seal = sealed(lines)
    proofs = Proofs.of(ISPB, seal, lines)
    assert proofs is not None
    good, trusted = proofs.prove(lines[1]), TrustedKeys.of(KEY)

    assert check(replace(good, line=line(2, note="x")), trusted) is ProofVerdict.NOT_THE_LINE
    assert check(replace(good, index=0), trusted) is ProofVerdict.NOT_THE_LINE
    assert check(replace(good, path=good.path[:-1]), trusted) is ProofVerdict.NOT_THE_LINE
    other_root = replace(seal, root=bytes(32))
    assert check(replace(good, seal=other_root), trusted) is ProofVerdict.WRONG_SIGNATURE
    assert check(replace(good, ispb="87654321"), trusted) is ProofVerdict.WRONG_SIGNATURE
    assert check(good, TrustedKeys.of(OTHER)) is ProofVerdict.UNKNOWN_KEY
    assert check(replace(good, format="2"), trusted) is ProofVerdict.UNKNOWN_FORMAT


def test_lines_that_are_not_those_that_were_sealed_prove_nothing() -> None:
    lines = [line(1), line(2)]
    seal = sealed(lines)
    assert Proofs.of(ISPB, seal, [line(1), line(2, note="x")]) is None
    assert Proofs.of(ISPB, seal, lines[:1]) is None


# Retention


def test_nothing_is_kept_for_less_than_five_years() -> None:
    assert all(one.years >= YEARS_MIN for one in CLASSES)
    assert class_of("whatever.happens").years >= YEARS_MIN
    assert all(one.source for one in CLASSES)


def test_a_batch_is_kept_as_long_as_the_line_that_is_kept_longest() -> None:
    assert kept_longest(["api_key.created", "job.discarded"]).years == 5
    assert kept_longest(["api_key.created", "payout.confirmed"]).name == "operations"


def test_years_are_counted_from_the_first_day_of_the_next() -> None:
    until = kept_until(AT, class_of("payout.created"))
    assert until == datetime(2037, 1, 1, tzinfo=UTC)
