"""Trees as in RFC 6962: against its own definition, and every path leads to the root it should."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.merkle import Tree, leaf_hash, root_by, root_of

DATA = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def as_the_rfc_says(data: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word by word."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha256(b"\x01" + as_the_rfc_says(data[:k]) + as_the_rfc_says(data[k:])).digest()


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_the_root_is_the_one_that_the_rfc_defines(data: list[bytes]) -> None:
    assert root_of([leaf_hash(one) for one in data]) == as_the_rfc_says(data)


def test_the_roots_of_certificate_transparency_come_out() -> None:
    """The reference vectors of RFC 6962's own implementation."""
    data = [bytes.fromhex(one) for one in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )]  # fmt: skip
    leaves = [leaf_hash(one) for one in data]
    assert root_of([]).hex().startswith("e3b0c44298fc1c14")
    assert root_of(leaves[:1]).hex().startswith("6e340b9cffb37a98")
    assert root_of(leaves[:3]).hex().startswith("aeb6bcfe274b70a1")
    assert root_of(leaves).hex().startswith("5dc9da79a70659a9")


@given(DATA, st.data())
def test_every_path_leads_to_the_root(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [leaf_hash(one) for one in data]
    tree, index = Tree(leaves), draw.draw(st.integers(0, len(leaves) - 1))
    assert tree.root == root_of(leaves)
    assert root_by(tree.path(index), leaves[index], index, len(leaves)) == tree.root


@given(DATA, st.data())
def test_no_other_leaf_gets_to_the_root_by_it(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [leaf_hash(one) for one in data]
    tree, index = Tree(leaves), draw.draw(st.integers(0, len(leaves) - 1))
    forged = leaf_hash(draw.draw(st.binary(max_size=80)))
    if forged != leaves[index]:
        assert root_by(tree.path(index), forged, index, len(leaves)) != tree.root


@given(DATA, st.data())
def test_a_path_that_is_too_long_or_too_short_leads_nowhere(
    data: list[bytes], draw: st.DataObject
) -> None:
    leaves = [leaf_hash(one) for one in data]
    index = draw.draw(st.integers(0, len(leaves) - 1))
    path = Tree(leaves).path(index)
    assert root_by([*path, bytes(32)], leaves[index], index, len(leaves)) is None
    if path:
        assert root_by(path[:-1], leaves[index], index, len(leaves)) is None


@pytest.mark.parametrize("index", [-1, 3])
def test_a_place_outside_of_the_tree_leads_nowhere(index: int) -> None:
    assert root_by([], leaf_hash(b"a"), index, 3) is None


def test_a_node_cannot_be_passed_off_as_a_leaf() -> None:
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    assert leaf_hash(left + right) != root_of([left, right])


@given(DATA, st.data())
def test_two_leaves_that_change_places_change_the_root(
    data: list[bytes], draw: st.DataObject
) -> None:
    leaves = [leaf_hash(one) for one in data]
    one, other = (draw.draw(st.integers(0, len(leaves) - 1)) for _ in range(2))
    swapped = list(leaves)
    swapped[one], swapped[other] = leaves[other], leaves[one]
    assert (root_of(swapped) == root_of(leaves)) == (leaves[one] == leaves[other])
