"""`run.py openapi`: the API as an OpenAPI 3.1 document; nothing is started."""

import click
import msgspec

from fluxiq.api.app import contracts
from fluxiq.api.openapi.document import render
from fluxiq.telemetry.metrics import Metrics


@click.command()
def openapi() -> None:
    """Print the API as an OpenAPI 3.1 document."""
    document = render(contracts({}, Metrics(process=False)))
    click.echo(msgspec.json.format(document, indent=2))
