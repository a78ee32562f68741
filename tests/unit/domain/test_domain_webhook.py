"""The life of a merchant's endpoint, and the closed list of what it can be told."""

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import fluxiq.services
from fluxiq.domain.records import DisabledReason, Event, WebhookEndpoint
from fluxiq.domain.webhook import (
    EVENT_TYPES,
    TRANSITIONS,
    Deleted,
    Disabled,
    Edited,
    EndpointAct,
    EndpointChange,
    EndpointStatus,
    Rotated,
    advance,
    changed,
    check_event_names,
    delivery_id,
    reason_to_disable,
    secrets_of,
    status_of,
    wants,
)
from fluxiq.errors import Refused

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = 86_400.0
# What merchants are told; permissions have a colon, and audit lines are written by the stores.
EVENT_NAME = re.compile(r"(pix\.(charge|payout|refund|receipt)|account|transfer|webhook)\.[a-z_]+")


def endpoint(**said: Any) -> WebhookEndpoint:
    made = WebhookEndpoint(
        id="whk_1",
        merchant_id="mch_1",
        url="https://merchant.example/",
        events=(),
        secret="whsec_b25l",
        created_at=NOW,
    )
    return msgspec.structs.replace(made, **said)


ENABLED = endpoint()
DISABLED = endpoint(disabled_at=NOW, disabled_reason=DisabledReason.GONE, failing_since=NOW)
DELETED = endpoint(disabled_at=NOW, disabled_reason=DisabledReason.MERCHANT, deleted_at=NOW)


@pytest.mark.parametrize("before", [ENABLED, DISABLED, DELETED])
@pytest.mark.parametrize("act", list(EndpointAct))
def test_an_act_does_what_the_table_says_and_otherwise_nothing(
    before: WebhookEndpoint, act: EndpointAct
) -> None:
    after = advance(before, act, NOW, DisabledReason.MERCHANT)

    wanted = TRANSITIONS.get((status_of(before), act))
    if wanted is None:
        assert after is before
    else:
        assert status_of(after) is wanted
        assert (after.disabled_at is None) == (after.disabled_reason is None)


@pytest.mark.parametrize(
    "change",
    [
        Edited(enabled=True, url="https://other.example/"),
        Rotated(secret="whsec_dHdv", overlap_seconds=60),
        Disabled(reason=DisabledReason.FAILING),
        Deleted(),
    ],
)
def test_nothing_changes_an_endpoint_that_was_deleted(change: EndpointChange) -> None:
    assert changed(DELETED, change, NOW) is DELETED


def test_what_an_edit_leaves_out_stays() -> None:
    before = endpoint(events=("pix.*",), ordered=True, description="shop")

    assert changed(before, Edited(), NOW) == before
    assert changed(before, Edited(events=()), NOW).events == ()
    edited = changed(before, Edited(url="https://other.example/", ordered=False), NOW)
    assert (edited.url, edited.ordered, edited.description) == (
        "https://other.example/",
        False,
        "shop",
    )


def test_enabling_forgets_why_it_was_disabled_and_since_when_it_fails() -> None:
    assert changed(DISABLED, Edited(enabled=True), NOW) == ENABLED


def test_the_first_reason_to_be_disabled_stays() -> None:
    again = changed(DISABLED, Edited(enabled=False), NOW)
    deleted = changed(DISABLED, Deleted(), NOW)

    assert again.disabled_reason is deleted.disabled_reason is DisabledReason.GONE
    assert status_of(deleted) is EndpointStatus.DELETED


def test_two_secrets_sign_until_the_overlap_is_over() -> None:
    rotated = changed(ENABLED, Rotated(secret="whsec_dHdv", overlap_seconds=60), NOW)

    assert secrets_of(rotated, NOW + timedelta(seconds=59)) == ("whsec_dHdv", "whsec_b25l")
    assert secrets_of(rotated, NOW + timedelta(seconds=60)) == ("whsec_dHdv",)


def test_a_rotation_without_overlap_silences_the_old_secret_at_once() -> None:
    rotated = changed(ENABLED, Rotated(secret="whsec_dHdv", overlap_seconds=0), NOW)

    assert secrets_of(rotated, NOW) == ("whsec_dHdv",)
    assert rotated.previous_secret is None


@pytest.mark.parametrize(
    ("statuses", "failing_days", "reason"),
    [
        ([410], None, DisabledReason.GONE),
        ([200, 410], None, DisabledReason.GONE),
        ([500], None, None),
        ([500], 4.9, None),
        ([500, None], 5.0, DisabledReason.FAILING),
        ([500, 204], 6.0, None),
        ([], 6.0, None),
    ],
)
def test_an_endpoint_is_given_up_for_being_gone_or_for_failing_only_for_days(
    statuses: list[int | None], failing_days: float | None, reason: DisabledReason | None
) -> None:
    since = None if failing_days is None else NOW - timedelta(days=failing_days)

    assert reason_to_disable(endpoint(failing_since=since), statuses, NOW, 5 * DAY) is reason


@pytest.mark.parametrize("name", ["*", "pix.*", "pix.charge.*", "pix.charge.paid", "transfer.*"])
def test_names_that_can_match_something_are_taken(name: str) -> None:
    assert check_event_names([name, name]) == (name,)


@pytest.mark.parametrize(
    "name", ["pix.charge", "pix.charge.payed", "pix*", "boleto.*", "", "*.paid", "PIX.*", ".*"]
)
def test_a_name_that_nothing_can_match_is_refused_by_its_place(name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_event_names(["pix.*", name])

    assert refused.value.code == "webhook_event_unknown"
    assert refused.value.details == {"field": "events.1"}


@pytest.mark.parametrize(
    ("events", "wanted"),
    [((), True), (("*",), True), (("pix.charge.*",), True), (("pix.payout.*",), False)],
)
def test_an_endpoint_wants_what_it_lists_of_its_own_merchant(
    events: tuple[str, ...], wanted: bool
) -> None:
    event = Event(id="evt_1", merchant_id="mch_1", type="pix.charge.paid", created_at=NOW, data={})

    assert wants(endpoint(events=events), event) is wanted
    assert not wants(endpoint(events=events, merchant_id="mch_2"), event)
    assert not wants(msgspec.structs.replace(DISABLED, events=events), event)


def test_a_delivery_has_the_time_of_its_event_and_a_name_of_its_own() -> None:
    event_id = "evt_01KTZ0000000000000000000AB"
    one, two = delivery_id(event_id, "whk_1"), delivery_id(event_id, "whk_2")

    assert one.startswith("dlv_01KTZ00000")
    assert len(one) == len(event_id)
    assert one != two


def test_every_event_that_a_use_case_tells_is_on_the_list() -> None:
    folder = Path(fluxiq.services.__file__).parent
    said = {
        node.value
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and EVENT_NAME.fullmatch(node.value)
    }

    assert len(said) > 5, "the search finds nothing: it is the search that is broken"
    assert said - EVENT_TYPES == set()
