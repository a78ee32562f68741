"""`run.py audit`: is the trail as it was written, what is on it, and the proof of a line."""

import json
import sys
from pathlib import Path
from typing import IO, Any, Final

import click
import msgspec
import trio

from actors.addresses import read_addresses
from fluxiq import settings as config
from fluxiq.admin.client import ask
from fluxiq.admin.render_audit import render_lines, render_verdicts
from fluxiq.commands.asking import (
    ask_platform,
    institution_option,
    json_option,
    print_json,
    reason_option,
    said,
    yes_option,
)
from fluxiq.domain.audit_proof import LineProof, ProofVerdict, check
from fluxiq.domain.audit_signature import KEY_BYTES, TrustedKeys
from fluxiq.errors import Refused, StartRefused, Unavailable
from fluxiq.telemetry import logs

LOOK_SECONDS: Final = 0.5


@click.group()
def audit() -> None:
    """The audit trail of every institution. See docs/audit.md."""


@audit.command()
@click.option(
    "--institution", "--ispb", "institution", default="", help="its ISPB; all unless given"
)
@click.option("--checkpoints", is_flag=True, help="compare with what JetStream was told too")
@click.option("--proof", type=click.File("rb"), help="check this proof of one line, offline")
@click.option("--public-key", help="64 hex digits, as `audit keys` shows it; needed for --proof")
@json_option
def verify(
    institution: str,
    proof: IO[bytes] | None,
    public_key: str | None,
    *,
    checkpoints: bool,
    as_json: bool,
) -> None:
    """Verify on the running platform, or start it for that. Exit 1 if something is found.

    Nothing is changed, and payments go on meanwhile.
    """
    if proof is not None:
        _verify_proof(proof.read(), public_key)
        return

    settings = config.load()
    logs.configure(settings.log)
    report = trio.run(_verify, settings, institution, checkpoints)
    print_json(report) if as_json else click.echo(render_verdicts(report))
    if any(one["findings"] for one in report):
        sys.exit(1)


@audit.command()
@institution_option
@click.option("--actor", default="", help="who, or whose key or unix user")
@click.option("--action", default="", help="such as payout.created, or payout. for all of them")
@click.option("--subject", default="", help="the record's id")
@click.option("--merchant", default="", help="whose record it is")
@click.option("--from", "since", default="", help="such as 2026-03-04T00:00:00Z; included")
@click.option("--to", "until", default="", help="not included")
@click.option("--page", default=1, show_default=True)
@click.option("--limit", default=50, show_default=True, help="lines of a page")
@json_option
def search(institution: str, page: int, limit: int, *, as_json: bool, **filters: str) -> None:
    """Who did what to which record, newest first."""
    given = said(institution=institution, **filters)
    answer = ask_platform("audit_search", page=page, limit=limit, **given)
    print_json(answer) if as_json else click.echo(render_lines(answer))


@audit.command()
@institution_option
@click.option("--actor", default="")
@click.option("--action", default="")
@click.option("--subject", default="")
@click.option("--merchant", default="")
@click.option("--from", "since", default="")
@click.option("--to", "until", default="")
@click.option("--format", "kind", type=click.Choice(("jsonl", "csv")), default="jsonl")
@click.option("--output", type=click.File("w", lazy=True), default="-", help="a file; else here")
def export(institution: str, kind: str, output: IO[str], **filters: str) -> None:
    """Write lines out, oldest first, as `search` picks them: as jsonl each with its proof."""
    given = said(institution=institution, **filters)
    after: list[int] | None = [0, 0]
    while after is not None:
        piece = ask_platform(
            "audit_export", format=kind, after_xid=after[0], after_id=after[1], **given
        )
        output.write(piece["text"])
        after = piece["next"]


@audit.command()
@click.argument("line", type=int)
@institution_option
def prove(line: int, institution: str) -> None:
    """Write the proof that LINE is on the trail, as JSON; `audit verify --proof` checks it."""
    print_json(ask_platform("audit_prove", line=line, **said(institution=institution)))


@audit.command()
@institution_option
def keys(institution: str) -> None:
    """Show the public keys that verify seals and proofs, the one that seals now last."""
    for one in ask_platform("audit_keys", **said(institution=institution)):
        click.echo(f"{one['id']}  {one['public_key']}")


@audit.command()
@institution_option
@reason_option
@yes_option
def purge(institution: str, reason: str, *, yes: bool) -> None:
    """Delete the lines of sealed batches that need not be kept any more; their seals stay."""
    done = ask_platform("audit_purge", reason=reason, yes=yes, **said(institution=institution))
    click.echo(f"purged {done['lines']} lines of {done['seals']} seals")
    if done["next_at"] is not None:
        click.echo(f"the next may go from {done['next_at']} ({done['next_class']})")


async def _verify(
    settings: config.Settings, institution: str, checkpoints: bool
) -> list[dict[str, Any]]:
    try:
        socket = Path(read_addresses(settings.data_dir).admin_socket)
        run = await ask(
            socket, "audit_verify", checkpoints=checkpoints, **said(institution=institution)
        )
    except (StartRefused, Unavailable):
        return await _verify_alone(settings, institution, checkpoints=checkpoints)

    while not run["is_over"]:
        await trio.sleep(LOOK_SECONDS)
        run = await ask(socket, "audit_verify", run=run["number"])
    report: list[dict[str, Any]] = run["report"]
    return report


async def _verify_alone(
    settings: config.Settings, institution: str, *, checkpoints: bool
) -> list[dict[str, Any]]:
    """Of a platform that was not running. Imported here: who only asks need not have all of it."""
    from actors.audit_verifier import verify_trail  # noqa: PLC0415 - see above
    from actors.start import open_platform  # noqa: PLC0415 - see above

    async with open_platform(settings) as running:
        platform = running.platform
        if institution and institution not in platform.ispbs:
            raise Refused("institution_not_found", f"no institution {institution} here")
        return [
            await verify_trail(platform, one, checkpoints=checkpoints)
            for one in ([institution] if institution else platform.ispbs)
        ]


def _verify_proof(raw: bytes, public_key: str | None) -> None:
    """Needs nothing but the file and the key."""
    try:
        public = bytes.fromhex(public_key or "")
    except ValueError:
        public = b""
    if len(public) != KEY_BYTES:
        raise click.BadParameter(
            "64 hex digits, as `audit keys` shows it", param_hint="--public-key"
        )
    try:
        proof = msgspec.json.decode(raw, type=LineProof)
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"is no proof: {error}", param_hint="--proof") from None

    verdict = check(proof, TrustedKeys([public]))
    if verdict is not ProofVerdict.HOLDS:
        click.echo(f"THE PROOF DOES NOT HOLD: {verdict.value.replace('_', ' ')}")
        sys.exit(1)
    click.echo(f"the proof holds: line {proof.line.id} is under seal {proof.seal.seq}")
    click.echo(json.dumps(msgspec.to_builtins(proof.line), indent=2, ensure_ascii=False))
