"""The picture of a BR Code says what the code says."""

import base64
import struct
import zlib

import zxingcpp

from fluxiq.services.qr_image import PIXELS_PER_MODULE, qr_image

AS_ABOVE = 2  # the filter of a row that is told by its difference to the row above

CODE = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR"
    "5913Fulano de Tal6008BRASILIA62070503***63041D3D"
)


def test_a_scanner_reads_the_code_from_the_picture() -> None:
    width, height, pixels = _pixels(qr_image(CODE))

    picture = memoryview(pixels).cast("B", (height, width))
    [found] = zxingcpp.read_barcodes(picture)

    assert found.text == CODE
    assert found.format == zxingcpp.BarcodeFormat.QRCode
    assert width % PIXELS_PER_MODULE == 0


def test_the_picture_is_a_png_with_sound_checksums() -> None:
    png = base64.b64decode(qr_image(CODE).removeprefix("data:image/png;base64,"))

    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert [kind for kind, _ in _chunks(png)] == [b"IHDR", b"IDAT", b"IEND"]


def test_the_picture_is_small_as_every_charge_is_answered_with_one() -> None:
    assert len(qr_image(CODE)) < 1500


def _pixels(uri: str) -> tuple[int, int, bytes]:
    """Grey, a byte a pixel, of a picture of one bit a pixel; each row as it is, or as above."""
    chunks = dict(_chunks(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colour) == (1, 0), "black and white"

    data = zlib.decompress(chunks[b"IDAT"])
    size = -(-width // 8)
    assert len(data) == height * (size + 1)
    pixels, above = b"", bytes(size)
    for start in range(0, len(data), size + 1):
        row = data[start + 1 : start + 1 + size]
        if data[start] == AS_ABOVE:
            row = bytes((one + more) % 256 for one, more in zip(above, row, strict=True))
        bits = "".join(f"{one:08b}" for one in row)[:width]
        pixels += bytes(255 * int(bit) for bit in bits)
        above = row
    return width, height, pixels


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", png, at + 8 + length)
        assert checksum == zlib.crc32(kind + data), kind
        found.append((kind, data))
        at += 12 + length
    return found
