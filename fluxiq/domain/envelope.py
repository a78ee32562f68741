"""A sealed value, byte by byte.

    offset  bytes  content
         0      1  version: 1, AES-256-GCM; 0, not sealed yet (the value follows at offset 1)
         1      4  id of the data-encryption key, big-endian
         5     12  nonce, random
        17      n  ciphertext, as long as the value
      17+n     16  authentication tag

The associated data is not stored: whoever opens knows where the value was found. It is the first
five bytes, then `institution NUL table NUL column NUL row` in UTF-8. Only the row, which comes
last, may have a NUL in it, so no two places have the same text.
"""

from typing import Final

PLAIN: Final = b"\x00"
SEALED: Final = 1
NONCE_BYTES: Final = 12  # 96 bits: SP 800-38D, 8.2.2 (random bits fill all of it)
TAG_BYTES: Final = 16
HEAD_BYTES: Final = 5
OVERHEAD_BYTES: Final = HEAD_BYTES + NONCE_BYTES + TAG_BYTES


def head_of(key_id: int) -> bytes:
    """Version and key id, the first bytes of everything sealed under a key."""
    return bytes([SEALED]) + key_id.to_bytes(4, "big")


def key_id_of(sealed: bytes) -> int | None:
    """Under which key something is sealed: 0 where it is plain, None where it is no envelope."""
    if sealed[:1] == PLAIN:
        return 0
    if len(sealed) < OVERHEAD_BYTES or sealed[0] != SEALED:
        return None
    return int.from_bytes(sealed[1:HEAD_BYTES], "big")


def before_row(head: bytes, institution: str, table: str, column: str) -> bytes:
    """The associated data up to the row, which is the same for a whole column."""
    assert "\0" not in institution + table + column, "a name has no NUL"
    return head + f"{institution}\0{table}\0{column}\0".encode()
