"""An institution's place in the database: a schema, and a role that can use only that one.

The tables belong to whoever provisions; the role may read and write them but cannot create, drop or
change any, cannot rewrite the audit trail, and holds no right on any other schema. What Postgres
shows to everyone (its catalogue: names of schemas, roles and tables) it shows to this role too.
"""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from hashlib import pbkdf2_hmac, sha256
from typing import Final

import trio

from fluxiq.errors import StartRefused
from fluxiq.stores.migrate import MIGRATIONS, migrate, read_migrations
from fluxiq.stores.pool import Connection, Postgres

PLATFORM_SCHEMA: Final = "platform"
SCRAM_ITERATIONS: Final = 4096  # PostgreSQL's own default
PASSWORD_LENGTH_MAX: Final = 128

_ISPB = re.compile(r"[0-9A-Z]{8}")
_LEDGER_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """Where an institution lives: `role` logs in and finds `schema` as its search path."""

    ispb: str
    schema: str
    role: str


def role_of(ispb: str) -> str:
    """The role of an institution, which is also the name of its schema."""
    assert _ISPB.fullmatch(ispb), f"{ispb!r} is not an ISPB"
    return f"inst_{ispb.lower()}"


async def provision_platform(admin: Postgres) -> None:
    """Close the database to everybody but its owner, and keep the registry of institutions."""
    await admin.transaction(_close_to_public)
    await migrate(admin, PLATFORM_SCHEMA, read_migrations(MIGRATIONS / "platform"))


async def provision_institution(
    admin: Postgres, ispb: str, name: str, ledger: int, password: str
) -> Provisioned:
    """Make, or bring up to date, the institution's role, schema, tables and rights.

    `admin` owns the database and may create roles. `ledger` is registered for ever: raises
    StartRefused when it belongs to another institution or when this one has another; also for
    everything `migrate` refuses. The password (printable ASCII) never leaves as text: Postgres gets
    its SCRAM-SHA-256 verifier.
    """
    assert 1 <= ledger <= _LEDGER_MAX, "a ledger number is 32 bits, and not zero"
    role = role_of(ispb)
    verifier = await trio.to_thread.run_sync(scram_verifier, password)

    await provision_platform(admin)
    await admin.transaction(_register, ispb, name, ledger, role)
    await admin.transaction(_make_role, role, verifier)
    await migrate(admin, role, read_migrations(MIGRATIONS / "institution"))
    await admin.transaction(_grant, role)
    return Provisioned(ispb=ispb, schema=role, role=role)


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL stores of a password (RFC 5802, RFC 7677), so that no log ever holds it."""
    printable = password.isascii() and password.isprintable()
    assert printable, "beyond printable ASCII, SASLprep would have a say"
    assert 1 <= len(password) <= PASSWORD_LENGTH_MAX, "a password has 1 to 128 characters"

    salt = secrets.token_bytes(16) if salt is None else salt
    salted = pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    head = f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{_base64(salt)}"
    return f"{head}${_base64(stored)}:{_base64(server)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def _lock(connection: Connection) -> None:
    """Rights on the database are one row: two processes changing it at once would both fail."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('fluxiq.provision', 0))"
    )


async def _close_to_public(connection: Connection) -> None:
    await _lock(connection)
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    await connection.execute(
        f"""
        REVOKE ALL ON DATABASE {database} FROM PUBLIC;
        REVOKE ALL ON SCHEMA public FROM PUBLIC;
        """
    )


async def _register(connection: Connection, ispb: str, name: str, ledger: int, role: str) -> None:
    await _lock(connection)
    owner = await connection.fetchrow(
        """
        SELECT ispb, ledger FROM platform.institutions WHERE ispb = $1 OR ledger = $2
        ORDER BY ispb = $1 DESC LIMIT 1
        """,
        ispb,
        ledger,
    )

    if owner is not None and owner["ispb"] != ispb:
        raise StartRefused(
            f"institution {ispb}: ledger {ledger} is registered for institution {owner['ispb']}"
        )

    if owner is not None and owner["ledger"] != ledger:
        raise StartRefused(
            f"institution {ispb}: is registered with ledger {owner['ledger']}, which cannot change"
        )

    await connection.execute(
        """
        INSERT INTO platform.institutions (ispb, name, ledger, schema_name, role_name)
        VALUES ($1, $2, $3, $4, $4)
        ON CONFLICT (ispb) DO UPDATE SET name = excluded.name
        """,
        ispb,
        name,
        ledger,
        role,
    )


