"""Logging in and out, and what is one's own: sessions, password, second factor."""

from typing import Final

from msgspec import UNSET

from fluxiq.api.contract import NO_CONTENT, PUBLIC, Call, PathText, Rate, Reply, Routes
from fluxiq.api.refresh_cookie import PATH, check_origin, set_cookie, token_in
from fluxiq.domain.roles import OWN
from fluxiq.errors import Refused
from fluxiq.services import log_in as use
from fluxiq.services import own_sessions, prove
from fluxiq.services.messages.envelope import Data, encode
from fluxiq.services.messages.sessions import (
    ChoosePassword,
    ConfirmTotp,
    LogIn,
    Prove,
    RecoveryCodesView,
    Refresh,
    SessionView,
    TokensView,
    TotpOfferView,
)
from fluxiq.services.messages.users import UserView
from fluxiq.services.session_tokens import LoginClient, Tokens

routes = Routes(PATH, institution=True)

CLIENT_CHARACTERS_MAX: Final = 200
BEARER: Final = "Bearer"
NO_STORE: Final = {"Cache-Control": "no-store"}  # RFC 6749, 5.1


@routes.post(
    "/login",
    permission=PUBLIC,
    rate=Rate.STRANGER,
    reply=Data[TokensView],
    status=200,
    refuses=(
        "login_failed",
        "totp_required",
        "invalid_document",
        "forbidden",
        "institution_suspended",
    ),
)
async def log_in(call: Call, body: LogIn) -> Reply:
    """Open a session with document and password, and the authenticator's code where there is one.

    Whatever is wrong, the answer is `login_failed`; `totp_required` says that all but the code was
    right. After five failures in a row a user is locked out, for longer each time.
    """
    if body.cookie:
        check_origin(call.settings, call.headers)
    tokens = await use.log_in(call.tenants, body, _client(call), call.admit_stranger)
    return _given(call, tokens, cookie=body.cookie)


@routes.post(
    "/refresh",
    permission=PUBLIC,
    rate=Rate.STRANGER,
    reply=Data[TokensView],
    status=200,
    refuses=("unauthorized", "forbidden", "institution_suspended"),
)
async def refresh_session(call: Call, body: Refresh) -> Reply:
    """New tokens for a refresh token, which is used up.

    A token that comes a second time ends its session: somebody has a copy. Without one in the body
    the cookie's is taken, and the new one is a cookie again.
    """
    text, cookie = body.refresh_token, False
    if text is None:
        text, cookie = token_in(call.settings, call.headers), True
    if text is None:
        raise Refused("unauthorized", "send refresh_token, or log in with a cookie")
    tokens = await own_sessions.refresh_session(call.tenants, text, call.admit_stranger)
    return _given(call, tokens, cookie=cookie)


@routes.post("/logout", permission=OWN, rate=Rate.WRITE, reply=None, status=204)
async def log_out(call: Call) -> Reply:
    """End the session that asks: its tokens open nothing any more."""
    await own_sessions.log_out(call.known_caller)
    forget = {"Set-Cookie": set_cookie(call.settings, call.headers, "", 0)}
    return Reply(body=b"", status=204, headers=forget)


@routes.get("/me", permission=OWN, rate=Rate.READ, reply=Data[UserView])
async def show_self(call: Call) -> Data[UserView]:
    """Who is signed in: name, masked document, role, and whether there is a second factor."""
    return Data(await own_sessions.show_self(call.known_caller))


@routes.get("/sessions", permission=OWN, rate=Rate.READ, reply=Data[list[SessionView]])
async def list_sessions(call: Call) -> Data[list[SessionView]]:
    """One's own sessions, newest first."""
    return Data(await own_sessions.list_sessions(call.known_caller))


@routes.delete(
    "/sessions/{session_id}", permission=OWN, rate=Rate.WRITE, refuses=("session_not_found",)
)
async def end_session(call: Call, session_id: PathText) -> Reply:
    """End one of one's own sessions."""
    await own_sessions.end_session(call.known_caller, session_id)
    return NO_CONTENT


@routes.post(
    "/password",
    permission=OWN,
    rate=Rate.WRITE,
    reply=Data[TokensView],
    status=200,
    refuses=("password_wrong", "password_weak", "user_changed"),
)
async def choose_password(call: Call, body: ChoosePassword) -> Reply:
    """Change one's password. All sessions end; the answer opens a new one."""
    if body.cookie:
        check_origin(call.settings, call.headers)
    tokens = await prove.choose_password(call.known_caller, body, _client(call))
    return _given(call, tokens, cookie=body.cookie)


@routes.post(
    "/totp",
    permission=OWN,
    rate=Rate.WRITE,
    reply=Data[TotpOfferView],
    status=201,
    refuses=("password_wrong", "totp_enrolled", "user_changed"),
)
async def offer_totp(call: Call, body: Prove) -> Reply:
    """Ask for a second factor: a secret for an authenticator app, shown once."""
    return _once(await prove.offer_totp(call.known_caller, body.password))


@routes.post(
    "/totp/confirm",
    permission=OWN,
    rate=Rate.WRITE,
    reply=Data[RecoveryCodesView],
    status=200,
    refuses=("totp_code_wrong", "user_changed"),
)
async def confirm_totp(call: Call, body: ConfirmTotp) -> Reply:
    """Show the first code: from now on log-ins need one. Answers with recovery codes, once."""
    return _once(await prove.confirm_totp(call.known_caller, body.code))


@routes.post(
    "/totp/remove",
    permission=OWN,
    rate=Rate.WRITE,
    reply=None,
    status=204,
    refuses=("password_wrong",),
)
async def remove_totp(call: Call, body: Prove) -> Reply:
    """Go without the second factor."""
    await prove.remove_totp(call.known_caller, body.password)
    return NO_CONTENT


def _client(call: Call) -> LoginClient:
    """Where the call comes from; of what the program calls itself only what can be shown."""
    said = call.headers.get("User-Agent", "")
    client = "".join(one for one in said if one.isprintable())[:CLIENT_CHARACTERS_MAX]
    return LoginClient(address=call.address, program=client)


def _given(call: Call, tokens: Tokens, *, cookie: bool) -> Reply:
    headers = dict(NO_STORE)
    if cookie:
        headers["Set-Cookie"] = set_cookie(
            call.settings, call.headers, tokens.refresh_token, tokens.refresh_expires_in
        )
    view = TokensView(
        access_token=tokens.access_token,
        token_type=BEARER,
        expires_in=tokens.expires_in,
        refresh_token=UNSET if cookie else tokens.refresh_token,
    )
    return Reply(body=encode(Data(view)), headers=headers)


def _once(view: TotpOfferView | RecoveryCodesView) -> Reply:
    """What is shown once is kept by nobody on the way."""
    return Reply(body=encode(Data(view)), headers=NO_STORE)
