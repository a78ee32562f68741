"""EMV's tag-length-value text and its CRC (EMVCo Merchant-Presented QR Code, v1.1).

A field is two digits of id, two digits of length and the value; lengths count code points, the CRC
is over UTF-8 bytes.
"""

import binascii
import re
from collections.abc import Iterable

from fluxiq.errors import Refused

CODE = "invalid_qr_code"
CODE_LENGTH_MAX = 512
VALUE_LENGTH_MAX = 99

_HEADER = re.compile(r"[0-9]{4}")
_HEADER_LENGTH = 4
_CRC_HEADER = "6304"
_CRC = re.compile(r"[0-9A-F]{4}")
_CRC_LENGTH = 4


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, initial 0xFFFF, nothing reflected."""
    return binascii.crc_hqx(data, 0xFFFF)


def seal(body: str) -> str:
    """`body` with its CRC field behind it: four upper-case hex digits, zero padded."""
    return f"{body}{_CRC_HEADER}{crc16(f'{body}{_CRC_HEADER}'.encode()):04X}"


def unseal(text: str) -> str:
    """What a right CRC vouches for: everything before field 63.

    Raises Refused `invalid_qr_code` (field 63) for a CRC that is absent, wrong or in lower case.
    The manual and EMV write it in upper case, and a reader that is lenient about it would accept a
    code that was altered.
    """
    body, header, crc = text[:-8], text[-8:-4], text[-_CRC_LENGTH:]
    if header != _CRC_HEADER or _CRC.fullmatch(crc) is None:
        raise Refused(CODE, "the code does not end with a CRC", field="63")

    try:
        sealed = f"{body}{header}".encode()
    except UnicodeEncodeError:
        raise Refused(CODE, "the code is not text", field="63") from None

    if crc16(sealed) != int(crc, 16):
        raise Refused(CODE, "the CRC does not match: the code was altered or cut", field="63")

    return body


def write(fields: Iterable[tuple[str, str | None]], *, within: str = "") -> str:
    """Fields in the order given; those without a value are left out.

    Raises Refused `invalid_qr_code` for a value longer than 99 code points, naming its path.
    """
    written = []
    for tag, value in fields:
        if value is None:
            continue

        if len(value) > VALUE_LENGTH_MAX:
            raise Refused(
                CODE, f"longer than {VALUE_LENGTH_MAX} characters in all", field=f"{within}{tag}"
            )

        written.append(f"{tag}{len(value):02d}{value}")

    return "".join(written)


def read(text: str, *, within: str = "") -> dict[str, str]:
    """The values by id, in order. `within` is the path of the template being read ("26.").

    Raises Refused `invalid_qr_code` for a cut field, an empty one, or an id that occurs twice.
    """
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        header = text[at : at + _HEADER_LENGTH]
        if _HEADER.fullmatch(header) is None:
            raise Refused(CODE, f"no field begins at character {at}", field=f"{within}{header[:2]}")

        tag, length = header[:2], int(header[2:])
        at += _HEADER_LENGTH
        value = text[at : at + length]
        at += length
        if len(value) < length or length == 0:
            raise Refused(CODE, "the field is cut short", field=f"{within}{tag}")

        if tag in fields:
            raise Refused(CODE, "the field occurs twice", field=f"{within}{tag}")

        fields[tag] = value

    return fields
