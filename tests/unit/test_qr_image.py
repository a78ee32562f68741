"""The picture of a BR Code says what the code says."""

import base64
import struct
import zlib

import zxingcpp

from fluxiq.services.qr_image import PIXELS_PER_MODULE, qr_image

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


def _pixels(uri: str) -> tuple[int, int, bytes]:
    chunks = dict(_chunks(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = zlib.decompress(chunks[b"IDAT"])
    assert len(rows) == height * (width + 1)
    return (
        width,
        height,
        b"".join(rows[start + 1 : start + 1 + width] for start in range(0, len(rows), width + 1)),
    )


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
