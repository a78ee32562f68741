"""Logging in with document and password, and a second factor where the user has one.

Whoever fails learns nothing: an unknown document, a wrong password, a locked user and a wrong code
are one answer, after as much work (nobody's password is looked at where there is none) and at the
same moment after the question. Only who had the right password is told that a code is missing.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

import structlog
import trio
from msgspec import Struct

from fluxiq.domain.documents import parse_document
from fluxiq.domain.totp import DIGITS, matching_step
from fluxiq.domain.user import LockOut, User
from fluxiq.errors import Refused
from fluxiq.ports import sessions as port
from fluxiq.services.messages.sessions import LogIn
from fluxiq.services.passwords import Verdict
from fluxiq.services.recovery_codes import digest_of_code
from fluxiq.services.session_tokens import (
    LoginClient,
    Tokens,
    new_refresh_token,
    new_session,
    tokens_of,
)
from fluxiq.services.session_watch import tell_ended
from fluxiq.services.tenant import Tenant, Tenants
from fluxiq.settings.identity import Identity

# Without an `ispb` all institutions are looked at, each with a password's worth of work.
INSTITUTIONS_MAX: Final = 4

Admit = Callable[[Tenant], Awaitable[None]]

_log = structlog.get_logger("fluxiq.identity")


class _Tried(Struct, frozen=True):
    """What one institution says. `verdict` is never right where the attempt was not begun."""

    tenant: Tenant
    attempt: port.Attempt | None
    verdict: Verdict


class _Proof(Struct, frozen=True, kw_only=True):
    """The second factor: what of it is used up."""

    totp_step: int | None = None
    recovery_code: bytes | None = None


async def log_in(tenants: Tenants, request: LogIn, client: LoginClient, admit: Admit) -> Tokens:
    """Opens a session. `admit` counts the address in an institution, and raises what it raises.

    Raises Refused: invalid_document, rate_limited, validation_failed for a missing ispb,
    totp_required, login_failed.
    """
    started = trio.current_time()
    _, document = parse_document(request.document)
    asked = _asked(tenants, request.ispb)
    for tenant in asked:
        await admit(tenant)

    try:
        return await _log_in(asked, document, request, client)
    except Refused as refused:
        if refused.code == "login_failed":
            await trio.sleep_until(started + _failure_seconds(tenants))
        raise


def lock_out_of(identity: Identity) -> LockOut:
    return LockOut(
        failures=identity.lock_after_failures,
        seconds=identity.lock_seconds,
        seconds_max=identity.lock_seconds_max,
    )


async def open_session(
    tenant: Tenant,
    user: User,
    client: LoginClient,
    now: datetime,
    *,
    proof: _Proof = _Proof(),  # noqa: B008 - frozen
    password_hash: str | None = None,
) -> Tokens | None:
    """A session of somebody who has proved who they are; None when they changed meanwhile."""
    session, refresh = new_session(tenant, user.id, client, now), new_refresh_token(tenant, now)
    opened = await tenant.sessions.log_in(
        port.LogIn(
            user=user,
            session=session,
            token=refresh[1],
            totp_step=proof.totp_step,
            recovery_code=proof.recovery_code,
            password_hash=password_hash,
        )
    )
    if opened is None:
        return None

    await tell_ended(tenant, opened.ended)
    return tokens_of(tenant, opened.user, session, refresh)


async def _log_in(
    asked: Sequence[Tenant], document: str, request: LogIn, client: LoginClient
) -> Tokens:
    tried = [await _try(tenant, document, request.password) for tenant in asked]
    right = [one for one in tried if one.verdict.right]
    if not right:
        for one in tried:
            await _note_failed(one, client)
        raise _failed()

    # The password was right somewhere: elsewhere it was no guess.
    for one in tried:
        if one is not right[0] and one.attempt is not None and one.attempt.begun:
            await one.tenant.sessions.take_back(one.attempt.user)
    if len(right) > 1:
        await _take_back(right[0])
        raise Refused(
            "validation_failed",
            "you are a user of several institutions: say which",
            field="ispb",
        )
    return await _enter(right[0], request, client)


async def _try(tenant: Tenant, document: str, password: str) -> _Tried:
    lock_out, now = lock_out_of(tenant.settings.identity), tenant.clock.now()
    attempt = await tenant.sessions.begin_login(document, lock_out, now)
    begun = attempt is not None and attempt.begun
    hashed = attempt.user.password_hash if attempt is not None and begun else None
    return _Tried(tenant, attempt, await tenant.passwords.verify(hashed, password))


async def _enter(tried: _Tried, request: LogIn, client: LoginClient) -> Tokens:
    """The password was right."""
    assert tried.attempt is not None, "somebody's password was right"
    tenant, user, now = tried.tenant, tried.attempt.user, tried.tenant.clock.now()
    tenant.standing.check()
    if user.one_time_until is not None and user.one_time_until <= now:
        await _note(tenant, user.id, "one_time_password_expired", client)
        raise _failed()

    proof = _Proof()
    if user.totp_secret is not None:
        if request.totp is None:
            await _take_back(tried)
            raise Refused("totp_required", "send the code of your authenticator as totp")
        found = _proof_of(tenant, user, user.totp_secret, request.totp)
        if found is None:
            await _note(tenant, user.id, "totp", client)
            raise _failed()
        proof = found

    tokens = await open_session(
        tenant, user, client, now, proof=proof, password_hash=tried.verdict.renewed
    )
    if tokens is None:
        await _note(tenant, user.id, "changed_meanwhile", client)
        raise _failed()
    return tokens


def _proof_of(tenant: Tenant, user: User, secret: bytes, said: str) -> _Proof | None:
    """What of the second factor `said` is; None when it is none, or was used before."""
    if len(said) == DIGITS:
        step = matching_step(secret, said, tenant.clock.now(), user.totp_step)
        return None if step is None else _Proof(totp_step=step)

    digest = digest_of_code(tenant, said)
    return _Proof(recovery_code=digest) if digest in user.recovery_codes else None


def _asked(tenants: Tenants, ispb: str | None) -> list[Tenant]:
    if ispb is not None:
        try:
            return [tenants.get(ispb)]
        except Refused:
            raise Refused(
                "validation_failed", f"no institution {ispb} here", field="ispb"
            ) from None

    found = list(tenants.all())
    if not 0 < len(found) <= INSTITUTIONS_MAX:
        raise Refused("validation_failed", "say which institution you are a user of", field="ispb")
    return found


async def _take_back(tried: _Tried) -> None:
    assert tried.attempt is not None, "somebody's password was right"
    await tried.tenant.sessions.take_back(tried.attempt.user)


async def _note_failed(tried: _Tried, client: LoginClient) -> None:
    attempt = tried.attempt
    if attempt is None:
        await _note(tried.tenant, None, "unknown", client)
    else:
        await _note(
            tried.tenant, attempt.user.id, "password" if attempt.begun else "locked", client
        )


async def _note(tenant: Tenant, user_id: str | None, why: str, client: LoginClient) -> None:
    _log.warning("login_failed", institution=tenant.ispb, user_id=user_id, why=why)
    failed = port.Failed(user_id=user_id, why=why, address=client.address)
    await tenant.sessions.note_failed(failed)


def _failure_seconds(tenants: Tenants) -> float:
    return max((one.settings.identity.failure_seconds for one in tenants.all()), default=0.0)


def _failed() -> Refused:
    return Refused("login_failed", "document, password or code is wrong, or the user is locked")
