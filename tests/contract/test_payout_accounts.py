"""Payouts into an account that the payer dictates: what is taken, refused, shown and replayed."""

import hashlib
from typing import Any

import msgspec
import pytest

from fluxiq.domain.records import Recipient
from fluxiq.services.messages.envelope import digest_of
from fluxiq.services.messages.payouts import OrderPayout
from tests.support.api_client import Merchant, data_of, error_of
from tests.support.api_twin import World

PAYOUTS = "/api/v1/pix/payouts"
KEY = "somebody@example.com"
ARABIC_INDIC_ZERO, ARABIC_INDIC_FIVE = "\u0660", "\u0665"
FULL_WIDTH_ZERO, FULL_WIDTH_FIVE = "\uff10", "\uff15"
ACCOUNT: dict[str, Any] = {
    "ispb": "60701190",
    "branch": "0123",
    "number": "12345-6",
    "type": "CACC",
    "holder": {"name": "Maria da Silva", "document": "529.982.247-25"},
}


def to(recipient: Any, **said: Any) -> dict[str, Any]:
    return {"amount": 1500, "recipient": recipient, "idempotency_key": "rent", **said}


def account(**said: Any) -> dict[str, Any]:
    return {"account": ACCOUNT | said}


def held_by(**said: str) -> dict[str, Any]:
    return account(holder=ACCOUNT["holder"] | said)


def without(name: str) -> dict[str, Any]:
    return {"account": {field: value for field, value in ACCOUNT.items() if field != name}}


async def refusal(recipient: Any) -> tuple[int, str, str]:
    world = World()
    response = await Merchant(world).post(PAYOUTS, to(recipient))
    error = (await response.get_json())["error"]
    assert not world.store.payouts, "nothing is on paper"
    return response.status_code, error["code"], error["details"]["field"]


async def test_it_is_accepted_and_shown_with_its_holder_masked() -> None:
    merchant = Merchant(World())
    response = await merchant.post(PAYOUTS, to(account()))
    payout = await data_of(response)
    assert (response.status_code, payout["status"]) == (202, "processing")
    assert payout["recipient"] == {
        "pix_key": None,
        "pix_key_type": None,
        "name": "Maria da Silva",
        "ispb": "60701190",
        "account": {
            "ispb": "60701190",
            "branch": "0123",
            "number": "123456",
            "type": "CACC",
            "holder": {"name": "Maria da Silva", "document": "***.***.247-**"},
        },
    }
    shown = await data_of(await merchant.get(f"{PAYOUTS}/{payout['id']}"))
    assert shown["recipient"] == payout["recipient"]


async def test_the_record_has_the_document_whole_for_the_provider() -> None:
    world = World()
    await Merchant(world).post(PAYOUTS, to(account(type="SVGS")))
    [payout] = world.store.payouts.values()
    assert payout.recipient.document == "52998224725"
    assert payout.recipient.account is not None
    assert payout.recipient.account.type == "SVGS"


@pytest.mark.parametrize("recipient", [without("branch"), account(branch=None), account(branch="")])
async def test_a_branch_may_be_missing(recipient: dict[str, Any]) -> None:
    payout = await data_of(await Merchant(World()).post(PAYOUTS, to(recipient)))
    assert payout["recipient"]["account"]["branch"] is None


@pytest.mark.parametrize(
    ("recipient", "code", "field"),
    [
        (account(ispb="1234567"), "invalid_recipient_account", "ispb"),
        (account(ispb="6070119" + ARABIC_INDIC_ZERO), "invalid_recipient_account", "ispb"),
        (account(ispb="6070119" + FULL_WIDTH_ZERO), "invalid_recipient_account", "ispb"),
        (account(branch="123-4"), "invalid_recipient_account", "branch"),
        (account(number="12 34 x y_"), "invalid_recipient_account", "number"),
        (account(number="1" * 21), "invalid_recipient_account", "number"),
        (held_by(name="   "), "invalid_recipient_account", "holder.name"),
        (held_by(document="52998224724"), "invalid_document", "holder.document"),
        (held_by(document="5299822472" + ARABIC_INDIC_FIVE), "invalid_document", "holder.document"),
        (held_by(document="5299822472" + FULL_WIDTH_FIVE), "invalid_document", "holder.document"),
        (account(type="CHECKING"), "validation_failed", "type"),
        (account(kind="CACC"), "validation_failed", "kind"),
        (without("number"), "validation_failed", "number"),
        (without("holder"), "validation_failed", "holder"),
    ],
)
async def test_what_is_wrong_is_named(recipient: Any, code: str, field: str) -> None:
    assert await refusal(recipient) == (422, code, f"recipient.account.{field}")


