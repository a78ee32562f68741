"""Networks that API keys work from."""

import pytest

from fluxiq.domain.networks import is_within, parse_network
from fluxiq.errors import Refused


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("2001:db8:1:2::5", "2001:db8:1:2::/64"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_a_network_is_written_in_one_way(text: str, network: str) -> None:
    assert parse_network(text, field="x") == network


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anywhere",
        "203.0.113.7/24",  # host bits: the address or the network is wrong
        "203.0.113.0/33",
        "203.0.113.0/0.0.0.255.0",
        "2001:db8::/96",
        "::ffff:203.0.113.0/120",
        "::ffff:203.0.113.7",
        "203.0.113.\N{ARABIC-INDIC DIGIT SEVEN}",
        "203.0.113.0/24 ",
    ],
)
def test_what_is_no_network_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_network(text, field="allowed_networks.0")
    assert refused.value.details["field"] == "allowed_networks.0"


@pytest.mark.parametrize(
    ("address", "networks", "inside"),
    [
        ("203.0.113.7", ("203.0.113.7/32",), True),
        ("203.0.113.8", ("203.0.113.7/32",), False),
        ("203.0.113.8", ("198.51.100.0/24", "203.0.113.0/24"), True),
        ("2001:db8:0:2::/64", ("2001:db8::/32",), True),
        ("2001:db8:0:2::/64", ("2001:db8:0:3::/64",), False),
        ("2001:db8:0:2::/64", ("0.0.0.0/0",), False),
        ("203.0.113.7", ("::/0",), False),
        ("", ("0.0.0.0/0", "::/0"), False),
    ],
)
def test_an_address_is_inside_or_not(address: str, networks: tuple[str, ...], inside: bool) -> None:
    assert is_within(address, networks) is inside
