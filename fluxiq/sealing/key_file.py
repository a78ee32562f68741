"""Key-encryption keys in a file: one a line, in hexadecimal, the current one first.

A key's id is made from the key, so a file never says that a key is what it is not. Old keys stay
until nothing is wrapped by them (`run.py sealing rewrap` says so).
"""

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import trio
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fluxiq.domain.envelope import NONCE_BYTES
from fluxiq.errors import StartRefused
from fluxiq.ports.sealing_keys import KeyWrapper

KEY_BYTES: Final = 32
KEYS_MAX: Final = 16
_FILE_BYTES_MAX: Final = KEYS_MAX * (2 * KEY_BYTES + 2)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LINE: Final = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_BYTES}}}")


class KeyFile(KeyWrapper):
    """Read anew each time it is asked, so that a new key is taken without a restart."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def current(self) -> str:
        return next(iter(await self._read()))

    async def wrap(self, key: bytes, context: str) -> bytes:
        keys = await self._read()
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(next(iter(keys.values()))).encrypt(nonce, key, context.encode())

    async def unwrap(self, wrapped: bytes, wrapped_by: str, context: str) -> bytes:
        keys = await self._read()
        if wrapped_by not in keys:
            raise StartRefused(
                f"The keys of {context} are wrapped by the key-encryption key {wrapped_by}, which"
                f" is not in {self.path}; restore it from a backup."
            )
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return AESGCM(keys[wrapped_by]).decrypt(nonce, sealed, context.encode())
        except InvalidTag:
            raise StartRefused(
                f"A key of {context} does not unwrap by the key-encryption key {wrapped_by}: it was"
                " changed, or it is another's; restore the table sealing_keys from a backup."
            ) from None

    async def _read(self) -> Mapping[str, bytes]:
        return await trio.to_thread.run_sync(read_keys, self.path)


def read_keys(path: Path) -> dict[str, bytes]:
    """Keys by their ids, the current one first. Raises StartRefused."""
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            text = file.read(_FILE_BYTES_MAX + 1).decode("ascii", "replace")
    except FileNotFoundError:
        raise StartRefused(
            f"The key-encryption key {path} is missing: without it nothing that is sealed can be"
            " read. Restore it from a backup."
        ) from None
    except OSError as error:
        raise StartRefused(
            f"The key-encryption key {path} cannot be read: {error.strerror}."
        ) from error

    if mode & _OTHERS:
        raise StartRefused(
            f"The key-encryption key {path} can be used by others (mode {mode & 0o777:04o});"
            " it must be its owner's alone: chmod 600."
        )
    lines = text.split()
    if not 0 < len(lines) <= KEYS_MAX or not all(_LINE.fullmatch(line) for line in lines):
        raise StartRefused(
            f"The key-encryption key {path} is damaged: it has 1 to {KEYS_MAX} lines of"
            f" {2 * KEY_BYTES} hexadecimal digits. Restore it from a backup."
        )
    keys = [bytes.fromhex(line) for line in lines]
    return {key_id(key): key for key in keys}


def new_key_text() -> str:
    """A line for the file."""
    return secrets.token_hex(KEY_BYTES) + "\n"


def key_id(key: bytes) -> str:
    """A hash tells a random key of 256 bits from another, and nobody what it is."""
    return "file:" + hashlib.sha256(b"fluxiq key-encryption key" + key).hexdigest()[:16]
