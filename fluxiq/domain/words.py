"""Texts as people mean them when they look for something."""

import unicodedata


def folded(text: str) -> str:
    """Without case and accents, so that `padaria sao joao` finds `Padaria São João`."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))
