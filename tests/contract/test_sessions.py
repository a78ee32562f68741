"""Logging in, staying logged in and logging out, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from quart.wrappers import Response

from fluxiq.domain.roles import Role
from fluxiq.domain.session import SESSIONS_MAX, EndReason
from fluxiq.domain.user import UserStatus
from tests.support.api_client import data_of, error_of
from tests.support.api_people import AUTH, CPF, ORIGIN, OTHER_CPF, Person
from tests.support.api_twin import ISPB, World, bearer

ACCOUNTS = "/api/v1/accounts"
FAILED = (401, "login_failed")
UNAUTHORIZED = (401, "unauthorized")


async def person(**said: Any) -> Person:
    made = await Person.of(World(), **said)
    await made.log_in()
    return made


def cookie_of(response: Response) -> str:
    """The refresh cookie as a browser sends it back."""
    return response.headers["Set-Cookie"].partition(";")[0]


# describe log_in


async def test_a_document_and_a_password_open_a_session() -> None:
    someone = await Person.of(World())
    response = await someone.try_login()
    tokens = await data_of(response)
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers

    opened = await someone.client.get(ACCOUNTS, headers=bearer(tokens["access_token"]))
    assert opened.status_code == 200


async def test_a_document_is_read_with_and_without_its_punctuation() -> None:
    someone = await Person.of(World())
    for document in (CPF, CPF.replace(".", "").replace("-", "")):
        assert (await someone.try_login(document=document)).status_code == 200


async def test_every_failure_looks_the_same() -> None:
    world = World()
    someone = await Person.of(world)
    locked = await Person.of(world, document=OTHER_CPF)
    world.users.people[locked.user_id] = replace(locked.user, status=UserStatus.LOCKED)
    answers = [
        await someone.try_login(password="not the password"),
        await someone.try_login(document="111.444.777-35"),
        await locked.try_login(),
        await someone.try_login(password="x" * 1000),
    ]
    bodies = [(await one.get_json())["error"] for one in answers]
    assert [await error_of(one) for one in answers] == [FAILED] * 4
    assert all(one == bodies[0] for one in bodies)
    assert [one[2] for one in world.users.sessions.trail] == [
        "password", "unknown", "locked", "password",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"document": "529.982.247-26"}, "invalid_document"),
        ({"document": "5"}, "validation_failed"),
        ({"password": ""}, "validation_failed"),
        ({"ispb": "1"}, "validation_failed"),
        ({"ispb": "99999999"}, "validation_failed"),
        ({"totp": "1"}, "validation_failed"),
        ({"remember": True}, "validation_failed"),
        ({"password": "\x00"}, "validation_failed"),
    ],
)
async def test_what_cannot_be_a_log_in_is_refused_by_name(said: dict[str, Any], code: str) -> None:
    someone = await Person.of(World())
    assert await error_of(await someone.try_login(**said)) == (422, code)


async def test_after_failures_in_a_row_a_user_is_locked_out_for_longer_each_time() -> None:
    someone = await Person.of(World())
    clock, identity = someone.world.clock, someone.world.settings.identity
    for _ in range(identity.lock_after_failures):
        assert await error_of(await someone.try_login(password="a guess")) == FAILED
    assert await error_of(await someone.try_login()) == FAILED

    clock.at += timedelta(seconds=identity.lock_seconds)
    assert await error_of(await someone.try_login(password="a guess")) == FAILED
    clock.at += timedelta(seconds=2 * identity.lock_seconds - 1)
    assert await error_of(await someone.try_login()) == FAILED
    clock.at += timedelta(seconds=1)
    assert (await someone.try_login()).status_code == 200
    assert someone.user.failures == 0
    trail = [what for _, what, _ in someone.world.users.sessions.trail]
    assert trail.count("login.locked_out") == 2 + 1  # at 5, at 6, and as the good one began


async def test_an_address_is_counted_whatever_it_guesses() -> None:
    someone = await Person.of(World(logins_per_minute=2))
    answers = [await someone.try_login(document=one) for one in (CPF, "111.444.777-35", CPF)]
    assert [one.status_code for one in answers] == [200, 401, 429]
    assert answers[0].headers["X-RateLimit-Limit"] == "2"
    assert answers[2].headers["Retry-After"] == "60"
    someone.tokens = await data_of(answers[0])
    assert (await someone.try_refresh()).status_code == 429


async def test_who_has_more_sessions_than_many_loses_the_oldest() -> None:
    someone = await person()
    first = dict(someone.tokens)
    for _ in range(SESSIONS_MAX):
        someone.world.clock.at += timedelta(seconds=1)
        await someone.log_in()
    answer = await someone.client.get(ACCOUNTS, headers=bearer(first["access_token"]))
    assert await error_of(answer) == UNAUTHORIZED
    reasons = {one.end_reason for one in someone.world.users.sessions.sessions.values()}
    assert reasons == {None, EndReason.CROWDED_OUT}


async def test_a_one_time_password_opens_nothing_but_its_change() -> None:
    world = World()
    owner = await Person.of(world)
    await owner.log_in()
    made = await data_of(
        await owner.post(
            "/api/v1/users", {"document": OTHER_CPF, "name": "João", "role": "operator"}
        )
    )
    newcomer = Person(world, world.users.people[made["id"]], OTHER_CPF)
    newcomer.password = made["password"]
    await newcomer.log_in()
    refused = (403, "password_change_required")
    assert await error_of(await newcomer.get(ACCOUNTS)) == refused

    body = {"current_password": made["password"], "new_password": "um tigre, dois tigres"}
    changed = await newcomer.post(f"{AUTH}/password", body)
    assert await error_of(await newcomer.get(ACCOUNTS)) == UNAUTHORIZED  # that session is over
    newcomer.tokens = await data_of(changed)
    assert (await newcomer.get(ACCOUNTS)).status_code == 200


async def test_a_one_time_password_is_over_one_day() -> None:
    world = World()
    owner = await Person.of(world)
    await owner.log_in()
    body = {"document": OTHER_CPF, "name": "João", "role": "operator"}
    made = await data_of(await owner.post("/api/v1/users", body))
    world.clock.at += timedelta(seconds=world.settings.identity.one_time_seconds)
    answer = await owner.try_login(document=OTHER_CPF, password=made["password"])
    assert await error_of(answer) == FAILED


# describe access tokens


async def test_an_access_token_is_over_after_fifteen_minutes() -> None:
    someone = await person()
    someone.world.clock.at += timedelta(seconds=899)
    assert (await someone.get(ACCOUNTS)).status_code == 200
    someone.world.clock.at += timedelta(seconds=1)
    response = await someone.get(ACCOUNTS)
    assert await error_of(response) == UNAUTHORIZED
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("redis_away", [False, True])
async def test_after_logging_out_nothing_of_the_session_works(redis_away: bool) -> None:
    someone = await person()
    assert (await someone.get(ACCOUNTS)).status_code == 200
    someone.world.cache.away = redis_away
    response = await someone.post(f"{AUTH}/logout")
    assert response.status_code == 204
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    for answer in (await someone.get(ACCOUNTS), await someone.try_refresh()):
        assert await error_of(answer) == UNAUTHORIZED


async def test_while_redis_is_away_postgres_says_who_is_logged_in() -> None:
    someone = await person()
    someone.world.cache.away = True
    assert (await someone.get(ACCOUNTS)).status_code == 200


@pytest.mark.parametrize(
    "token",
    [
        "eyJhbGciOiJub25lIn0.e30.",
        "a.b.c",
        "A" * 8000,
        "eyJ" + "A" * 9000 + ".e30.x",
        "sk_live_",
        "rt_12345678" + "a" * 43,
    ],
)
async def test_what_is_no_token_is_unauthorized(token: str) -> None:
    response = await World().app().test_client().get(ACCOUNTS, headers=bearer(token))
    assert await error_of(response) == UNAUTHORIZED
    assert b"Traceback" not in await response.get_data()


async def test_a_refresh_token_is_no_access_token_and_no_other_way_round() -> None:
    someone = await person()
    answer = await someone.client.get(ACCOUNTS, headers=bearer(someone.tokens["refresh_token"]))
    assert await error_of(answer) == UNAUTHORIZED
    answer = await someone.try_refresh(someone.tokens["access_token"][:256])
    assert await error_of(answer) == UNAUTHORIZED


# describe refresh


async def test_a_refresh_token_is_good_once() -> None:
    someone = await person()
    first = dict(someone.tokens)
    second = dict(await someone.refresh())
    assert second["refresh_token"] != first["refresh_token"]
    assert (await someone.get(ACCOUNTS)).status_code == 200
    await someone.refresh()


async def test_a_token_that_comes_back_ends_its_session_and_no_other() -> None:
    someone = await person()
    other = dict(someone.tokens)
    first = dict(await someone.log_in())
    second = dict(await someone.refresh())

    assert await error_of(await someone.try_refresh(first["refresh_token"])) == UNAUTHORIZED
    for answer in (await someone.get(ACCOUNTS), await someone.try_refresh()):
        assert await error_of(answer) == UNAUTHORIZED
    assert await error_of(await someone.try_refresh(second["refresh_token"])) == UNAUTHORIZED
    assert (await someone.try_refresh(other["refresh_token"])).status_code == 200
    trail = [what for _, what, _ in someone.world.users.sessions.trail]
    assert "session.refresh_reused" in trail


async def test_a_refresh_token_is_over_after_a_week_and_a_session_after_a_month() -> None:
    someone = await person()
    someone.world.clock.at += timedelta(days=7)
    assert await error_of(await someone.try_refresh()) == UNAUTHORIZED

    await someone.log_in()
    for _ in range(4):
        someone.world.clock.at += timedelta(days=6, hours=23)
        await someone.refresh()
    someone.world.clock.at += timedelta(days=2, hours=5)
    assert await error_of(await someone.try_refresh()) == UNAUTHORIZED


async def test_the_last_tokens_of_a_session_do_not_outlive_it() -> None:
    someone = await person()
    session = next(iter(someone.world.users.sessions.sessions.values()))
    for _ in range(4):
        someone.world.clock.at += timedelta(days=6)
        await someone.refresh()
    someone.world.clock.at = session.expires_at - timedelta(seconds=60)
    assert (await someone.refresh())["expires_in"] == 60


@pytest.mark.parametrize(
    "token", ["", "rt_1234", "rt_99999999" + "a" * 43, f"rt_{ISPB}" + "a" * 43, "x" * 256]
)
async def test_what_is_no_refresh_token_is_unauthorized(token: str) -> None:
    client = World().app().test_client()
    response = await client.post(f"{AUTH}/refresh", json={"refresh_token": token})
    expected = UNAUTHORIZED if token else (422, "validation_failed")
    assert await error_of(response) == expected


# describe the cookie of web pages

OURS = {"web_origins": (ORIGIN,)}


async def test_a_web_page_gets_its_refresh_token_as_a_cookie_that_no_script_reads() -> None:
    someone = await Person.of(World(identity=OURS))
    response = await someone.try_login(cookie=True, headers={"Origin": ORIGIN})
    tokens, cookie = await data_of(response), response.headers["Set-Cookie"]
    assert set(tokens) == {"access_token", "token_type", "expires_in"}
    for word in ("Secure", "HttpOnly", "SameSite=Strict", f"Path={AUTH}", "Max-Age=604800"):
        assert word in cookie.split("; ")

    someone.client = someone.world.app().test_client(use_cookies=False)
    headers = {"Cookie": cookie_of(response), "Origin": ORIGIN}
    again = await someone.client.post(f"{AUTH}/refresh", json={}, headers=headers)
    assert set(await data_of(again)) == {"access_token", "token_type", "expires_in"}
    assert cookie_of(again) != cookie_of(response)


@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "https://evil.example", f"{ORIGIN}.evil.example", "http://[", "http://"],
)
async def test_a_page_of_others_cannot_use_the_cookie(origin: str | None) -> None:
    someone = await Person.of(World(identity=OURS))
    response = await someone.try_login(cookie=True, headers={"Origin": ORIGIN})
    client = someone.world.app().test_client(use_cookies=False)
    said = {} if origin is None else {"Origin": origin}
    headers = {"Cookie": cookie_of(response), **said}
    refused = await client.post(f"{AUTH}/refresh", json={}, headers=headers)
    assert await error_of(refused) == (403, "forbidden")
    login = await someone.try_login(cookie=True, headers=said)
    assert await error_of(login) == (403, "forbidden")


async def test_each_origin_has_a_cookie_of_its_own() -> None:
    """Two apps on one host, each with somebody else signed in: a browser sends both cookies."""
    someone = await Person.of(World(identity=OURS))
    own_host = "http://localhost"
    one = await someone.try_login(cookie=True, headers={"Origin": ORIGIN})
    other = await someone.try_login(cookie=True, headers={"Origin": own_host})
    client = someone.world.app().test_client(use_cookies=False)

    only_one = {"Cookie": cookie_of(one), "Origin": own_host}
    refused = await client.post(f"{AUTH}/refresh", json={}, headers=only_one)
    assert await error_of(refused) == UNAUTHORIZED

    both = f"{cookie_of(one)}; {cookie_of(other)}"
    for origin in (ORIGIN, own_host):
        headers = {"Cookie": both, "Origin": origin}
        response = await client.post(f"{AUTH}/refresh", json={}, headers=headers)
        assert response.status_code == 200
        mine = one if origin == ORIGIN else other
        assert cookie_of(response).partition("=")[0] == cookie_of(mine).partition("=")[0]


async def test_behind_tls_the_cookie_has_the_prefix_that_http_cannot_set() -> None:
    world = World(http={"public_url": "https://pix.example"}, identity=OURS)
    someone = await Person.of(world)
    response = await someone.try_login(cookie=True, headers={"Origin": ORIGIN})
    name, _, token = cookie_of(response).partition("=")
    assert name.startswith("__Secure-fluxiq-refresh-")
    assert token.startswith("rt_")
    plain = await someone.try_login(cookie=True, headers={"Origin": "http://localhost"})
    assert await error_of(plain) == (403, "forbidden")
    secure = await someone.try_login(cookie=True, headers={"Origin": "https://localhost"})
    assert secure.status_code == 200


async def test_without_token_and_cookie_there_is_nothing_to_refresh() -> None:
    response = await World().app().test_client().post(f"{AUTH}/refresh", json={})
    assert await error_of(response) == UNAUTHORIZED


# describe one's own sessions


async def test_everybody_may_see_who_they_are_whatever_their_role() -> None:
    someone = await Person.of(World(), role=Role.OPERATOR)
    await someone.log_in()
    me = await data_of(await someone.get(f"{AUTH}/me"))
    assert (me["id"], me["role"], me["totp"]) == (someone.user_id, "operator", False)
    assert me["document"] == "***.***.247-**"
    assert await error_of(await someone.get(f"/api/v1/users/{me['id']}")) == (403, "forbidden")


async def test_sessions_are_listed_and_ended_one_by_one() -> None:
    someone = await Person.of(World())
    await someone.log_in(headers={"User-Agent": "Banking/1.0 (phone)\x7f"})
    phone = dict(someone.tokens)
    someone.world.clock.at += timedelta(minutes=1)
    await someone.log_in()
    mine, other = await data_of(await someone.get(f"{AUTH}/sessions"))
    assert (mine["current"], other["current"]) == (True, False)
    assert other["client"] == "Banking/1.0 (phone)"

    path = f"{AUTH}/sessions/{other['id']}"
    assert [(await someone.delete(path)).status_code for _ in range(2)] == [204, 204]
    answer = await someone.client.get(ACCOUNTS, headers=bearer(phone["access_token"]))
    assert await error_of(answer) == UNAUTHORIZED
    [left] = await data_of(await someone.get(f"{AUTH}/sessions"))
    assert left["id"] == mine["id"]


async def test_nobody_ends_the_session_of_another() -> None:
    world = World()
    someone, other = await Person.of(world), await Person.of(world, document=OTHER_CPF)
    await someone.log_in()
    await other.log_in()
    [theirs] = await data_of(await other.get(f"{AUTH}/sessions"))
    answer = await someone.delete(f"{AUTH}/sessions/{theirs['id']}")
    assert await error_of(answer) == (404, "session_not_found")
    assert (await other.get(ACCOUNTS)).status_code == 200


async def test_what_is_a_persons_own_is_no_api_keys() -> None:
    world = World()
    client = world.app().test_client()
    response = await client.get(f"{AUTH}/sessions", headers=bearer(world.key("*", "own:*")))
    assert await error_of(response) == (403, "forbidden")


# describe the password


async def test_a_new_password_ends_all_sessions_and_opens_one() -> None:
    someone = await person()
    old = dict(someone.tokens)
    await someone.log_in()
    body = {"current_password": someone.password, "new_password": "um tigre, dois tigres"}
    someone.tokens = await data_of(await someone.post(f"{AUTH}/password", body))
    assert (await someone.get(ACCOUNTS)).status_code == 200
    for answer in (
        await someone.client.get(ACCOUNTS, headers=bearer(old["access_token"])),
        await someone.try_refresh(old["refresh_token"]),
    ):
        assert await error_of(answer) == UNAUTHORIZED
    assert await error_of(await someone.try_login()) == FAILED
    someone.password = "um tigre, dois tigres"
    assert (await someone.try_login()).status_code == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"current_password": "a guess"}, (403, "password_wrong")),
        ({"new_password": "short"}, (422, "password_weak")),
        ({"new_password": "password1234"}, (422, "password_weak")),
        ({"new_password": "meu cpf 52998224725"}, (422, "password_weak")),
        ({"new_password": None}, (422, "validation_failed")),
    ],
)
async def test_a_password_that_cannot_be_is_refused(
    body: dict[str, Any], expected: tuple[int, str]
) -> None:
    someone = await person()
    whole = {"current_password": someone.password, "new_password": "um tigre, dois tigres"} | body
    assert await error_of(await someone.post(f"{AUTH}/password", whole)) == expected
    same = {"current_password": someone.password, "new_password": someone.password}
    answer = await someone.post(f"{AUTH}/password", same)
    assert await error_of(answer) == (422, "password_weak")


async def test_a_stolen_token_is_no_way_to_guess_the_password() -> None:
    someone = await person()
    body = {"current_password": "a guess", "new_password": "um tigre, dois tigres"}
    for _ in range(someone.world.settings.identity.lock_after_failures):
        await someone.post(f"{AUTH}/password", body)
    right = body | {"current_password": someone.password}
    answer = await someone.post(f"{AUTH}/password", right)
    assert await error_of(answer) == (403, "password_wrong")


# describe the second factor


async def test_with_a_second_factor_the_password_is_not_enough() -> None:
    someone = await person()
    codes = await someone.enrol_totp()
    assert len(set(codes)) == 10
    assert await error_of(await someone.try_login()) == (401, "totp_required")
    assert await error_of(await someone.try_login(password="a guess")) == FAILED
    assert await error_of(await someone.try_login(totp="000000")) == FAILED

    someone.world.clock.at += timedelta(seconds=30)
    assert (await someone.try_login(totp=someone.code())).status_code == 200
    assert await error_of(await someone.try_login(totp=someone.code())) == FAILED  # used


async def test_asking_for_the_code_is_no_failure_and_a_wrong_one_is() -> None:
    someone = await person()
    await someone.enrol_totp()
    for _ in range(10):
        assert await error_of(await someone.try_login()) == (401, "totp_required")
    assert someone.user.failures == 0
    for _ in range(someone.world.settings.identity.lock_after_failures):
        await someone.try_login(totp="000000")
    someone.world.clock.at += timedelta(seconds=29)
    assert await error_of(await someone.try_login()) == FAILED  # locked out


async def test_the_code_that_confirmed_is_used_up() -> None:
    someone = await person()
    await someone.enrol_totp()
    assert await error_of(await someone.try_login(totp=someone.code())) == FAILED


async def test_a_recovery_code_is_good_once_however_it_is_typed() -> None:
    someone = await person()
    code = (await someone.enrol_totp())[3]
    typed = code.lower().replace("-", " ")
    assert (await someone.try_login(totp=typed)).status_code == 200
    assert await error_of(await someone.try_login(totp=code)) == FAILED
    assert len(someone.user.recovery_codes) == 9


async def test_a_secret_is_shown_once_and_needs_the_password() -> None:
    someone = await person()
    wrong = await someone.post(f"{AUTH}/totp", {"password": "a guess"})
    assert await error_of(wrong) == (403, "password_wrong")
    offered = await someone.post(f"{AUTH}/totp", {"password": someone.password})
    said = await data_of(offered)
    assert said["uri"].startswith("otpauth://totp/Banco%20de%20Teste:Maria")
    assert said["secret"] in said["uri"]
    assert (await someone.try_login()).status_code == 200  # not confirmed yet

    wrong = await someone.post(f"{AUTH}/totp/confirm", {"code": "000000"})
    assert await error_of(wrong) == (422, "totp_code_wrong")
    await someone.post(f"{AUTH}/totp/confirm", {"code": someone.code()})
    again = await someone.post(f"{AUTH}/totp", {"password": someone.password})
    assert await error_of(again) == (409, "totp_enrolled")


async def test_a_second_factor_goes_with_the_password() -> None:
    someone = await person()
    await someone.enrol_totp()
    wrong = await someone.post(f"{AUTH}/totp/remove", {"password": "a guess"})
    assert await error_of(wrong) == (403, "password_wrong")
    for _ in range(2):
        gone = await someone.post(f"{AUTH}/totp/remove", {"password": someone.password})
        assert gone.status_code == 204
    assert (await someone.try_login()).status_code == 200
