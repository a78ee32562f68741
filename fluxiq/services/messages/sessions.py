"""Logging in and staying logged in: what people's programs say, and what they are told."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from fluxiq.domain.password import LENGTH_MAX
from fluxiq.domain.session import Session

# Above what a password may be: longer ones are answered like wrong ones.
Password = Annotated[str, Meta(min_length=1, max_length=4 * LENGTH_MAX)]
Code = Annotated[str, Meta(min_length=6, max_length=32)]


class LogIn(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`ispb` where the document has users in several institutions; `totp` is the authenticator's
    code, or a recovery code; with `cookie` the refresh token comes as a cookie, for web pages.
    """

    document: Annotated[str, Meta(min_length=11, max_length=18)]
    password: Password
    ispb: Annotated[str, Meta(pattern=r"^[0-9A-Z]{8}$")] | None = None
    totp: Code | None = None
    cookie: bool = False


class Refresh(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Without a token, the cookie's."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=256)] | None = None


class TokensView(Struct, frozen=True, kw_only=True):
    """`expires_in` are seconds, of the access token. `refresh_token` is missing where it is a
    cookie.
    """

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str | UnsetType = UNSET


class ChoosePassword(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One's own. With `cookie` the new session's refresh token comes as a cookie."""

    current_password: Password
    new_password: Password
    cookie: bool = False


class Prove(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The password once more, before something that weighs."""

    password: Password


class ConfirmTotp(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    code: Code


class TotpOfferView(Struct, frozen=True, kw_only=True):
    """`uri` is what a QR code shows to an authenticator app, `secret` the same to type. Both are
    shown once.
    """

    secret: str
    uri: str


class RecoveryCodesView(Struct, frozen=True, kw_only=True):
    """Each stands for one code of a lost authenticator. Shown once."""

    recovery_codes: tuple[str, ...]


class SessionView(Struct, frozen=True, kw_only=True):
    """`current` is the one that asks; `client` is the program, as it called itself."""

    id: str
    current: bool
    address: str
    client: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


def session_view(session: Session, current_id: str) -> SessionView:
    return SessionView(
        id=session.id,
        current=session.id == current_id,
        address=session.address,
        client=session.client,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
    )
