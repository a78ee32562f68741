"""People on a whole platform: logging in, being thrown out, and the first owner by command."""

from typing import Any

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from fluxiq.commands.demo_data import Person
from tests.support.commands import fluxiq
from tests.support.merchants import data_of, error_of
from tests.support.platform import PlatformProcess

ISPB, OTHER = "12345678", "87654321"


def api(platform: PlatformProcess) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{platform.addresses.api}/api/v1", timeout=30.0, trust_env=False
    )


async def log_in(client: httpx.AsyncClient, person: Person | None, ispb: str = ISPB) -> Any:
    assert person is not None, "the demo has people"
    body = {"ispb": ispb, "document": person.document, "password": person.password}
    return data_of(await client.post("/auth/login", json=body))


def bearer(tokens: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def until_closed(socket: WebSocketConnection) -> None:
    while True:
        await socket.get_message()


async def test_an_owner_logs_in_and_is_nobody_after_logging_out(
    running_platform: PlatformProcess,
) -> None:
    login = running_platform.logins[ISPB]
    async with api(running_platform) as client:
        tokens = await log_in(client, login.owner)
        accounts = data_of(await client.get("/accounts", headers=bearer(tokens)))
        assert login.account_id in {one["id"] for one in accounts}

        url = f"{running_platform.addresses.api.replace('http', 'ws', 1)}/api/v1/ws"
        header = (b"Authorization", bearer(tokens)["Authorization"].encode())
        async with open_websocket_url(url, extra_headers=[header]) as socket:
            out = await client.post("/auth/logout", headers=bearer(tokens))
            assert out.status_code == 204
            with trio.fail_after(20), pytest.raises(ConnectionClosed):
                await until_closed(socket)
            assert socket.closed is not None
            assert socket.closed.code == 4401
            # trio-websocket leaves its own socket open where the server closed first.
            await socket._stream.aclose()
        for answer in (
            await client.get("/accounts", headers=bearer(tokens)),
            await client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}),
        ):
            assert error_of(answer)["code"] == "unauthorized"


async def test_a_refresh_token_that_comes_back_ends_its_session(
    running_platform: PlatformProcess,
) -> None:
    async with api(running_platform) as client:
        first = await log_in(client, running_platform.logins[ISPB].owner)
        body = {"refresh_token": first["refresh_token"]}
        second = data_of(await client.post("/auth/refresh", json=body))
        assert (await client.get("/accounts", headers=bearer(second))).status_code == 200
        again = await client.post("/auth/refresh", json=body)
        assert error_of(again)["code"] == "unauthorized"
        answer = await client.get("/accounts", headers=bearer(second))
        assert error_of(answer)["code"] == "unauthorized"


async def test_a_persons_token_is_of_one_institution(running_platform: PlatformProcess) -> None:
    """The same CPF is a user of both: each session sees its own."""
    async with api(running_platform) as client:
        for ispb in (ISPB, OTHER):
            login = running_platform.logins[ispb]
            tokens = await log_in(client, login.owner, ispb)
            [own] = data_of(await client.get("/merchants", headers=bearer(tokens)))
            assert own["id"] == login.merchant_id
        owner = running_platform.logins[ISPB].owner
        assert owner is not None
        wrong = {"ispb": OTHER, "document": owner.document, "password": owner.password}
        answer = await client.post("/auth/login", json=wrong)
        assert error_of(answer)["code"] == "login_failed"


async def test_the_first_owner_comes_by_command_and_chooses_a_password(
    running_platform: PlatformProcess,
) -> None:
    merchant_id = running_platform.logins[ISPB].merchant_id
    who = ("--document", "935.411.347-80", "--name", "Ana Souza", "--role", "owner")
    where = ("--ispb", ISPB, "--merchant", merchant_id)
    added = fluxiq("user", "add", *who, *where, data_dir=running_platform.data_dir)
    assert added.status == 0, added.stderr
    password = added.stdout.split("password")[1].split()[0]
    listed = fluxiq("user", "list", *where, data_dir=running_platform.data_dir)
    assert "Ana Souza" in listed.stdout

    async with api(running_platform) as client:
        tokens = await log_in(client, Person(document="93541134780", password=password))
        refused = await client.get("/accounts", headers=bearer(tokens))
        assert error_of(refused)["code"] == "password_change_required"
        body = {"current_password": password, "new_password": "um tigre, dois tigres"}
        tokens = data_of(await client.post("/auth/password", json=body, headers=bearer(tokens)))
        assert (await client.get("/accounts", headers=bearer(tokens))).status_code == 200

        again = fluxiq("user", "add", *who, *where, data_dir=running_platform.data_dir)
        assert (again.status, "user already" in again.stderr) == (1, True)
