"""The keys of one institution at work. Everything here is in memory and takes microseconds."""

import hashlib
import hmac
import os
import time
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from msgspec import Struct

from fluxiq.domain.envelope import (
    HEAD_BYTES,
    NONCE_BYTES,
    PLAIN,
    before_row,
    head_of,
    key_id_of,
)
from fluxiq.errors import SealBroken, Unavailable
from fluxiq.ports.sealing import Place, Sealer

KEY_BYTES: Final = 32
# Of messages under one key with random nonces of 96 bits: then the chance that two nonces were the
# same is below 2^-32 (NIST SP 800-38D, 8.3).
MESSAGES_MAX: Final = 2**32

_TEXT_AT: Final = HEAD_BYTES + NONCE_BYTES


class Keys(Struct, frozen=True, kw_only=True):
    """What a keyring works with: `data` by id, of which `current` seals; `index` is the root of
    the blind indexes. `plain_allowed` until everything of before the seals is sealed.
    """

    current: int
    data: Mapping[int, bytes]
    index: bytes
    plain_allowed: bool


class Keyring(Sealer):
    """The seals of institution `ispb`. It seals only as many values as it was granted under the
    current key (`grant`): so the count of a key's messages holds whatever crashes. And it seals
    only while somebody has lately seen that the current key is the current one (`vouch`): so a key
    that was replaced is out of use everywhere after a time that is known.
    """

    def __init__(
        self,
        ispb: str,
        keys: Keys,
        alarm: Callable[[Place], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ispb = ispb
        self._alarm = alarm  # told where a value did not open
        self._monotonic = monotonic
        self._vouched_until = 0.0
        self._ciphers: dict[int, AESGCM] = {}
        self._indexes: dict[str, hmac.HMAC] = {}
        self._columns: dict[tuple[bytes, str, str], bytes] = {}
        self._current = 0
        self._granted = 0
        self.use(keys)

    def use(self, keys: Keys) -> None:
        """Take these keys from now on. A new current key has no grant yet."""
        assert keys.current in keys.data, "the current key is one of them"
        assert all(0 < one < 2**32 for one in keys.data), "a key's id has 32 bits and is not 0"
        self._ciphers = {one: AESGCM(key) for one, key in keys.data.items()}
        self._plain_allowed = keys.plain_allowed
        if keys.current != self._current:
            self._current, self._granted = keys.current, 0
            self._head, self._cipher = head_of(keys.current), self._ciphers[keys.current]
        self._index_root = keys.index
        self._indexes.clear()

    def vouch(self, until: float) -> None:
        """The keys in use are known to be those on record; enough to seal `until` then."""
        self._vouched_until = until

    def grant(self, key_id: int, messages: int) -> None:
        """So many more values may be sealed under `key_id`, if it is still the current key."""
        if key_id == self._current:
            self._granted += messages

    @property
    def current(self) -> int:
        """The id of the key that seals."""
        return self._current

    @property
    def granted(self) -> int:
        """How many values may still be sealed."""
        return self._granted

    def seal(self, plain: bytes, place: Place) -> bytes:
        """Raises Unavailable when nothing is granted or vouched for: Postgres was away for long."""
        if self._granted <= 0 or self._monotonic() > self._vouched_until:
            raise Unavailable("sealing", "no value may be sealed under the current key just now")
        self._granted -= 1

        nonce, head = os.urandom(NONCE_BYTES), self._head
        return head + nonce + self._cipher.encrypt(nonce, plain, self._data(head, place))

    def open(self, sealed: bytes, place: Place) -> bytes:
        try:
            return self.open_quietly(sealed, place)
        except SealBroken:
            self._alarm(place)
            raise

    def open_quietly(self, sealed: bytes, place: Place) -> bytes:
        """As `open`, without the alarm."""
        cipher = self._ciphers.get(key_id_of(sealed) or 0)
        if cipher is None:
            return self._open_plain(sealed, place)

        head, nonce = sealed[:HEAD_BYTES], sealed[HEAD_BYTES:_TEXT_AT]
        try:
            return cipher.decrypt(nonce, sealed[_TEXT_AT:], self._data(head, place))
        except InvalidTag:
            raise _broken(place, "it was changed, moved, or is not ours") from None

    def index(self, plain: str, of: str) -> bytes:
        """Equal texts in Unicode's sense (NFC) have equal indexes; what else is the same (a
        document's dots, a mail's capitals) the domain has made equal before.
        """
        keyed = self._indexes.get(of)
        if keyed is None:
            expand = HKDFExpand(SHA256(), KEY_BYTES, b"fluxiq blind index\0" + of.encode())
            keyed = self._indexes[of] = hmac.new(
                expand.derive(self._index_root), digestmod=hashlib.sha256
            )
        digest = keyed.copy()  # half the time of a new one
        digest.update(unicodedata.normalize("NFC", plain).encode())
        return digest.digest()

    def _data(self, head: bytes, place: Place) -> bytes:
        """What is sealed to beside the key: `domain.envelope` says why."""
        column = head, place.table, place.column
        known = self._columns.get(column)
        if known is None:
            known = self._columns[column] = before_row(head, self._ispb, *column[1:])
        return known + place.row.encode()

    def quiet(self) -> Sealer:
        """The same seals, where what does not open is nobody's alarm: in caches."""
        return _Quiet(self)

    def _open_plain(self, sealed: bytes, place: Place) -> bytes:
        """What is left of before the seals; once all of that is sealed there is none."""
        if sealed[:1] == PLAIN and self._plain_allowed:
            return sealed[1:]
        raise _broken(place, "its key is not here, or it is no sealed value")


class _Quiet(Sealer):
    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def seal(self, plain: bytes, place: Place) -> bytes:
        return self._keyring.seal(plain, place)

    def open(self, sealed: bytes, place: Place) -> bytes:
        return self._keyring.open_quietly(sealed, place)

    def index(self, plain: str, of: str) -> bytes:
        return self._keyring.index(plain, of)


def _broken(place: Place, why: str) -> SealBroken:
    return SealBroken(f"{place.table}.{place.column} of {place.row} does not open: {why}")
