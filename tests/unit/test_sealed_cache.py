"""What Redis keeps of people: nothing that it could tell."""

from fluxiq.cache.sealed import SealedCache
from fluxiq.ports.sealing import Place
from tests.support.memory_world import MemoryCache
from tests.support.seals import keyring

KEY, VALUE = "dict:maria@example.com", b'{"name":"Maria"}'


async def test_names_and_values_say_nothing() -> None:
    inner = MemoryCache()
    cache = SealedCache(inner, keyring().quiet())
    await cache.put(KEY, VALUE, ttl_seconds=60)
    assert await cache.get(KEY) == VALUE
    assert await cache.get_many([KEY, "dict:somebody"]) == [VALUE, None]
    [(name, (kept, seconds))] = inner.values.items()
    assert name.startswith("dict:")
    assert seconds == 60
    assert "maria" not in name
    assert b"Maria" not in kept


async def test_what_another_wrote_or_moved_is_not_there() -> None:
    inner, broken = MemoryCache(), list[Place]()
    cache = SealedCache(inner, keyring(broken=broken).quiet())
    await cache.put(KEY, VALUE, ttl_seconds=60)
    await cache.put("dict:other", b"{}", ttl_seconds=60)
    one, other = inner.values
    inner.values[one] = inner.values[other]
    inner.values[other] = (b"forged", 60)
    assert await cache.get_many([KEY, "dict:other"]) == [None, None]
    assert broken == [], "caches lose things: that is no alarm"


async def test_limits_are_counted_as_before() -> None:
    inner = MemoryCache()
    cache = SealedCache(inner, keyring().quiet())
    assert (await cache.allow("writes:key_1", 5, 60)).remaining == 4
    assert inner.used == {"writes:key_1": 1}
