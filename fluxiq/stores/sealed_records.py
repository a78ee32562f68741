"""Records out of rows of which a part is sealed. Each raises errors.SealBroken."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from fluxiq.domain.contest import Contest
from fluxiq.domain.infraction import Infraction
from fluxiq.domain.med import MedReport
from fluxiq.domain.records import (
    Account,
    Charge,
    Merchant,
    Payout,
    Person,
    PixKey,
    Receipt,
    WebhookEndpoint,
)
from fluxiq.errors import SealBroken
from fluxiq.stores import sealed
from fluxiq.stores.pool import int_of
from fluxiq.stores.rows import record
from fluxiq.stores.sealed import Column, House

R = TypeVar("R")
Row = Mapping[str, Any]


def merchant_of(house: House, row: Row) -> Merchant:
    name = house.open_text(row["name"], sealed.MERCHANT_NAME, row["id"])
    document = house.open_text(row["document"], sealed.MERCHANT_DOCUMENT, row["id"])
    return record(Merchant, {**row, "name": name, "document": document})


def account_of(house: House, row: Row) -> Account:
    name = house.open_text(row["name"], sealed.ACCOUNT_NAME, row["id"])
    return record(Account, {**row, "name": name, "ledger_id": int_of(row["ledger_id"])})


def pix_key_of(house: House, row: Row) -> PixKey:
    key = house.open_text(row["key"], sealed.PIX_KEY, row["key_index"].hex())
    return record(PixKey, {**row, "key": key})


def charge_of(house: House, row: Row) -> Charge:
    payer = opened_payer(house, row["payer"], sealed.CHARGE_PAYER, row["id"])
    key = house.open_text(row["pix_key"], sealed.CHARGE_KEY, row["id"])
    code = house.open_text(row["qr_code"], sealed.CHARGE_CODE, row["id"])
    return record(Charge, {**row, "payer": payer, "pix_key": key, "qr_code": code})


def receipt_of(house: House, row: Row) -> Receipt:
    payer = opened_payer(house, row["payer"], sealed.RECEIPT_PAYER, row["id"])
    transfer_id = int_of(row["transfer_id"])
    return record(Receipt, {**row, "payer": payer, "transfer_id": transfer_id})


def payout_of(house: House, row: Row) -> Payout:
    recipient = house.open_json(row["recipient"], sealed.RECIPIENT, row["id"])
    return record(Payout, {**row, "recipient": recipient})


def report_of(house: House, row: Row) -> MedReport:
    details = house.open_text(row["details"], sealed.MED_DETAILS, row["id"])
    return record(MedReport, {**row, "details": details})


def infraction_of(house: House, row: Row) -> Infraction:
    details = house.open_text(row["details"], sealed.INFRACTION_DETAILS, row["id"])
    return record(Infraction, {**row, "details": details})


def contest_of(house: House, row: Row) -> Contest:
    details = house.open_text(row["details"], sealed.CONTEST_DETAILS, row["id"])
    return record(Contest, {**row, "details": details})


def endpoint_of(house: House, row: Row) -> WebhookEndpoint:
    """With its secrets: who may see them decides elsewhere."""
    secret = house.open_text(row["secret"], sealed.SECRET, row["id"])
    previous = row["previous_secret"]
    if previous is not None:
        previous = house.open_text(previous, sealed.PREVIOUS_SECRET, row["id"])
    return record(WebhookEndpoint, {**row, "secret": secret, "previous_secret": previous})


def those_that_open(read: Callable[[Row], R], rows: Iterable[Row]) -> list[R]:
    """For sweeps: what does not open has set off the alarm (`ports.sealing`), and is for people to
    look at. It must not keep the others from being swept.
    """
    found = []
    for row in rows:
        with suppress(SealBroken):
            found.append(read(row))
    return found


# What goes in, where it may be missing.


def sealed_payer(house: House, payer: Person | None, column: Column, row: str) -> bytes | None:
    return None if payer is None else house.seal_json(payer, column, row)


def opened_payer(house: House, payer: bytes | None, column: Column, row: str) -> Any:
    """As plain data; None where nobody was said to pay."""
    return None if payer is None else house.open_json(payer, column, row)
