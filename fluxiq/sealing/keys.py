"""The life of an institution's keys: made once, unwrapped at its start, granted piece by piece."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from fluxiq.errors import StartRefused
from fluxiq.ports.sealing import Place
from fluxiq.ports.sealing_keys import (
    KeyPurpose,
    KeyWrapper,
    SealingKeys,
    SealingState,
    WrappedKey,
)
from fluxiq.sealing.keyring import KEY_BYTES, MESSAGES_MAX, Keyring, Keys

# What a process may seal before it is on paper that it may seal more: at ten thousand a second for
# 100 s. A crash wastes at most this of a key's 2^32.
GRANT: Final = 2**20
# A key that has this many is due for rotation: half of what it may have.
ROTATE_AT: Final = MESSAGES_MAX // 2
INDEX_KEY_ID: Final = 0
# How long a process goes on with a key that it has not seen to be current: a rotation waits longer.
VOUCHED_SECONDS: Final = 20.0

_log = structlog.get_logger("sealing")


async def open_keyring(
    ispb: str,
    keys: SealingKeys,
    wrapper: KeyWrapper,
    now: datetime,
    alarm: Callable[[Place], None],
) -> Keyring:
    """The keyring of institution `ispb`, ready to seal. An institution that has no keys gets its
    first ones. Raises StartRefused when those it has do not unwrap, and Unavailable.
    """
    state = await keys.state()
    if not state.keys:
        await _make_first(ispb, keys, wrapper, now)
        state = await keys.state()

    ring = Keyring(ispb, await unwrapped(ispb, state, wrapper), alarm)
    await refresh(ispb, ring, state, keys, wrapper)
    return ring


async def refresh(
    ispb: str, ring: Keyring, seen: SealingState | None, keys: SealingKeys, wrapper: KeyWrapper
) -> SealingState:
    """Take keys that others have made since `seen`, and a new grant where little is left."""
    asked_at = time.monotonic()
    state = await keys.state()
    if seen is None or _names(state) != _names(seen):
        ring.use(await unwrapped(ispb, state, wrapper))
    await keep_granted(ring, keys)
    ring.vouch(asked_at + VOUCHED_SECONDS)
    return state


async def keep_granted(ring: Keyring, keys: SealingKeys) -> None:
    """A new grant when half of one is used. There is none where the key has sealed all it may."""
    if ring.granted >= GRANT // 2:
        return
    current = ring.current
    if await keys.grant(current, GRANT, MESSAGES_MAX):
        ring.grant(current, GRANT)
    else:
        _log.error("sealing_key_used_up", key=current)


async def unwrapped(ispb: str, state: SealingState, wrapper: KeyWrapper) -> Keys:
    """Every key that may still be asked for, in plain: in memory, and nowhere else."""
    data: dict[int, bytes] = {}
    index = b""
    for key in state.keys:
        if key.retired_at is not None:
            continue
        plain = await wrapper.unwrap(key.wrapped, key.wrapped_by, context_of(ispb, key.id))
        if key.purpose is KeyPurpose.INDEX:
            index = plain
        else:
            data[key.id] = plain
    if not data or not index:
        raise StartRefused(
            f"Institution {ispb} has no key to seal with in sealing_keys; restore that table from"
            " a backup."
        )
    return Keys(current=max(data), data=data, index=index, plain_allowed=state.plain_allowed)


async def rotate(
    ispb: str, keys: SealingKeys, wrapper: KeyWrapper, now: datetime
) -> WrappedKey | None:
    """A new current key. None: somebody else has just made one."""
    state = await keys.state()
    key = await new_key(ispb, state.current.id + 1, KeyPurpose.DATA, wrapper, now)
    if not await keys.add([key]):
        return None
    _log.warning("sealing_key_made", institution=ispb, key=key.id)
    return key


async def rewrap(ispb: str, keys: SealingKeys, wrapper: KeyWrapper) -> list[int]:
    """Wrap by the current key-encryption key what others have wrapped: says which keys. Retired
    ones too, so that the old key-encryption key can go. Nothing is sealed again.
    """
    current, changed = await wrapper.current(), []
    for key in (await keys.state()).keys:
        if key.wrapped_by != current:
            context = context_of(ispb, key.id)
            plain = await wrapper.unwrap(key.wrapped, key.wrapped_by, context)
            await keys.rewrap(key.id, await wrapper.wrap(plain, context), current)
            changed.append(key.id)
    return changed


async def new_key(
    ispb: str, key_id: int, purpose: KeyPurpose, wrapper: KeyWrapper, now: datetime
) -> WrappedKey:
    """A random key, wrapped."""
    plain = secrets.token_bytes(KEY_BYTES)
    return WrappedKey(
        id=key_id,
        purpose=purpose,
        wrapped=await wrapper.wrap(plain, context_of(ispb, key_id)),
        wrapped_by=await wrapper.current(),
        messages=0,
        created_at=now,
    )


def context_of(ispb: str, key_id: int) -> str:
    """What a wrapped key is bound to."""
    return f"institution {ispb}, key {key_id}"


async def _make_first(ispb: str, keys: SealingKeys, wrapper: KeyWrapper, now: datetime) -> None:
    index = await new_key(ispb, INDEX_KEY_ID, KeyPurpose.INDEX, wrapper, now)
    data = await new_key(ispb, 1, KeyPurpose.DATA, wrapper, now)
    if await keys.add([index, data]):
        _log.info("sealing_keys_made", institution=ispb)


def _names(state: SealingState) -> list[object]:
    return [
        state.plain_allowed,
        *((key.id, key.wrapped, key.retired_at is None) for key in state.keys),
    ]
