"""Whose request it is: claims count only where a proxy of ours made them."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from werkzeug.datastructures import Headers

from fluxiq.api.remote import Remote

PROXIES = ("10.0.0.0/8", "2001:db8:ffff::/48")


def asked(connected: str | None, *claims: str) -> Any:
    headers = Headers([("X-Forwarded-For", claim) for claim in claims])
    return cast("Any", SimpleNamespace(remote_addr=connected, headers=headers))


@pytest.mark.parametrize(
    ("connected", "claims", "client"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),  # a stranger's claim
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),  # the client's own invention
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),  # two proxies
        ("10.0.0.1", ["198.51.100.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("2001:db8:ffff::1", ["2001:db8:1:2:9:9:9:9"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3::4", [], "2001:db8:1:2::/64"),  # one customer, one allowance
        ("<local>", ["198.51.100.1"], ""),
        (None, [], ""),
    ],
)
def test_the_client_is_the_right_most_address_that_is_not_ours(
    connected: str | None, claims: list[str], client: str
) -> None:
    assert Remote(PROXIES).of(asked(connected, *claims)) == client


def test_without_proxies_of_ours_nobody_is_believed() -> None:
    assert Remote(()).of(asked("10.0.0.1", "198.51.100.1")) == "10.0.0.1"
