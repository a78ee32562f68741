"""Whatever goes wrong is told in one envelope, names the field, and gives nothing of ours away."""

from typing import Any

import pytest
import trio
from structlog.testing import capture_logs

from fluxiq.errors import SealBroken, Unavailable, Unknown
from tests.support.api_twin import World, bearer

CHARGES = "/api/v1/pix/charges"


async def post(world: World, raw: bytes | str, **headers: str) -> tuple[int, dict[str, Any], Any]:
    """POST `raw` as a charge with a key that may do everything."""
    client = world.app().test_client()
    sent = {"Content-Type": "application/json"} | bearer(world.key("*")) | headers
    response = await client.post(CHARGES, data=raw, headers=sent)
    return response.status_code, await response.get_json(force=True), response.headers


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ('{"amount": 10.5}', "amount"),
        ('{"amount": 1e3}', "amount"),
        ('{"amount": "1000"}', "amount"),
        ('{"amount": -1}', "amount"),
        ('{"amount": 0}', "amount"),
        ('{"amount": null}', "amount"),
        ('{"amount": true}', "amount"),
        ('{"amount": 99999999999999999999999999}', "amount"),
        ("{}", "amount"),
        ('{"amount": 1, "amuont": 2}', "amuont"),
        ('{"amount": 1, "payer": {"document": "1", "name": "x", "age": 3}}', "payer.age"),
        ('{"amount": 1, "payer": {"document": "12345678909"}}', "payer.name"),
        ('{"amount": 1, "payer": {"document": 1, "name": "x"}}', "payer.document"),
        ('{"amount": 1, "description": "a\\u0000b"}', "description"),
        ('{"amount": 1, "metadata": {"a": [{"b": "\\u0000"}]}}', "metadata.a.0.b"),
        ('{"amount": 1, "expiration": 0}', "expiration"),
    ],
)
async def test_a_body_that_breaks_its_contract_is_refused_by_field(raw: str, field: str) -> None:
    world = World()
    status, body, _ = await post(world, raw)
    assert (status, body["error"]["code"]) == (422, "validation_failed")
    assert body["error"]["details"]["field"] == field
    assert not world.store.charges


