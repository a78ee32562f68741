"""Sealed values: what opens, what never does, and what nobody can tell from the outside."""

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.envelope import (
    HEAD_BYTES,
    NONCE_BYTES,
    OVERHEAD_BYTES,
    PLAIN,
    before_row,
    head_of,
    key_id_of,
)
from fluxiq.errors import SealBroken, Unavailable
from fluxiq.ports.sealing import Place
from fluxiq.sealing.keyring import Keyring
from tests.support.seals import keyring, keys_of

HERE = Place("merchants", "name", "mch_1")
RING = keyring()

names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
rows = st.text(st.characters(codec="utf-8"), max_size=40)
places = st.builds(Place, names, names, rows)


@given(st.binary(max_size=2000), places)
def test_whatever_was_sealed_opens_in_its_place(plain: bytes, place: Place) -> None:
    assert RING.open(RING.seal(plain, place), place) == plain


@given(st.binary(max_size=200), st.data())
def test_any_bit_that_flips_breaks_the_seal(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(RING.seal(plain, HERE))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        RING.open(bytes(sealed), HERE)


@given(st.binary(max_size=200), st.data())
def test_a_value_that_was_cut_or_grew_does_not_open(plain: bytes, data: st.DataObject) -> None:
    sealed = RING.seal(plain, HERE)
    cut = data.draw(st.integers(0, len(sealed) - 1))
    for changed in (sealed[:cut], sealed + b"\0", b"\0" + sealed):
        with pytest.raises(SealBroken):
            RING.open(changed, HERE)


@given(places, places)
def test_a_value_opens_in_no_other_place(here: Place, there: Place) -> None:
    sealed = RING.seal(b"Maria", here)
    if here == there:
        assert RING.open(sealed, there) == b"Maria"
        return
    with pytest.raises(SealBroken):
        RING.open(sealed, there)


@given(places, places)
def test_no_two_places_have_the_same_associated_data(here: Place, there: Place) -> None:
    def said(place: Place) -> bytes:
        return before_row(head_of(1), "12345678", place.table, place.column) + place.row.encode()

    assert (said(here) == said(there)) is (here == there)


@pytest.mark.parametrize(
    "there",
    [
        Place("merchants", "name", "mch_2"),
        Place("merchants", "document", "mch_1"),
        Place("accounts", "name", "mch_1"),
    ],
    ids=["row", "column", "table"],
)
def test_a_value_that_was_moved_is_an_alarm(there: Place) -> None:
    broken: list[Place] = []
    ring = keyring(broken=broken)
    sealed = ring.seal(b"Maria", HERE)
    with pytest.raises(SealBroken, match=f"{there.table}.{there.column} of {there.row}") as told:
        ring.open(sealed, there)
    assert broken == [there]
    assert "Maria" not in str(told.value)


def test_another_institution_does_not_open_it_even_under_the_same_key() -> None:
    ours = keyring("12345678")
    theirs = Keyring("87654321", keys_of("12345678"), lambda place: None)
    with pytest.raises(SealBroken):
        theirs.open(ours.seal(b"Maria", HERE), HERE)


def test_the_key_that_an_envelope_names_is_sealed_too() -> None:
    ring = keyring(current=2)
    sealed = ring.seal(b"Maria", HERE)
    with pytest.raises(SealBroken):
        ring.open(head_of(1) + sealed[HEAD_BYTES:], HERE)


def test_the_layout_is_the_one_that_is_written_down() -> None:
    sealed = RING.seal(b"12345", HERE)
    assert sealed[:HEAD_BYTES] == b"\x01\x00\x00\x00\x01"
    assert len(sealed) == OVERHEAD_BYTES + 5 == 1 + 4 + NONCE_BYTES + 5 + 16
    assert (
        key_id_of(sealed),
        key_id_of(PLAIN + b"x"),
        key_id_of(b""),
        key_id_of(b"\x02" * 40),
    ) == (
        1,
        0,
        None,
        None,
    )


def test_a_value_is_sealed_differently_each_time() -> None:
    sealed = [RING.seal(b"Maria", HERE) for _ in range(10_000)]
    nonces = {one[HEAD_BYTES : HEAD_BYTES + NONCE_BYTES] for one in sealed}
    assert len(nonces) == len(sealed) == len(set(sealed))


def test_a_plain_value_opens_until_everything_is_sealed() -> None:
    before, after = keyring(plain_allowed=True), keyring()
    assert before.open(PLAIN + b"Maria", HERE) == b"Maria"
    with pytest.raises(SealBroken):
        after.open(PLAIN + b"Maria", HERE)
    with pytest.raises(SealBroken):
        before.open(b"Maria", HERE)


def test_an_old_key_opens_and_the_current_one_seals() -> None:
    before, after = keyring(current=1), keyring(current=2)
    assert after.open(before.seal(b"Maria", HERE), HERE) == b"Maria"
    assert key_id_of(after.seal(b"Maria", HERE)) == 2
    with pytest.raises(SealBroken):
        before.open(after.seal(b"Maria", HERE), HERE)


def test_an_old_row_that_is_put_back_opens_while_its_key_is_in_use() -> None:
    """A seal tells neither old from new: that is for the audit trail. It only needs its key."""
    old = keyring(current=1).seal(b"Maria", HERE)
    ring = keyring(current=2)
    assert ring.open(old, HERE) == b"Maria"
    keys = keys_of("12345678", 2)
    ring.use(type(keys)(current=2, data={2: keys.data[2]}, index=keys.index, plain_allowed=False))
    with pytest.raises(SealBroken):
        ring.open(old, HERE)


def test_nothing_is_sealed_beyond_what_was_granted() -> None:
    ring = Keyring("12345678", keys_of("12345678"), lambda place: None)
    ring.vouch(math.inf)
    ring.grant(1, 2)
    ring.grant(7, 100)  # of a key that is not the current one
    assert [ring.open(ring.seal(b"x", HERE), HERE) for _ in range(2)] == [b"x", b"x"]
    with pytest.raises(Unavailable):
        ring.seal(b"x", HERE)


def test_nothing_is_sealed_under_a_key_that_may_have_been_replaced() -> None:
    now = 100.0
    ring = Keyring("12345678", keys_of("12345678"), lambda place: None, lambda: now)
    ring.grant(1, 10)
    with pytest.raises(Unavailable):
        ring.seal(b"x", HERE)
    ring.vouch(120.0)
    sealed = ring.seal(b"x", HERE)
    now = 120.5
    with pytest.raises(Unavailable):
        ring.seal(b"x", HERE)
    assert ring.open(sealed, HERE) == b"x"


def test_a_new_key_has_no_grant_of_the_old_one() -> None:
    ring = keyring()
    ring.use(keys_of("12345678", 2))
    assert (ring.current, ring.granted) == (2, 0)


def test_a_cache_is_told_without_an_alarm() -> None:
    broken: list[Place] = []
    ring = keyring(broken=broken)
    with pytest.raises(SealBroken):
        ring.quiet().open(b"somebody else's", HERE)
    assert broken == []


@given(st.text(max_size=50), st.text(max_size=50))
def test_equal_texts_and_no_others_have_equal_indexes(one: str, other: str) -> None:
    assert (RING.index(one, "document") == RING.index(other, "document")) is (
        _composed(one) == _composed(other)
    )


def test_indexes_tell_nothing_of_each_other() -> None:
    index = RING.index("52998224725", "document")
    assert len(index) == 32
    assert index != RING.index("52998224725", "pix_key")
    assert index != keyring("87654321").index("52998224725", "document")
    assert b"52998224725" not in index


def test_an_index_outlives_rotations_and_ways_to_write_a_letter() -> None:
    assert RING.index("Jos\u00e9", "name") == keyring(current=5).index("Jose\u0301", "name")


def _composed(text: str) -> str:

    return unicodedata.normalize("NFC", text)
