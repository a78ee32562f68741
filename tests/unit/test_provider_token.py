"""The access token of a link: when it is renewed, kept and given up."""

from typing import Any

import pytest
import trio

from fluxiq.errors import Unavailable
from fluxiq.http1 import NoAnswer, NotSent, Response
from fluxiq.providers.access_token import RETRY_SECONDS, AccessTokens


class TokenServer:
    """An `HttpClient` whose server gives out t1, t2, …, or answers what it is told to."""

    def __init__(self, life: str = '"expires_in":300') -> None:
        self.life, self.asked = life, 0
        self.answer: Response | Exception | None = None

    async def request(self, method: str, target: str, **sent: Any) -> Response:
        assert (method, target) == ("POST", "/token")
        await trio.sleep(0.1)
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return self.answer
        body = f'{{"access_token":"t{self.asked}","token_type":"bearer",{self.life}}}'
        return Response(status=200, body=body.encode())


def tokens_of(server: TokenServer) -> AccessTokens:
    return AccessTokens(
        server,  # type: ignore[arg-type]
        "/token",
        client_id="x",
        secret=lambda: b"y",
        scope="",
        seconds_max=5.0,
    )


@pytest.mark.parametrize(
    ("life", "renewed_after"),
    [('"expires_in":300', 270), ('"expires_in":3600', 3540), ('"scope":"pix"', 270)],
)
async def test_a_token_is_kept_until_shortly_before_its_end(
    autojump_clock: object, life: str, renewed_after: float
) -> None:
    tokens = tokens_of(TokenServer(life))

    assert await tokens.get() == "t1"
    await trio.sleep(renewed_after - 1)
    assert await tokens.get() == "t1"
    await trio.sleep(1)
    assert await tokens.get() == "t2"


async def test_many_who_need_it_at_once_ask_once(autojump_clock: object) -> None:
    server = TokenServer()
    tokens = tokens_of(server)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(tokens.get)

    assert server.asked == 1


async def test_while_it_works_a_server_that_is_away_disturbs_nobody(
    autojump_clock: object,
) -> None:
    server = TokenServer()
    tokens = tokens_of(server)
    await tokens.get()
    server.answer = NotSent("away")
    await trio.sleep(271)

    assert [await tokens.get() for _ in range(5)] == ["t1"] * 5
    assert server.asked == 2
    await trio.sleep(RETRY_SECONDS)
    assert await tokens.get() == "t1"
    assert server.asked == 3

    await trio.sleep(30)
    with pytest.raises(Unavailable, match="token server"):
        await tokens.get()


async def test_a_token_that_was_refused_is_forgotten_but_not_its_successor(
    autojump_clock: object,
) -> None:
    tokens = tokens_of(TokenServer())
    await tokens.get()

    tokens.forget("t1")
    assert await tokens.get() == "t2"
    tokens.forget("t1")
    assert await tokens.get() == "t2"


@pytest.mark.parametrize(
    "answer",
    [
        NotSent("away"),
        NoAnswer("lost"),
        Response(status=401, body=b'{"error":"invalid_client"}'),
        Response(status=200, body=b""),
        Response(status=200, body=b'{"access_token":"t"}'),
        Response(status=200, body=b'{"access_token":"t","token_type":"mac"}'),
        Response(status=200, body=b'{"access_token":"a\\r\\nb: c","token_type":"Bearer"}'),
        Response(status=200, body=b'{"access_token":"","token_type":"Bearer"}'),
        Response(status=200, body=b'{"access_token":"\xc3\xa9","token_type":"Bearer"}'),
        Response(status=200, body=b'{"access_token":"t","token_type":"Bearer"', complete=False),
    ],
)
async def test_what_is_no_token_is_an_outage_and_nothing_has_left(
    autojump_clock: object, answer: Response | Exception
) -> None:
    server = TokenServer()
    server.answer = answer

    with pytest.raises(Unavailable, match="token server"):
        await tokens_of(server).get()
