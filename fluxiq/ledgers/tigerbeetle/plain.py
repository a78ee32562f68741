"""A large request checked on its packed records: a column of bytes at a time, not field by field.

`limits.check_transfers` takes 1.3 microseconds a transfer, packing 0.6 and the columns 0.02; and
what is packed here is what is journaled and submitted. The columns know only what is certainly
fine: all that they do not is for `check_transfers` to decide, and to refuse in words.
"""

from collections.abc import Sequence
from typing import Final

from fluxiq.domain.ledger_records import Transfer, TransferFlags
from fluxiq.ledgers.limits import KEPT_FLAGS
from fluxiq.ledgers.tigerbeetle.records import TRANSFER_BYTES, first_foreign, pack_transfers

# Places in a packed transfer. An amount has 16 bytes from 48, lowest first: of centavos only the
# low eight may be in use, without their highest bit. The timeout has four from 108.
_SIGN_OF_CENTAVOS_AT: Final = 55
_FLAGS_AT: Final = 118
_ZERO_AT: Final = (*range(56, 64), *range(108, 112), _FLAGS_AT + 1)
_LINKED: Final = int(TransferFlags.LINKED)
_PLAIN_FLAGS: Final = bytes(flags for flags in range(KEPT_FLAGS + 1) if not flags & _LINKED)


def pack_plain(transfers: Sequence[Transfer], ledger: int) -> bytes | None:
    """The records of transfers that `check_transfers` accepts and that are of `ledger`; None when
    that is not certain: chains, amounts above CENTAVOS_MAX, and everything that is refused.
    """
    try:
        records = pack_transfers(transfers)
    except ValueError:
        return None

    is_plain = (
        not any(records[at::TRANSFER_BYTES].strip(b"\0") for at in _ZERO_AT)
        and not records[_FLAGS_AT::TRANSFER_BYTES].translate(None, _PLAIN_FLAGS)
        and records[_SIGN_OF_CENTAVOS_AT::TRANSFER_BYTES].isascii()
        and first_foreign(records, ledger) is None
    )
    return records if is_plain else None
