"""Time and chance as the system has them: the adapters of `ports.Clock` and `ports.Ids`."""

import os
import random
import string
import time
from datetime import UTC, datetime

from fluxiq.domain.identifiers import build_id
from fluxiq.domain.ulid import new_ulid

_ALPHABET = string.ascii_letters + string.digits
_entropy = random.SystemRandom()


class SystemClock:
    """`ports.Clock`: the wall clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SystemIds:
    """`ports.Ids`: ULIDs of the wall clock and the system's entropy."""

    def new(self, prefix: str) -> str:
        return build_id(prefix, new_ulid(time.time_ns() // 1_000_000, os.urandom(10)))

    def letters(self, count: int) -> str:
        return "".join(_entropy.choices(_ALPHABET, k=count))

    def secret(self, count: int) -> bytes:
        return os.urandom(count)
