"""What operators read of errors and reasons, without people and secrets.

Sentences of our own say no values, so only what the product knows to be secret goes. A foreign
exception's text is anybody's: what anybody would take for a secret goes too.
"""

from typing import Final

from fluxiq.errors import FluxiqError
from fluxiq.telemetry.redaction import redact_text
from supervisors import SupervisionError, describe, masked_text

TEXT_CHARACTERS_MAX: Final = 4000  # looked at for secrets; fewer are shown


def masked_foreign(text: str) -> str:
    """What the product knows to be secret by its shape, then what anybody would."""
    return masked_text(redact_text(text[:TEXT_CHARACTERS_MAX]))


def masked_reason(text: str) -> str:
    """A reason, as the tree or an operator gave it."""
    return redact_text(text[:TEXT_CHARACTERS_MAX])


def masked_error(error: BaseException) -> str:
    """An error in one line: type and message."""
    ours = isinstance(error, FluxiqError | SupervisionError)
    return (masked_reason if ours else masked_foreign)(describe(error))


def masked_texts(value: object) -> object:
    """Plain data with every text in it masked, at whatever depth it has."""
    match value:
        case str():
            return masked_reason(value)
        case dict():
            return {masked_reason(str(key)): masked_texts(one) for key, one in value.items()}
        case list() | tuple():
            return [masked_texts(one) for one in value]
        case _:
            return value
