"""Time and chance as the system has them: the adapters of `ports.Clock` and `ports.Ids`."""

import os
import string
import time
from datetime import UTC, datetime

from fluxiq.domain.identifiers import build_id
from fluxiq.domain.ulid import new_ulid

_ALPHABET = (string.ascii_letters + string.digits).encode()
# A letter for each byte, the same number of bytes for each letter; the rest are thrown away.
_FAIR = 256 - 256 % len(_ALPHABET)
_LETTER_OF = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))


class SystemClock:
    """`ports.Clock`: the wall clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SystemIds:
    """`ports.Ids`: ULIDs of the wall clock and the system's entropy."""

    def new(self, prefix: str) -> str:
        return build_id(prefix, new_ulid(time.time_ns() // 1_000_000, os.urandom(10)))

    def letters(self, count: int) -> str:
        letters = b""
        while len(letters) < count:
            letters += os.urandom(2 * count).translate(_LETTER_OF, _UNFAIR)
        return letters[:count].decode()

    def secret(self, count: int) -> bytes:
        return os.urandom(count)