async def _make_role(connection: Connection, role: str, verifier: str) -> None:
    """Raises StartRefused with the statements for an administrator where we may create no role."""
    await _lock(connection)
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    can_login = await connection.fetchval(
        "SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", role
    )
    exists = can_login is not None
    may_create = await connection.fetchval(
        "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    if not may_create:
        if can_login:  # as the administrator made it: its password is proven by its first login
            await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO {role}")
            return
        missing = role_statements(role, verifier)[1 if exists else 0 :]
        statements = " ".join(f"{one};" for one in missing)
        raise StartRefused(
            f"this database user may not make the role {role}; let an administrator run: "
            f"{statements}"
        )

    if not exists:
        await connection.execute(f"CREATE ROLE {role} NOINHERIT")
    await connection.execute(";".join(role_statements(role, verifier)[1:]))
    await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO {role}")


def role_statements(role: str, verifier: str) -> list[str]:
    """What makes an institution's role; the password is in it as its verifier only."""
    # A verifier is base 64 with "$" and ":": nothing in it needs quoting.
    return [
        f"CREATE ROLE {role} NOINHERIT",
        f"ALTER ROLE {role} LOGIN NOINHERIT PASSWORD '{verifier}'",
        f"ALTER ROLE {role} SET search_path = {role}",
    ]


async def _grant(connection: Connection, role: str) -> None:
    """Rows of its own tables; the audit trail and what must stay for ever only grow. The number,
    the time and the transaction of a line are the database's to say: its place under the seals.
    """
    await _lock(connection)
    await connection.execute(
        f"""
        GRANT USAGE ON SCHEMA {role} TO {role};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {role} TO {role};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA {role} TO {role};
        GRANT EXECUTE ON FUNCTION
            {role}.ledger_next_seq, {role}.ledger_seal, {role}.ledger_answer,
            {role}.ledger_change_authority, {role}.ledger_count, {role}.ledger_take_in,
            {role}.ledger_known_already, {role}.ledger_mirror, {role}.ledger_stand_in TO {role};
        REVOKE INSERT, UPDATE, DELETE ON {role}.schema_migrations FROM {role};
        REVOKE UPDATE, DELETE ON {role}.audit_trail, {role}.receipts, {role}.walk_steps FROM {role};
        REVOKE INSERT ON {role}.audit_trail FROM {role};
        GRANT INSERT (
            actor, action, subject, digest, note, before, merchant_id, credential, address,
            request_id
        ) ON {role}.audit_trail TO {role};
        REVOKE UPDATE, DELETE ON
            {role}.audit_seals, {role}.audit_leaves, {role}.audit_checkpoints FROM {role};
        REVOKE INSERT, UPDATE, DELETE ON {role}.audit_purges FROM {role};
        REVOKE UPDATE, DELETE ON {role}.agreed_fees FROM {role};
        GRANT EXECUTE ON FUNCTION {role}.audit_purge TO {role};
        REVOKE UPDATE, DELETE ON {role}.ledger_transfers, {role}.ledger_burnt_ids FROM {role};
        REVOKE DELETE ON {role}.ledger_accounts, {role}.ledger_clock FROM {role};
        REVOKE INSERT, DELETE ON {role}.ledger_authority FROM {role};
        REVOKE UPDATE, DELETE ON {role}.ledger_authority_history FROM {role};
        REVOKE INSERT, UPDATE, DELETE ON {role}.ledger_burning_answers FROM {role};
        REVOKE UPDATE, DELETE ON {role}.ledger_journal FROM {role};
        GRANT UPDATE (results_reversed, answered_at, mirrored, replayed, published)
            ON {role}.ledger_journal TO {role};
        REVOKE DELETE ON {role}.sealing_keys FROM {role};
        REVOKE INSERT, DELETE ON {role}.sealing_state FROM {role};
        GRANT UPDATE (payer, payer_index) ON {role}.receipts TO {role};
        REVOKE DELETE ON {role}.inbox, {role}.payouts, {role}.charges, {role}.accounts FROM {role};
        """
    )
