"""PIX in: ask to be paid."""

from datetime import date, datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Json, Page, Request, data, get, page_of, path, post, said


class Payer(Struct, frozen=True, kw_only=True):
    """`document` is a CPF or CNPJ."""

    document: str
    name: str


class Charge(Struct, frozen=True, kw_only=True):
    """`status`: pending, paid, expired, cancelled or refunded. `qr_code` is the text to copy and
    paste; `qr_code_image` its picture as a data URI, not in lists. Once it is paid, `net_amount` is
    what is left of `amount` after the `fee`.
    """

    id: str
    status: str
    amount: int
    currency: str
    description: str
    account_id: str
    txid: str
    pix_key: str
    qr_code: str
    payer: Payer | None
    expiration: datetime
    created_at: datetime
    paid_at: datetime | None
    end_to_end_id: str | None
    refunded_amount: int
    metadata: Json
    qr_code_image: str | None = None
    fee: int = 0
    net_amount: int | None = None


class Charges(Resource[C]):
    @Call
    def create(
        self,
        *,
        amount: int,
        description: str | None = None,
        payer: Payer | None = None,
        expiration: int | None = None,
        account_id: str | None = None,
        metadata: Json | None = None,
        idempotency_key: str | None = None,
    ) -> Request[Charge]:
        """Open a charge of `amount` centavos that can be paid for `expiration` seconds."""
        body = said(
            amount=amount,
            description=description,
            payer=payer,
            expiration=expiration,
            account_id=account_id,
            metadata=metadata,
        )
        return post("/pix/charges", data(Charge), body, idempotency_key)

    @Call
    def get(self, charge_id: str) -> Request[Charge]:
        return get(path("/pix/charges/{}", charge_id), data(Charge))

    @Call
    def cancel(self, charge_id: str, *, idempotency_key: str | None = None) -> Request[Charge]:
        """Money that comes for it all the same is credited."""
        return post(path("/pix/charges/{}/cancel", charge_id), data(Charge), key=idempotency_key)

    @List
    def list(
        self,
        *,
        status: str | None = None,
        account_id: str | None = None,
        txid: str | None = None,
        start_date: date | None = None,
        end_date: date | None = None,
    ) -> Request[Page[Charge]]:
        """Newest first; the days are UTC, both included."""
        return page_of(
            "/pix/charges",
            Charge,
            status=status,
            account_id=account_id,
            txid=txid,
            start_date=start_date,
            end_date=end_date,
        )
