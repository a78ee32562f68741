"""`run.py demo`: a payment in and a payment out through real servers, room by room, then stop."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import click
import httpx
import trio

from actors.admin.views import tree_view
from actors.start import Running, open_platform
from fluxiq import settings as config
from fluxiq.admin.render import render_tree
from fluxiq.commands.demo_data import Login, demo_logins
from fluxiq.commands.merchant import Json, Merchant
from fluxiq.commands.signals import stop_on_signals
from fluxiq.commands.up import greeting
from fluxiq.commands.verify import balanced, describe_books
from fluxiq.couriers.sink import Sink, serve_sink
from fluxiq.errors import Refused, Unavailable
from fluxiq.providers.simulator import SimulatorControl
from fluxiq.sdk import ApiError, Step
from fluxiq.telemetry import logs

WALK_SECONDS_MAX = 20.0
LOOK_SECONDS = 0.05
PRICE = 150_00
PAID_OUT = 40_00

# Which rooms a payment must have been in; `couriers` and `window` come last and by themselves.
WALK_IN = ("door", "visitors_book", "post_room", "study", "vault", "archive", "courier", "window")
WALK_OUT = ("door", "counter", "archive", "vault", "post_room", "gate", "courier", "window")
KEY_CONFIRMED = "confirmed@simulator.example"
KEY_REJECTED = "rejected-ac03@simulator.example"


class RoomFailed(Exception):
    """A payment did not get through a room; the message names it."""


@click.command()
def demo() -> None:
    """Start everything, move money in and out, show the walks and the tree, and stop."""
    settings = config.load()
    logs.configure(settings.log)
    try:
        trio.run(_demo, settings)
    except* (RoomFailed, ApiError, Refused, Unavailable, httpx.HTTPError) as failed:
        click.echo(f"fluxiq: the demo failed: {_first(failed)}", err=True)
        sys.exit(1)


async def _demo(settings: config.Settings) -> None:
    started = trio.current_time()
    async with open_platform(settings) as running, trio.open_nursery() as nursery:
        nursery.start_soon(stop_on_signals, running.tree)
        logins = await demo_logins(running.platform)
        click.echo(greeting(running, logins, trio.current_time() - started))
        for login in logins:
            await _play(running, login)

        click.echo("\nThe tree\n" + render_tree(tree_view(running.tree)))
        await _prove(running)
        nursery.cancel_scope.cancel()
    click.echo("Stopped in order.")


async def _play(running: Running, login: Login) -> None:
    """One institution: a charge is paid, a payout confirmed, a payout rejected."""
    platform = running.platform
    async with (
        Merchant.open(platform.api_url, login) as merchant,
        _told(merchant) as sink,
        merchant.watch() as events,
        SimulatorControl.open(platform.simulator_url) as simulator,
    ):
        click.echo(f"\n{login.ispb} {login.institution}: {login.merchant}")
        api = merchant.api
        charge = await api.charges.create(amount=PRICE, description="two coffees and a book")
        click.echo(f"  charge {charge.id} of {PRICE} centavos\n    {charge.qr_code}")
        await simulator.pay(ispb=login.ispb, br_code=charge.qr_code)
        paid = await _event(events, "pix.charge.paid", charge.id)
        await _show(merchant, "PIX in", paid, WALK_IN)

        for title, key, ending in (
            ("PIX out", KEY_CONFIRMED, "pix.payout.confirmed"),
            ("PIX out, rejected", KEY_REJECTED, "pix.payout.failed"),
        ):
            payout = await api.payouts.create(amount=PAID_OUT, pix_key=key)
            click.echo(f"  payout {payout.id} of {PAID_OUT} centavos to {key}")
            ended = await _event(events, ending, payout.id)
            await _show(merchant, title, ended, WALK_OUT)
            if failure := ended["data"]["failure"]:
                click.echo(f"    rejected: {failure['reason_code']} {failure['code']}")

        balance = await api.accounts.balance(login.account_id)
        click.echo(f"  balance {balance.available} centavos available")
        click.echo(f"  {sink.verified} signed webhooks received and verified")


@asynccontextmanager
async def _told(merchant: Merchant) -> AsyncIterator[Sink]:
    """A merchant's endpoint that verifies every signature, registered with the platform."""
    async with trio.open_nursery() as nursery:
        sink: Sink = await nursery.start(lambda task_status: serve_sink(task_status=task_status))
        endpoint = await merchant.api.webhooks.create(url=sink.url, events=["pix.*"])
        assert endpoint.secret is not None, "it is shown when the endpoint is made"
        sink.trust(endpoint.secret)
        yield sink
        nursery.cancel_scope.cancel()


async def _event(events: trio.MemoryReceiveChannel[Json], kind: str, resource_id: str) -> Json:
    """The push that says how it ended. Raises RoomFailed when it does not come."""
    with trio.move_on_after(WALK_SECONDS_MAX):
        async for event in events:
            if event["type"] == kind and event["data"]["id"] == resource_id:
                return event
    raise RoomFailed(f"window: no {kind} for {resource_id} within {WALK_SECONDS_MAX:g} s")


async def _show(merchant: Merchant, title: str, ending: Json, rooms: Sequence[str]) -> None:
    """Print the walk once it is whole. Raises RoomFailed naming the first room that is missing."""
    end_to_end_id = ending["data"]["end_to_end_id"]
    steps: tuple[Step, ...] = ()
    missing: list[str] = list(rooms)
    with trio.move_on_after(WALK_SECONDS_MAX):
        while missing:
            steps = await merchant.api.walks.get(end_to_end_id)
            walked = {step.room for step in steps if _counts(step, ending["type"])}
            missing = [room for room in rooms if room not in walked]
            await trio.sleep(LOOK_SECONDS)

    click.echo(f"  {title} {end_to_end_id}")
    for step in steps:
        click.echo(f"    {step.room:<14}{step.milliseconds:>9.1f} ms  {step.detail}")
    if missing:
        raise RoomFailed(f"{missing[0]}: {end_to_end_id} never got through it")


def _counts(step: Step, ending: str) -> bool:
    """Events before the last one go through the last two rooms as well: only its own counts."""
    return step.room not in {"courier", "window"} or ending in step.detail


async def _prove(running: Running) -> None:
    click.echo("\nThe books")
    for tenant in running.platform.tenants.all():
        books = await tenant.store.prove_books()
        click.echo(f"  {tenant.ispb}  {describe_books(books)}")
        if not balanced(books):
            raise RoomFailed(f"vault: the books of {tenant.ispb} do not balance")


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = failed
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
