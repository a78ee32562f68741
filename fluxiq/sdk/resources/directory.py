"""DICT: who owns a PIX key."""

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, Resource
from fluxiq.sdk.request import Request, data, get, path


class Owner(Struct, frozen=True, kw_only=True):
    """`document` is masked."""

    name: str
    document: str


class Key(Struct, frozen=True, kw_only=True):
    """`bank_name` is None where only the ISPB is known."""

    key: str
    key_type: str
    owner: Owner
    ispb: str
    bank_name: str | None


class Directory(Resource[C]):
    @Call
    def get(self, key: str) -> Request[Key]:
        """DICT counts questions, and those about keys that nobody has count many times."""
        return get(path("/pix/dict/{}", key), data(Key))
