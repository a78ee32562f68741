"""The API as an OpenAPI 3.1 document, made of the endpoints that serve it.

    document.py    the whole, and its bytes
    operations.py  one endpoint: parameters, body, answers
    refusals.py    which error codes an endpoint may answer, and what they look like
    meanings.py    what each error code means, in a sentence
    events.py      the webhooks that merchants receive
    schemas.py     Structs as JSON Schema, with names for people
    examples.py    an example for any schema

Nothing here is written by hand twice: an endpoint, a field or a code that is added to the product
is in the document.
"""