async def test_a_backslash_before_u0000_is_only_text() -> None:
    status, _, _ = await post(World(), '{"amount": 1, "description": "a\\\\u0000b"}')
    assert status == 201


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"amount=1",
        b'{"amount": 1} x',
        b'{"amount": NaN}',
        b'{"amount": 1, "description": "\xff"}',
        b'{"amount": 1, "description": "\\ud800"}',
        b'{"amount": 1, "metadata": {"a": ' + b"[" * 1500 + b"]" * 1500 + b"}}",
    ],
)
async def test_a_body_that_is_not_json_is_malformed(raw: bytes) -> None:
    status, body, _ = await post(World(), raw)
    assert (status, body["error"]["code"]) == (400, "malformed_json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_of_another_type_is_unsupported(kind: str) -> None:
    status, body, _ = await post(World(), b'{"amount": 1}', **{"Content-Type": kind})
    assert (status, body["error"]["code"]) == (415, "unsupported_media_type")


async def test_the_content_type_may_name_its_character_set() -> None:
    kind = "Application/JSON; charset=utf-8"
    status, _, _ = await post(World(), b'{"amount": 1}', **{"Content-Type": kind})
    assert status == 201


async def test_a_body_above_the_limit_is_too_large() -> None:
    world = World(http={"body_bytes_max": 100})
    status, body, _ = await post(world, b'{"amount": 1, "description": "' + b"x" * 100 + b'"}')
    assert (status, body["error"]["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "route_not_found"),
        ("GET", "/api/v1/pix/charges/", 404, "route_not_found"),
        ("GET", "/api//v1/accounts", 404, "route_not_found"),
        ("DELETE", "/api/v1/pix/charges", 405, "method_not_allowed"),
        ("OPTIONS", "/api/v1/pix/charges", 405, "method_not_allowed"),
        ("PUT", "/api/v1/pix/charges", 405, "method_not_allowed"),
    ],
)
async def test_strays_get_the_envelope_too(method: str, path: str, status: int, code: str) -> None:
    response = await World().app().test_client().open(path, method=method)
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (status, code)
    assert body["error"]["details"] == {}
    assert body["meta"]["request_id"] == response.headers["X-Request-Id"]


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    response = await World().app().test_client().delete(CHARGES)
    assert response.headers["Allow"] == "GET, HEAD, POST"


async def test_the_envelope_has_these_members_and_no_others() -> None:
    _, body, _ = await post(World(), b"{}")
    assert set(body) == {"error", "meta"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert set(body["meta"]) == {"request_id"}


async def test_a_callers_request_id_comes_back_in_header_and_envelope() -> None:
    own = "req_01KAP3Y8QCJZ0F0M3T2V9D8XKE"
    _, body, headers = await post(World(), b"{}", **{"X-Request-Id": own})
    assert body["meta"]["request_id"] == headers["X-Request-Id"] == own


@pytest.mark.parametrize(
    "said", ["", "abc", "req_abc", "req_01kap3y8qcjz0f0m3t2v9d8xke", "x" * 999]
)
async def test_a_request_id_that_is_none_of_ours_is_replaced(said: str) -> None:
    _, body, _ = await post(World(), b"{}", **{"X-Request-Id": said})
    assert body["meta"]["request_id"].startswith("req_")
    assert len(body["meta"]["request_id"]) == 30
    assert body["meta"]["request_id"] != said


async def test_what_does_not_answer_is_503_with_a_time_to_come_back() -> None:
    world = World()
    world.store.breaks = Unavailable("postgres", "no route to 10.0.0.7", retry_after=2.2)
    status, body, headers = await post(world, b'{"amount": 1}')
    assert (status, body["error"]["code"]) == (503, "unavailable")
    assert headers["Retry-After"] == "3"
    assert body["error"]["details"] == {"retry_after": 3}
    assert "10.0.0.7" not in str(body)


async def test_an_unknown_outcome_says_so_and_does_not_invite_a_retry() -> None:
    world = World()
    world.ledger.breaks = Unknown("ledger", "pay_1", "connection lost")
    response = (
        await world.app()
        .test_client()
        .post(
            "/api/v1/pix/payouts",
            json={
                "amount": 1,
                "recipient": {"pix_key": "somebody@example.com"},
                "idempotency_key": "k1",
            },
            headers=bearer(world.key("*")),
        )
    )
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (503, "outcome_unknown")
    assert body["error"]["details"] == {"reference": "pay_1"}
    assert "Retry-After" not in response.headers


async def test_a_record_that_does_not_open_is_503_without_a_stack_trace() -> None:
    world = World()
    world.store.breaks = SealBroken("merchants.name of mch_1 does not open: it was changed")
    with capture_logs() as logs:
        status, body, headers = await post(world, b'{"amount": 1}')
    assert (status, body["error"]["code"]) == (503, "sealed_data_unreadable")
    assert "mch_1" not in str(body)
    assert "Retry-After" not in headers, "it stays so until somebody acts"
    assert not any("exc_info" in one for one in logs)


async def test_a_bug_is_500_logged_whole_and_told_as_nothing() -> None:
    world = World()
    world.store.breaks = ExceptionGroup("nested", [ValueError("the secret of the house")])
    with capture_logs() as logs:
        status, body, _ = await post(world, b'{"amount": 1}')
    assert (status, body["error"]["code"]) == (500, "internal_error")
    assert "secret" not in str(body)
    [logged] = [one for one in logs if one["event"] == "request_failed"]
    assert isinstance(logged["exc_info"], ValueError)


async def test_a_request_that_takes_too_long_is_given_up() -> None:
    world = World(http={"request_seconds_max": 0.05})

    async def never(_key_hash: bytes) -> None:

        await trio.sleep_forever()

    world.store.find_api_key = never  # type: ignore[method-assign]
    status, body, headers = await post(world, b'{"amount": 1}')
    assert (status, body["error"]["code"]) == (503, "unavailable")
    assert headers["Retry-After"] == "1"
