"""BR Codes beside charges: made for a merchant's own key or location, and read."""

from fluxiq.api.contract import Call, Rate, Routes
from fluxiq.services import qr_code as use
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.qr_codes import OpenQrCode, ParseQrCode, QrCodeRead, QrCodeView

routes = Routes("/api/v1/pix/qrcode")


_VALUES = ("invalid_qr_code", "invalid_pix_key", "invalid_amount", "invalid_txid")


@routes.post(
    permission="pix:write",
    rate=Rate.WRITE,
    reply=Data[QrCodeView],
    status=200,
    refuses=(
        *_VALUES,
        "pix_key_not_found",
        "account_not_found",
        "account_not_active",
        "no_pix_key",
    ),
)
async def open_qr_code(call: Call, body: OpenQrCode) -> Data[QrCodeView]:
    """Make a BR Code, as text and as a picture."""
    return Data(await use.open_qr_code(call.tenant, call.merchant_id, body))


@routes.post(
    "/parse",
    permission="pix:read",
    rate=Rate.WRITE,  # as every POST: a code does not fit into a path
    reply=Data[QrCodeRead],
    status=200,
    refuses=_VALUES,
    institution=True,
)
async def read_qr_code(call: Call, body: ParseQrCode) -> Data[QrCodeRead]:  # noqa: ARG001
    """Read a BR Code, every rule of the manual checked."""
    return Data(use.read_qr_code(body))
