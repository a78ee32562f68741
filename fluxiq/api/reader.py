"""The strict way in: what is sent becomes the handler's arguments, or is refused by name.

msgspec decodes into the types that the OpenAPI document shows; what it leaves open is closed here.
"""

import re
from collections.abc import Mapping
from functools import cache
from itertools import accumulate
from typing import Any, Final

import msgspec
from werkzeug.datastructures import MultiDict

from fluxiq.api.contract import JSON, Endpoint
from fluxiq.errors import Refused

# The largest float in free JSON, and the inverse of the smallest.
NUMBER_MAX: Final = 1e18
DEPTH_MAX: Final = 64  # arrays and objects in one another


class Reader:
    """Turns what an endpoint is sent into its handler's arguments, once checked."""

    def __init__(self, endpoint: Endpoint) -> None:
        fields = list(endpoint.parameters.items())
        self._path: Any = msgspec.defstruct("Path", fields) if fields else None
        self._query = endpoint.query
        self._numbers = _number_fields(endpoint.query)
        self._body = None
        if endpoint.body is not None:
            self._body = msgspec.json.Decoder(endpoint.body, float_hook=_number).decode
        self.wants_body = self._body is not None or endpoint.raw

    def path(self, said: Mapping[str, str]) -> dict[str, Any]:
        """Raises Refused("validation_failed") naming the parameter."""
        if self._path is None:
            return {}
        try:
            msgspec.convert(said, self._path)
        except msgspec.ValidationError as error:
            raise _validation(error) from None
        return dict(said)

    def query(self, said: "MultiDict[str, str]") -> dict[str, Any]:
        """Raises Refused("validation_failed"), also for an unknown or repeated parameter."""
        if self._query is None:
            return {}

        values: dict[str, Any] = {}
        for name, texts in said.lists():
            if len(texts) > 1:
                raise _invalid("given more than once", name)
            # msgspec's own lax mode would read 1e3 as a number.
            is_number = name in self._numbers and _NUMBER.fullmatch(texts[0])
            values[name] = int(texts[0]) if is_number else texts[0]
        try:
            return {"query": msgspec.convert(values, self._query)}
        except msgspec.ValidationError as error:
            raise _validation(error) from None

    def body(self, content_type: str, raw: bytes) -> dict[str, Any]:
        """Raises Refused: unsupported_media_type, malformed_json or validation_failed."""
        if self._body is None:
            return {"raw": raw} if self.wants_body else {}

        if content_type.partition(";")[0].strip().lower() != JSON:
            raise Refused("unsupported_media_type", f"the body must be sent as {JSON}")
        _refuse_deep(raw)
        try:
            value = self._body(raw)
        except msgspec.ValidationError as error:
            raise _validation(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused("malformed_json", f"the body is not JSON: {error}") from None

        if b"\\u0000" in raw:
            _refuse_nul(_decode_free(raw), "")
        return {"body": value}


_NUMBER = re.compile(r"-?[0-9]{1,18}")
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _STEP)
# A text ends with the body if nowhere else, so that no byte is looked at twice.
_TEXT = re.compile(rb'"(?:[^"\\]|\\.?)*+(?:"|\Z)', re.DOTALL)
_WHERE = re.compile(r"\.|\[([0-9]+|\.\.\.)\]")


def _refuse_deep(raw: bytes) -> None:
    """Asked before decoding: msgspec goes as deep as the interpreter's stack may, which is not ours
    to say and differs between processes.
    """
    if raw.count(b"[") + raw.count(b"{") <= DEPTH_MAX:
        return

    brackets = _TEXT.sub(b"", raw).translate(None, _NO_BRACKETS)
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > DEPTH_MAX:
        message = f"the body is nested too deeply: {DEPTH_MAX} levels are read"
        raise Refused("malformed_json", message)


@cache
def _number_fields(query: Any) -> frozenset[str]:
    if query is None:
        return frozenset()
    info = msgspec.inspect.type_info(query)
    assert isinstance(info, msgspec.inspect.StructType), "a query is a Struct"
    return frozenset(one.encode_name for one in info.fields if _is_number(one.type))


def _is_number(kind: msgspec.inspect.Type) -> bool:
    """An integer, that may be left out or not."""
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    return any(isinstance(one, msgspec.inspect.IntType) for one in kinds)


def _validation(error: msgspec.ValidationError) -> Refused:
    """What msgspec says, `… - at `$.recipient.pix_key`` as a message and a dotted field."""
    message, _, where = str(error).partition(" - at `")
    at = where.partition("`")[0].removeprefix("$")
    names = [name for name in _WHERE.sub(r".\1", at).split(".") if name]
    if message.startswith(("Object contains unknown field", "Object missing required field")):
        names.append(message.split("`")[1])
    return _invalid(message, ".".join(names) or None)


def _invalid(message: str, name: str | None) -> Refused:
    return Refused("validation_failed", message, field=name)


def _number(text: str) -> float:
    """A float in free JSON, such as `metadata`: no field of ours is one.

    Python's own parser: msgspec's takes 80 microseconds for `1e308` (measured with 0.22), and 1 MiB
    of them held up everybody for 10 s. Nor may it be too large or too small: PostgreSQL writes out
    each digit of a number in jsonb, and five bytes would come back as 309.
    """
    value = float(text)
    if value and not 1 / NUMBER_MAX <= abs(value) <= NUMBER_MAX:
        raise ValueError("Number out of range")
    return value


def _refuse_nul(value: Any, at: str) -> None:
    """PostgreSQL stores no U+0000, neither in text nor in jsonb."""
    if isinstance(value, str) and "\0" in value:
        raise _invalid("U+0000 cannot be stored", at or None)
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_nul(name, at)
            _refuse_nul(inner, f"{at}.{name}" if at else name)
    if isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_nul(inner, f"{at}.{index}")


_decode_free = msgspec.json.Decoder(float_hook=_number).decode
