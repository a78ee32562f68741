"""The guard against webhooks into our own network."""

from typing import Any

import pytest
import trio.testing

from fluxiq.couriers.addresses import Forbidden, PublicAddresses, is_allowed, resolve
from fluxiq.errors import Refused


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "0.1.2.3",
        "198.18.0.1",
        "::a00:1",
        "::a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::10.0.0.1",
        "64:ff9b::0.0.0.0",
        "64:ff9b:1::a00:1",
        "2001:0:a00:1::",
        "2002:a00:1::",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "fec0::1",
    ],
)
def test_addresses_that_are_not_public_are_never_allowed(address: str) -> None:
    assert not is_allowed(address, allow_loopback=False)
    assert not is_allowed(address, allow_loopback=True)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "::7f00:1", "64:ff9b::7f00:1"],
)
def test_loopback_is_allowed_only_when_settings_say_so(address: str) -> None:
    assert not is_allowed(address, allow_loopback=False)
    assert is_allowed(address, allow_loopback=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(address, allow_loopback=False)


async def test_a_name_of_this_machine_is_forbidden() -> None:
    with pytest.raises(Forbidden, match="not a public address"):
        await resolve("localhost", 80, allow_loopback=False)


@pytest.mark.parametrize("host", ["a" * 64, "nul\0inside", "0x7f.1.", "2130706433"])
async def test_odd_spellings_lead_nowhere(host: str) -> None:
    with pytest.raises((Forbidden, OSError)):
        await resolve(host, 80, allow_loopback=False)


def answering(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Every name has these addresses."""

    async def look_up(host: object, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(trio.socket, "getaddrinfo", look_up)


@pytest.mark.parametrize(
    "addresses",
    [("8.8.8.8", "10.0.0.1"), ("10.0.0.1", "8.8.8.8"), ("8.8.8.8", "64:ff9b::a00:1")],
)
async def test_one_address_of_ours_among_public_ones_forbids_the_name(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, *addresses)

    with pytest.raises(Forbidden, match="not a public address"):
        await resolve("merchant.test", 443, allow_loopback=True)


async def test_several_public_addresses_are_kept_in_order_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, "8.8.8.8", "8.8.4.4", "8.8.8.8")

    assert await resolve("merchant.test", 443, allow_loopback=False) == ["8.8.8.8", "8.8.4.4"]


async def test_a_new_endpoint_may_not_lead_into_our_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, "10.0.0.1")

    with pytest.raises(Refused) as refused:
        await PublicAddresses(allow_loopback=True).check("merchant.test", 443)

    assert (refused.value.code, refused.value.details) == (
        "webhook_url_forbidden",
        {"field": "url"},
    )


async def test_a_name_that_does_not_resolve_yet_is_looked_up_again_when_something_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    async def nobody(host: object, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        raise OSError("no such name")

    monkeypatch.setattr(trio.socket, "getaddrinfo", nobody)

    await PublicAddresses(allow_loopback=False).check("soon.test", 443)

    assert asked == ["soon.test"]


async def test_a_look_up_that_takes_for_ever_is_not_waited_for(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silence(*_: Any, **__: Any) -> list[Any]:
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(trio.socket, "getaddrinfo", silence)

    with trio.fail_after(6):
        await PublicAddresses(allow_loopback=False).check("slow.test", 443)
