"""What operators see of all merchants' webhooks, and sending again in a merchant's place."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert

from actors.webhook_verbs import webhook_verbs
from fluxiq.domain.records import DisabledReason, Event, WebhookEndpoint
from fluxiq.domain.webhook import Disabled
from fluxiq.ports.webhooks import Asked, DeliveryAttempt
from fluxiq.services.messages.operations.webhooks import WebhooksHealth
from tests.support.admin_desk import ask, open_desk
from tests.support.memory_world import ISPB, MemoryWorld

HOOK = "whk_1"


@pytest.fixture
async def world() -> MemoryWorld:
    """One endpoint, of whose two deliveries one was given up."""
    made = await MemoryWorld().open()
    hooks, now = made.store.webhooks, made.clock.now()
    asked = Asked(merchant_id=made.merchant_id, at=now)
    endpoint = WebhookEndpoint(
        id=HOOK, merchant_id=made.merchant_id, url="https://shop.example/hook", events=(),
        secret="whsec_x", created_at=now,
    )  # fmt: skip
    await hooks.add_endpoint(endpoint, asked, 10)
    for number in (1, 2):
        event = Event(
            id=f"evt_0000000000{number}", merchant_id=made.merchant_id, type="webhook.test",
            created_at=now + timedelta(seconds=number), data={},
        )  # fmt: skip
        await hooks.send_to_one(HOOK, event, asked)
    made.clock.pass_seconds(60)
    [first] = (await hooks.claim_deliveries(HOOK, made.clock.now(), 30, 1)).deliveries
    given_up = DeliveryAttempt(
        delivery=first, at=made.clock.now(), delivered=False, status=500, milliseconds=12
    )
    await hooks.finish_deliveries([given_up], [])
    return made


async def window(world: MemoryWorld) -> dict[str, Any]:
    now = world.clock.now()
    return {
        "since": (now - timedelta(hours=1)).isoformat(),
        "until": (now + timedelta(hours=1)).isoformat(),
        "yes": True,
        "reason": "their server is back",
    }


async def test_the_look_has_backlog_attempts_and_who_sends(
    world: MemoryWorld, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, webhook_verbs, world.tenant) as at:
        seen = convert(await ask(at, "webhooks"), WebhooksHealth)

    assert (seen.institution, seen.total, seen.counted_since) == (ISPB, 1, None)
    assert (seen.deliveries.due, seen.deliveries.held) == (1, 0)
    assert seen.endpoints_by_state["enabled"] == 1
    [one] = seen.endpoints
    assert (one.id, one.merchant_id, one.url) == (
        HOOK, world.merchant_id, "https://shop.example/hook"
    )  # fmt: skip
    assert (one.waiting, one.attempts_hour, one.delivered_hour, one.milliseconds_day) == (
        1,
        1,
        0,
        12,
    )
    # Nobody sends in this tree.
    assert (one.sender, one.breaker, one.failures_in_a_row) == (None, None, None)


async def test_what_ended_badly_is_sent_again_and_its_sender_is_woken(
    world: MemoryWorld, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, webhook_verbs, world.tenant) as at:
        said = await window(world)
        assert await ask(at, "webhooks_resend", id=HOOK, **said) == {
            "scheduled": 1, "next_start": None
        }  # fmt: skip
        seen = convert(await ask(at, "webhooks"), WebhooksHealth)
        assert seen.endpoints[0].waiting == 2
        # Once more there is nothing that ended.
        again = await ask(at, "webhooks_resend", id=HOOK, **said)
        assert again["scheduled"] == 0


async def test_a_window_that_is_none_is_refused_by_name(world: MemoryWorld, tmp_path: Path) -> None:
    async with open_desk(tmp_path, webhook_verbs, world.tenant) as at:
        said = await window(world)
        for wrong, word in (
            ({"since": "yesterday"}, "since"),
            ({"until": "2026-11-26T12:00:00"}, "until"),
            ({"since": said["until"], "until": said["since"]}, "start"),
        ):
            answer = await ask(at, "webhooks_resend", id=HOOK, **said | wrong)
            assert answer["code"] in {"bad_arguments", "validation_failed"}
            assert word in answer["message"]


async def test_an_unknown_endpoint_and_a_disabled_one_are_refused(
    world: MemoryWorld, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, webhook_verbs, world.tenant) as at:
        said = await window(world)
        assert (await ask(at, "webhooks_resend", id="whk_2", **said))["code"] == "webhook_not_found"
        asked = Asked(merchant_id=world.merchant_id, at=world.clock.now())
        change = Disabled(reason=DisabledReason.GONE)
        await world.store.webhooks.change_endpoint(HOOK, change, asked)
        assert (await ask(at, "webhooks_resend", id=HOOK, **said))["code"] == "webhook_disabled"
