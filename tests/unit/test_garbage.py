"""What a start has made is set aside from the collector, and given back."""

import gc

import pytest

from fluxiq import garbage


class Knot:
    def __init__(self) -> None:
        self.itself = self


def test_what_exists_is_not_walked_until_the_end_of_the_block() -> None:
    kept = Knot()
    with garbage.started():
        assert gc.get_freeze_count() > 0
        assert not any(one is kept for one in gc.get_objects())
        later = Knot()
        assert any(one is later for one in gc.get_objects())
    assert gc.get_freeze_count() == 0
    assert any(one is kept for one in gc.get_objects())


def test_it_is_given_back_when_the_block_fails() -> None:
    with pytest.raises(ValueError, match="why"), garbage.started():
        raise ValueError("why")
    assert gc.get_freeze_count() == 0
