"""What of an address stays when it is masked."""

import pytest

from fluxiq.domain.request_log import masked_address


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("203.0.113.255", "203.0.113.0/24"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),  # as the door writes it
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("", ""),
        ("unix:", ""),
        ("10.0.0", ""),
    ],
)
def test_an_address_is_told_as_its_network(address: str, masked: str) -> None:
    assert masked_address(address) == masked
