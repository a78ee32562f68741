"""One's password and second factor: shown once more, changed, taken on, taken away."""

from fluxiq.domain.password import check_password
from fluxiq.domain.totp import SECRET_BYTES, matching_step, otpauth_uri, secret_text
from fluxiq.domain.user import PasswordChosen, TotpConfirmed, TotpOffered, TotpRemoved, User
from fluxiq.errors import Refused
from fluxiq.ports.users import UserChanged
from fluxiq.services.authenticate import Caller
from fluxiq.services.log_in import lock_out_of, open_session
from fluxiq.services.messages.sessions import ChoosePassword, RecoveryCodesView, TotpOfferView
from fluxiq.services.recovery_codes import digest_of_code, new_codes
from fluxiq.services.session_tokens import LoginClient, Tokens
from fluxiq.services.session_watch import tell_ended


async def choose_password(caller: Caller, request: ChoosePassword, client: LoginClient) -> Tokens:
    """Change one's password. All sessions end, this one too: the answer opens a new one.

    Raises Refused: password_wrong, password_weak.
    """
    tenant = caller.tenant
    user = await _prove(caller, request.current_password, "current_password")
    check_password(request.new_password, document=user.document, field="new_password")
    if request.new_password == request.current_password:
        raise Refused("password_weak", "this is the old one", field="new_password")

    change = PasswordChosen(
        seen=user.password_hash,
        password_hash=await tenant.passwords.hash(request.new_password),
    )
    now = tenant.clock.now()
    changed = await _change(caller, change)
    tokens = await open_session(tenant, changed.user, client, now)
    if tokens is None:
        raise Refused("user_changed", "the password was changed meanwhile: log in again")
    return tokens


async def offer_totp(caller: Caller, password: str) -> TotpOfferView:
    """A secret for an authenticator app, good once `confirm_totp` has seen a code of it.

    Raises Refused: password_wrong, totp_enrolled.
    """
    tenant = caller.tenant
    user = await _prove(caller, password, "password")
    if user.totp_secret is not None:
        raise Refused("totp_enrolled", "there is a second factor: remove it first")

    secret = tenant.ids.secret(SECRET_BYTES)
    await _change(caller, TotpOffered(secret=secret))
    issuer = tenant.institution.name
    return TotpOfferView(
        secret=secret_text(secret), uri=otpauth_uri(secret, issuer=issuer, account=user.name)
    )


async def confirm_totp(caller: Caller, code: str) -> RecoveryCodesView:
    """From now on log-ins need a code. Raises Refused("totp_code_wrong")."""
    tenant = caller.tenant
    user = await tenant.users.find_user(caller.person.user_id)
    assert user is not None, "somebody is logged in who does not exist"
    secret = user.totp_pending
    step = None if secret is None else matching_step(secret, code, tenant.clock.now(), None)
    if secret is None or step is None:
        raise Refused("totp_code_wrong", "not a code of the secret that was offered", field="code")

    codes = new_codes(tenant)
    digests = tuple(digest_of_code(tenant, one) for one in codes)
    await _change(caller, TotpConfirmed(secret=secret, step=step, recovery_codes=digests))
    return RecoveryCodesView(recovery_codes=codes)


async def remove_totp(caller: Caller, password: str) -> None:
    """Log-ins need no code any more. Twice is once. Raises Refused("password_wrong")."""
    await _prove(caller, password, "password")
    await _change(caller, TotpRemoved())


async def _prove(caller: Caller, password: str, field: str) -> User:
    """Somebody has the token; is it the person too? Counted like log-ins: a token that was stolen
    is no way to guess.
    """
    tenant, user_id = caller.tenant, caller.person.user_id
    lock_out = lock_out_of(tenant.settings.identity)
    attempt = await tenant.sessions.begin_proof(user_id, lock_out, tenant.clock.now())
    hashed = attempt.user.password_hash if attempt is not None and attempt.begun else None
    verdict = await tenant.passwords.verify(hashed, password)
    if attempt is None or not verdict.right:
        raise Refused("password_wrong", "the password is wrong, or you are locked out", field=field)

    await tenant.sessions.forget_failures(user_id)
    return attempt.user


async def _change(
    caller: Caller, change: PasswordChosen | TotpOffered | TotpConfirmed | TotpRemoved
) -> UserChanged:
    tenant, user_id = caller.tenant, caller.person.user_id
    changed = await tenant.users.change_user(user_id, [change], user_id, tenant.clock.now())
    assert changed is not None, "somebody is logged in who does not exist"
    await tell_ended(tenant, changed.ended)
    return changed
