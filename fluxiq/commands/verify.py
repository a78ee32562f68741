"""`run.py verify`: do the books of every institution balance, and has every payment ended?"""

import sys

import click
import trio

from actors.start import open_platform
from fluxiq import settings as config
from fluxiq.ports import Books
from fluxiq.telemetry import logs


@click.command()
def verify() -> None:
    """Start the platform, prove the books of each institution, and stop."""
    settings = config.load()
    logs.configure(settings.log)
    if not trio.run(_verify, settings):
        sys.exit(1)


async def _verify(settings: config.Settings) -> bool:
    good = True
    async with open_platform(settings) as running:
        for tenant in running.platform.tenants.all():
            books = await tenant.store.prove_books()
            click.echo(f"{tenant.ispb}  {describe_books(books)}")
            good = good and balanced(books)
    return good


def balanced(books: Books) -> bool:
    """Debits equal credits, and every record agrees with the ledger."""
    return (
        books.debits_posted == books.credits_posted
        and books.debits_pending == books.credits_pending
        and not books.mismatches
    )


def describe_books(books: Books) -> str:
    """One line, and one more for each thing that is wrong."""
    lines = [
        f"posted {books.debits_posted} = {books.credits_posted} centavos, "
        f"held {books.debits_pending} = {books.credits_pending}, "
        f"payouts under way {books.payouts_open}, refunds under way {books.refunds_open}, "
        f"notices unread {books.inbox_open}: "
        + ("the books balance" if balanced(books) else "THE BOOKS DO NOT BALANCE")
    ]
    return "\n  ".join([*lines, *books.mismatches])
