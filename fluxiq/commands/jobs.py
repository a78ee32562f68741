"""`run.py jobs`: the durable jobs of an institution, and an operator's word to them."""

import click

from fluxiq.admin.render_jobs import STATES, render_board, render_job, render_jobs
from fluxiq.commands.asking import (
    ask_platform,
    institution_option,
    json_option,
    print_json,
    reason_option,
    said,
    yes_option,
)

_kind = click.option("--kind", default="", help="of this kind only")


@click.group()
def jobs() -> None:
    """Durable jobs: what waits, what failed and why. See docs/jobs.md."""


@jobs.command("list")
@institution_option
@_kind
@click.option("--state", type=click.Choice(STATES), default=None, help="in this state only")
@click.option("--limit", default=50, show_default=True, help="the last made so many")
@json_option
def list_jobs(institution: str, kind: str, state: str | None, limit: int, *, as_json: bool) -> None:
    """List jobs, the last made first."""
    given = said(institution=institution, kind=kind, state=state)
    answer = ask_platform("jobs", limit=limit, **given)
    print_json(answer) if as_json else click.echo(render_jobs(answer))


@jobs.command()
@click.argument("job_id")
@institution_option
@json_option
def show(job_id: str, institution: str, *, as_json: bool) -> None:
    """Show all of one job, and the errors of its last attempts."""
    answer = ask_platform("job", id=job_id, **said(institution=institution))
    print_json(answer) if as_json else click.echo(render_job(answer))


@jobs.command()
@institution_option
@json_option
def board(institution: str, *, as_json: bool) -> None:
    """Show kinds and schedules: how many in which state, when next, what is paused."""
    answer = ask_platform("job_board", **said(institution=institution))
    print_json(answer) if as_json else click.echo(render_board(answer))


def _order(name: str, verb: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @click.argument("job_id")
    @institution_option
    @reason_option
    @yes_option
    def command(job_id: str, institution: str, reason: str, *, yes: bool) -> None:
        given = said(institution=institution)
        click.echo(render_job(ask_platform(verb, id=job_id, reason=reason, yes=yes, **given)))

    return command


def _gate(name: str, verb: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @institution_option
    @click.option("--kind", default="", help="a kind of job")
    @click.option("--schedule", default="", help="or a schedule")
    @reason_option
    @yes_option
    def command(institution: str, kind: str, schedule: str, reason: str, *, yes: bool) -> None:
        given = said(institution=institution, kind=kind, schedule=schedule)
        click.echo(render_board(ask_platform(verb, reason=reason, yes=yes, **given)))

    return command


for _command in (
    _order("retry", "job_retry", "Have it tried again now, with all its attempts before it."),
    _order("cancel", "job_cancel", "Call it off; if it is under way, it is told to stop."),
    _gate("pause", "jobs_pause", "Begin nothing of a kind, or plan nothing of a schedule."),
    _gate("resume", "jobs_resume", "Take a pause back; what was missed goes by its policy."),
):
    jobs.add_command(_command)