@pytest.mark.parametrize(
    ("recipient", "field"),
    [
        ({}, "recipient.pix_key"),
        ({"pix_key_type": "EMAIL"}, "recipient.pix_key"),
        (account() | {"pix_key": KEY}, "recipient.account"),
        (account() | {"pix_key_type": "EMAIL"}, "recipient.account"),
        ({"account": None}, "recipient.account"),
    ],
)
async def test_a_recipient_is_a_key_or_an_account(recipient: Any, field: str) -> None:
    assert await refusal(recipient) == (422, "validation_failed", field)


async def test_an_account_of_our_own_institution_is_paid_by_a_transfer() -> None:
    said = await refusal(account(ispb="12345678"))
    assert said == (422, "same_institution", "recipient.account.ispb")


async def test_the_same_order_is_the_same_payout_and_another_account_is_not() -> None:
    world = World()
    merchant = Merchant(world)
    first = await merchant.post(PAYOUTS, to(account()))
    again = await merchant.post(PAYOUTS, to(account()))
    other = await merchant.post(PAYOUTS, to(account(number="12345-7")))
    assert await again.get_data() == await first.get_data()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await error_of(other) == (422, "idempotency_key_reused")
    assert len(world.store.payouts) == 1


async def test_a_batch_for_programs_takes_keys_and_accounts() -> None:
    lines = [
        to({"pix_key": KEY}, idempotency_key="1"),
        to(account(), idempotency_key="2"),
        to(account(branch="x"), idempotency_key="3"),
    ]
    response = await Merchant(World()).post(f"{PAYOUTS}/batch", {"payouts": lines})
    said = (await response.get_json())["data"]
    assert [one["status"] for one in said] == ["accepted", "accepted", "refused"]
    assert said[2]["error"]["details"]["field"] == "recipient.account.branch"


async def test_a_payout_to_a_key_is_answered_as_before_there_were_accounts() -> None:
    response = await Merchant(World()).post(PAYOUTS, to({"pix_key": KEY}))
    recipient = msgspec.json.decode(await response.get_data(), type=_Answer).data.recipient
    assert bytes(recipient) == (
        b'{"pix_key":"somebody@example.com","pix_key_type":"EMAIL","name":"Somebody",'
        b'"ispb":"00000000"}'
    )


def test_a_key_of_before_there_were_accounts_stands_for_the_same_order() -> None:
    """What was answered under an idempotency key is found by these bytes, for thirty days."""
    body = b'{"amount":1500,"recipient":{"pix_key":"somebody@example.com"},"description":"rent"}'
    canonical = (
        b'{"amount":1500,"recipient":{"pix_key":"somebody@example.com","pix_key_type":null},'
        b'"description":"rent","idempotency_key":null,"account_id":null,"metadata":{}}'
    )
    order = msgspec.json.decode(body, type=OrderPayout).at_once
    assert digest_of(order) == hashlib.sha256(canonical).digest()


def test_a_recipient_on_paper_from_before_is_read_as_it_was() -> None:
    kept = (
        b'{"pix_key":"a@b.c","pix_key_type":"EMAIL","name":"Ana","document":"","ispb":"00000000"}'
    )
    known = Recipient(pix_key="a@b.c", pix_key_type="EMAIL", name="Ana", ispb="00000000")
    assert msgspec.json.decode(kept, type=Recipient) == known


class _Payout(msgspec.Struct):
    recipient: msgspec.Raw


class _Answer(msgspec.Struct):
    data: _Payout
