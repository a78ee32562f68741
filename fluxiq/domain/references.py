"""Which business a ledger transfer belongs to, said in its own `user_data_128`.

A transfer's id is a hash, which leads from the business to the transfer and never back. A statement
needs the way back, so holds and book transfers carry it: the institution's own end-to-end ids
(and return ids) as twelve digits of the minute and eleven characters in base 62, 106 bits; our
own ids as their ULID, 128 bits. A post or void inherits what its hold carries.
"""

import string
from typing import Final

from fluxiq.domain.identifiers import SUFFIX_LENGTH, IdPrefix, build_id
from fluxiq.domain.ulid import ULID_LENGTH, decode_128, encode_128

_BASE_62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUE_OF: Final = {character: value for value, character in enumerate(_BASE_62)}
_SUFFIX_BITS: Final = 66  # 62**11 is a little less than 2**66
_MINUTE: Final = slice(9, 21)


def end_to_end_reference(end_to_end_id: str) -> int:
    """The reference of an end-to-end id or return id that this institution has made."""
    suffix = 0
    for character in end_to_end_id[-SUFFIX_LENGTH:]:
        suffix = suffix * len(_BASE_62) + _VALUE_OF[character]

    return int(end_to_end_id[_MINUTE]) << _SUFFIX_BITS | suffix


def end_to_end_id_of(letter: str, ispb: str, reference: int) -> str | None:
    """The id behind a reference: `letter` is E, or D for a return. None for no reference: holds
    made before there were any carry 0.
    """
    if reference == 0:
        return None

    minute, suffix = divmod(reference, 1 << _SUFFIX_BITS)
    characters = []
    for _ in range(SUFFIX_LENGTH):
        suffix, value = divmod(suffix, len(_BASE_62))
        characters.append(_BASE_62[value])

    return f"{letter}{ispb}{minute:012d}{''.join(reversed(characters))}"


def ulid_reference(record_id: str) -> int:
    """The reference of one of our own ids (`xfer_…`): its ULID. Raises Refused `invalid_id`."""
    return decode_128(record_id[-ULID_LENGTH:])


def ulid_id_of(prefix: IdPrefix, reference: int) -> str:
    """The id behind a reference, whose kind the transfer's code says."""
    return build_id(prefix, encode_128(reference))
