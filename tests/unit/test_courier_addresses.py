"""The guard against webhooks into our own network."""

import pytest

from fluxiq.couriers.addresses import Forbidden, is_allowed, resolve


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
        "64:ff9b::a9fe:a9fe",
        "2002:a00:1::",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_public_are_never_allowed(address: str) -> None:
    assert not is_allowed(address, allow_loopback=False)
    assert not is_allowed(address, allow_loopback=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
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
