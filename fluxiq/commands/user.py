"""`run.py user`: the first owner of a merchant or an institution, and help for the locked out."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from fluxiq.commands.asking import ask_platform, json_option, print_json, reason_option
from fluxiq.domain.roles import Role

_institution = click.option(
    "--ispb", "--institution", "institution", default="", help="needed if there are more than one"
)


@click.group()
def user() -> None:
    """People who log in with a password. See docs/identity.md."""


@user.command()
@_institution
@click.option("--document", required=True, help="their CPF or CNPJ")
@click.option("--name", required=True, help="as they are called")
@click.option("--role", type=click.Choice([one.value for one in Role]), required=True)
@click.option("--merchant", default="", help="whom they work for; none: the institution itself")
@reason_option
@json_option
def add(name: str, *, as_json: bool, **options: str) -> None:
    """Add a user, and show the password that they change when they first log in."""
    answer = ask_platform("user_add", yes=True, person_name=name, **_said(**options))
    print_json(answer) if as_json else click.echo(_password_of(answer))


@user.command("list")
@_institution
@click.option("--merchant", default="", help="of this merchant; none: of the institution itself")
@json_option
def list_users(institution: str, merchant: str, *, as_json: bool) -> None:
    """List users, newest first."""
    answer = ask_platform("users", **_said(institution=institution, merchant=merchant))
    print_json(answer) if as_json else click.echo("\n".join(_lines(answer)) or "nobody")


@user.command()
@click.argument("user_id")
@_institution
@click.option("--totp", is_flag=True, help="take the second factor away too")
@reason_option
@json_option
def reset(user_id: str, institution: str, reason: str, *, totp: bool, as_json: bool) -> None:
    """Give somebody another one-time password, unlock them, and end their sessions."""
    given = _said(institution=institution, reason=reason)
    answer = ask_platform("user_reset", yes=True, id=user_id, totp=totp, **given)
    print_json(answer) if as_json else click.echo(_password_of(answer))


def _password_of(answer: Mapping[str, Any]) -> str:
    return (
        f"{answer['id']}  {answer['role']}\n"
        f"password  {answer['password']}   shown only now; it is changed at the first log-in"
    )


def _lines(answer: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        f"{one['id']}  {one['role']:8}  {one['status']:7}  {one['document']:14}  {one['name']}"
        for one in answer
    ]


def _said(**options: str) -> dict[str, str]:
    """Those that were given."""
    return {name: value for name, value in options.items() if value}
