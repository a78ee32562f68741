"""The life of an institution's keys: made, unwrapped or refused, granted, rotated, wrapped anew."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fluxiq.errors import StartRefused
from fluxiq.ports.sealing import Place
from fluxiq.ports.sealing_keys import KeyPurpose
from fluxiq.sealing.key_file import KEYS_MAX, KeyFile, new_key_text
from fluxiq.sealing.keyring import MESSAGES_MAX, Keyring
from fluxiq.sealing.keys import (
    GRANT,
    keep_granted,
    open_keyring,
    refresh,
    rewrap,
    rotate,
)
from tests.support.memory_sealing import MemorySealingKeys

ISPB = "12345678"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HERE = Place("merchants", "name", "mch_1")


def key_file(path: Path, *lines: str) -> KeyFile:
    path.write_text("".join(lines or [new_key_text()]))
    path.chmod(0o600)
    return KeyFile(path)


@pytest.fixture
def wrapper(tmp_path: Path) -> KeyFile:
    return key_file(tmp_path / "sealing.keys")


async def opened(keys: MemorySealingKeys, wrapper: KeyFile, ispb: str = ISPB) -> Keyring:
    return await open_keyring(ispb, keys, wrapper, NOW, lambda place: None)


async def test_an_institution_gets_its_keys_once(wrapper: KeyFile) -> None:
    keys = MemorySealingKeys()
    sealed = (await opened(keys, wrapper)).seal(b"Maria", HERE)
    again = await opened(keys, wrapper)
    assert again.open(sealed, HERE) == b"Maria"
    purposes = {key.id: key.purpose for key in keys.by_id.values()}
    assert purposes == {0: KeyPurpose.INDEX, 1: KeyPurpose.DATA}


async def test_keys_are_nowhere_in_plain(wrapper: KeyFile) -> None:
    keys = MemorySealingKeys()
    ring = await opened(keys, wrapper)
    assert all(len(key.wrapped) == 12 + 32 + 16 for key in keys.by_id.values())
    assert not any(ring._index_root in key.wrapped for key in keys.by_id.values())


async def test_without_the_key_encryption_key_the_institution_does_not_start(
    wrapper: KeyFile,
) -> None:
    keys = MemorySealingKeys()
    await opened(keys, wrapper)
    wrapper.path.unlink()
    with pytest.raises(StartRefused, match=r"sealing\.keys is missing.*Restore it from a backup"):
        await opened(keys, wrapper)
    assert not wrapper.path.exists(), "never a silent new key"


async def test_with_another_key_encryption_key_it_does_not_start(
    wrapper: KeyFile, tmp_path: Path
) -> None:
    keys = MemorySealingKeys()
    await opened(keys, wrapper)
    other = key_file(tmp_path / "other.keys")
    with pytest.raises(StartRefused, match=r"institution 12345678.*is not in .*other\.keys"):
        await opened(keys, other)
    assert len(keys.by_id) == 2


async def test_wrapped_keys_of_another_institution_do_not_unwrap(wrapper: KeyFile) -> None:
    keys = MemorySealingKeys()
    await opened(keys, wrapper)
    with pytest.raises(StartRefused, match=r"A key of institution 87654321, key 0 does not unwrap"):
        await opened(keys, wrapper, "87654321")


async def test_a_start_without_an_index_key_is_refused(wrapper: KeyFile) -> None:
    keys = MemorySealingKeys()
    await opened(keys, wrapper)
    del keys.by_id[0]
    with pytest.raises(StartRefused, match="no key to seal with"):
        await opened(keys, wrapper)


@pytest.mark.parametrize(
    "text",
    ["", "\n", "00" * 31, "zz" * 32, "00" * 32 + " x", new_key_text() * (KEYS_MAX + 1)],
    ids=["empty", "blank", "short", "not hexadecimal", "something else", "too many"],
)
async def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sealing.keys"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(StartRefused, match="is damaged"):
        await KeyFile(path).current()


async def test_a_file_that_others_can_read_is_refused(wrapper: KeyFile) -> None:
    wrapper.path.chmod(0o640)
    with pytest.raises(StartRefused, match=r"used by others \(mode 0640\)"):
        await wrapper.current()


async def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="cannot be read"):
        await KeyFile(tmp_path).current()


async def test_a_grant_is_on_paper_before_it_is_used(wrapper: KeyFile) -> None:
    keys = MemorySealingKeys()
    ring = await opened(keys, wrapper)
    assert (ring.granted, keys.by_id[1].messages) == (GRANT, GRANT)
    ring.seal(b"x", HERE)
    await keep_granted(ring, keys)
    assert keys.by_id[1].messages == GRANT, "half of it is left"
    again = await opened(keys, wrapper)
    assert (again.granted, keys.by_id[1].messages) == (GRANT, 2 * GRANT)


async def test_a_key_that_is_used_up_seals_no_more(wrapper: KeyFile) -> None:
    keys = MemorySealingKeys()
    await opened(keys, wrapper)
    assert await keys.grant(1, MESSAGES_MAX - GRANT, MESSAGES_MAX)
    ring = await opened(keys, wrapper)
    assert (ring.granted, keys.by_id[1].messages) == (0, MESSAGES_MAX)


async def test_a_rotation_is_seen_by_who_looks(wrapper: KeyFile) -> None:
    keys = MemorySealingKeys()
    ring = await opened(keys, wrapper)
    before = ring.seal(b"Maria", HERE)
    seen = await keys.state()
    made = await rotate(ISPB, keys, wrapper, NOW)
    assert made is not None
    assert ring.current == 1
    await refresh(ISPB, ring, seen, keys, wrapper)
    assert (ring.current, ring.granted) == (2, GRANT)
    assert ring.open(before, HERE) == b"Maria"


async def test_two_who_rotate_at_once_make_one_key(wrapper: KeyFile) -> None:
    keys = MemorySealingKeys()
    await opened(keys, wrapper)

    class Overtaken(MemorySealingKeys):
        async def add(self, keys_: object) -> bool:  # type: ignore[override]
            return False

    rival = Overtaken()
    rival.by_id = keys.by_id
    assert await rotate(ISPB, rival, wrapper, NOW) is None
    assert max(keys.by_id) == 1


async def test_a_retired_key_is_not_unwrapped(wrapper: KeyFile) -> None:
    keys = MemorySealingKeys()
    await opened(keys, wrapper)
    await rotate(ISPB, keys, wrapper, NOW)
    assert await keys.retire(2, NOW) == [1]
    ring = await opened(keys, wrapper)
    assert sorted(ring._ciphers) == [2]


async def test_a_new_key_encryption_key_wraps_anew_and_seals_nothing_again(
    wrapper: KeyFile,
) -> None:
    keys = MemorySealingKeys()
    sealed = (await opened(keys, wrapper)).seal(b"Maria", HERE)
    old = wrapper.path.read_text()
    new = new_key_text()
    key_file(wrapper.path, new, old)
    assert await rewrap(ISPB, keys, wrapper) == [0, 1]
    assert await rewrap(ISPB, keys, wrapper) == []
    key_file(wrapper.path, new)
    assert (await opened(keys, wrapper)).open(sealed, HERE) == b"Maria"
    assert {key.wrapped_by for key in keys.by_id.values()} == {await wrapper.current()}
