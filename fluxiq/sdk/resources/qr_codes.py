"""BR Codes beside charges: made and read."""

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, Resource
from fluxiq.sdk.request import Request, data, post, said


class QrCode(Struct, frozen=True, kw_only=True):
    """`qr_code` is the text to copy and paste, `qr_code_image` its picture as a data URI of media
    type `format`.
    """

    type: str
    qr_code: str
    qr_code_image: str
    format: str


class QrCodeRead(Struct, frozen=True, kw_only=True):
    """What a BR Code says. `type`: static (with a key), dynamic (with a URL) or recurrence."""

    type: str
    crc_valid: bool
    pix_key: str | None
    pix_key_type: str | None
    url: str | None
    recurrence_url: str | None
    amount: int | None
    currency: str
    txid: str | None
    description: str | None
    merchant_name: str
    merchant_city: str
    merchant_category: str
    point_of_initiation: str | None


class QrCodes(Resource[C]):
    @Call
    def create_static(
        self,
        *,
        pix_key: str | None = None,
        account_id: str | None = None,
        amount: int | None = None,
        description: str | None = None,
        txid: str | None = None,
    ) -> Request[QrCode]:
        """Paid as often as somebody likes; without `amount` the payer chooses."""
        body = said(
            type="static",
            pix_key=pix_key,
            account_id=account_id,
            amount=amount,
            description=description,
            txid=txid,
        )
        return post("/pix/qrcode", data(QrCode), body)

    @Call
    def create_dynamic(self, *, url: str) -> Request[QrCode]:
        """`url` is where the payer's institution reads the signed charge, without `https://`."""
        return post("/pix/qrcode", data(QrCode), said(type="dynamic", url=url))

    @Call
    def read(self, qr_code: str) -> Request[QrCodeRead]:
        """What a code says, every rule of the manual checked."""
        return post("/pix/qrcode/parse", data(QrCodeRead), said(qr_code=qr_code))
