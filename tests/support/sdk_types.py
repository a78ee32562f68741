"""What type checkers know of the SDK: read by mypy in test_sdk_types.py, never run."""

from collections.abc import Coroutine
from typing import Any, assert_type

from fluxiq.sdk import (
    AsyncFluxiQ,
    AsyncPages,
    Balance,
    Batch,
    Charge,
    FluxiQ,
    Page,
    Pages,
    Payout,
    Product,
)


def waiting(api: FluxiQ) -> None:
    assert_type(api.charges.create(amount=1), Charge)
    assert_type(api.charges.list(status="paid"), Pages[Charge])
    assert_type(api.charges.list().page(), Page[Charge])
    assert_type([one for one in api.payouts.list()], list[Payout])  # noqa: C416 - what a loop gives
    assert_type(api.payouts.create_many([]), Batch)
    assert_type(api.products.all(), tuple[Product, ...])
    assert_type(api.accounts.export("acc_1", format="csv"), bytes)
    assert_type(api.webhooks.delete("whk_1"), None)


async def awaiting(api: AsyncFluxiQ) -> None:
    not_yet: Coroutine[Any, Any, Charge] = api.charges.create(amount=1)
    assert_type(await not_yet, Charge)
    assert_type(await api.accounts.balance("acc_1"), Balance)
    assert_type(api.charges.list(), AsyncPages[Charge])
    assert_type([one async for one in api.payouts.list()], list[Payout])


def wrong(api: FluxiQ) -> None:
    api.charges.create(amount="1")  # type: ignore[arg-type]
    api.charges.create()  # type: ignore[call-arg]
    api.charges.create(1)  # type: ignore[call-arg]
    api.charges.create(amount=1, ammount=2)  # type: ignore[call-arg]
    api.charges.get("chg_1").total  # type: ignore[attr-defined]  # noqa: B018
