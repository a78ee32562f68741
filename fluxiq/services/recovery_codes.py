"""What stands for a lost authenticator: ten codes of 80 bits, each good once."""

import base64
from typing import Final

from fluxiq.services.tenant import Tenant

COUNT: Final = 10
BYTES: Final = 10  # 16 letters of base 32
GROUP: Final = 4


def new_codes(tenant: Tenant) -> tuple[str, ...]:
    """As they are shown: `ABCD-EFGH-…`."""
    return tuple(_grouped(tenant.ids.secret(BYTES)) for _ in range(COUNT))


def digest_of_code(tenant: Tenant, text: str) -> bytes:
    """The keyed hash under which a code is kept, however it was typed."""
    bare = "".join(one for one in text.upper() if one.isalnum())
    return tenant.key_hash(f"recovery {bare}")


def _grouped(secret: bytes) -> str:
    letters = base64.b32encode(secret).decode()
    return "-".join(letters[at : at + GROUP] for at in range(0, len(letters), GROUP))
