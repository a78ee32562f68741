"""Structs as JSON Schema 2020-12, which is what OpenAPI 3.1 speaks, under names for people.

`Data[ChargeView]` is `ChargeAnswer`, `Data[list[X]]` is `XList`, `Listing[X]` is `XPage`, and a
view is named as what it shows: the house's own words are no business of a reader.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from typing import Any, Final, get_args, get_origin

import msgspec
from msgspec import inspect

from fluxiq.services.messages.envelope import Data, Json, Listing

TEMPLATE: Final = "#/components/schemas/{name}"
MOMENT: Final = {"format": "date-time", "description": "UTC, ISO 8601 with Z"}


class Schemas:
    """The schemas of `types` and of all that they hold: `components`, and where each type is."""

    def __init__(self, types: Iterable[Any]) -> None:
        asked = list(dict.fromkeys(types))
        structs = list(_structs(asked))
        made, raw = msgspec.json.schema_components([*asked, *structs], ref_template=TEMPLATE)
        given = {
            schema["$ref"].rpartition("/")[2]: kind
            for kind, schema in zip(structs, made[len(asked) :], strict=True)
        }
        self._names = _public_names(given)
        self._schemas = {kind: self._told(one) for kind, one in zip(asked, made, strict=False)}
        self.components: Json = {
            self._names.get(name, name): self._component(one, given.get(name))
            for name, one in sorted(raw.items())
        }

    def of(self, kind: Any) -> Json:
        """The schema of one of the types: a reference where it is a Struct."""
        found: Json = self._schemas[kind]
        return found

    def fields(self, kind: Any) -> Json:
        """A Struct's own schema, where its fields are wanted one by one."""
        return self._resolve(self._schemas[kind])

    def drop(self, kind: Any) -> None:
        """Forget a Struct that nothing refers to."""
        self.components.pop(self._schemas[kind]["$ref"].rpartition("/")[2], None)

    def _resolve(self, schema: Json) -> Json:
        found: Json = self.components[schema["$ref"].rpartition("/")[2]]
        return found

    def _component(self, raw: Json, kind: Any) -> Json:
        told: Json = self._told(raw)
        told.pop("title", None)  # the component has a name already
        if "description" in told:
            told["description"] = cleandoc(told["description"])
        for name in _moments(kind):
            _as_moment(told["properties"][name])
        return told

    def _told(self, raw: Any) -> Any:
        """References under our names, and objects of anything said to be just that."""
        if isinstance(raw, list):
            return [self._told(one) for one in raw]
        if not isinstance(raw, dict):
            return raw

        if "$ref" in raw:
            name = raw["$ref"].rpartition("/")[2]
            return {"$ref": TEMPLATE.format(name=self._names.get(name, name))}
        told = {name: self._told(value) for name, value in raw.items()}
        if told.get("default", ...) is None:
            del told["default"]  # to be absent is to be null: nothing is said by it
        if told in ({"type": "object"}, {"type": "object", "default": {}}):
            # Without this word, generators of clients make it an object that has no fields.
            told["additionalProperties"] = True
        return told


def walk(schema: Any) -> Iterator[Json]:
    """Every object inside a document, itself included."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from walk(value)
    if isinstance(schema, list):
        for value in schema:
            yield from walk(value)


def without_null(schema: Json) -> Json:
    """The schema for a place that can be left out but cannot say null: a query parameter."""
    told = dict(schema)
    kept = [one for one in told.pop("anyOf", []) if one != {"type": "null"}]
    match kept:
        case []:
            return told
        case [dict() as one]:
            return {**told, **one}
    return told | {"anyOf": kept}


def _structs(types: Iterable[Any]) -> Iterator[Any]:
    """Every Struct that the types hold, each once; generic ones with what they hold."""
    seen: set[Any] = set()
    waiting = list(inspect.multi_type_info(types))
    while waiting:
        info = waiting.pop()
        if isinstance(info, inspect.StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            yield info.cls
        waiting.extend(_inside(info))


def _inside(info: Any) -> Iterator[inspect.Type]:
    """The types that a type is made of."""
    match info:
        case inspect.StructType(fields=fields):
            yield from (one.type for one in fields)
        case inspect.Metadata(type=inner):
            yield inner
        case inspect.UnionType(types=types):
            yield from types
        case inspect.DictType(key_type=key, value_type=value):
            yield from (key, value)
        case inspect.TupleType(item_types=types):
            yield from types
        case inspect.CollectionType(item_type=item):
            yield item


def _public_names(given: dict[str, Any]) -> dict[str, str]:
    """Names for people; where two Structs would share one, each with its file's name before it."""
    shown = {name: _shown(kind) for name, kind in given.items()}
    often = Counter(shown.values())
    names = {
        name: public if often[public] == 1 else f"{_file_of(given[name])}{public}"
        for name, public in shown.items()
    }
    assert len(set(names.values())) == len(names), "two schemas have one name"
    return names


def _file_of(kind: Any) -> str:
    words: str = kind.__module__.rpartition(".")[2]
    return words.title().replace("_", "")


def _shown(kind: Any) -> str:
    origin, held = get_origin(kind), get_args(kind)
    if origin is Data and get_origin(held[0]) is list:
        return f"{_shown(get_args(held[0])[0])}List"
    if origin is Data:
        return f"{_shown(held[0])}Answer"
    if origin is Listing:
        return f"{_shown(held[0])}Page"
    return _class_name(kind).removesuffix("View") or "View"


def _class_name(kind: Any) -> str:
    name: str = kind.__name__
    held = "".join(one.__name__ for one in get_args(kind) if isinstance(one, type))
    return f"{name}Of{held}" if held else name


def _moments(kind: Any) -> Iterator[str]:
    """The fields of a Struct that are moments: msgspec leaves out their format."""
    info = inspect.type_info(kind) if kind is not None else None
    if isinstance(info, inspect.StructType):
        for one in info.fields:
            if any(
                isinstance(each, inspect.DateTimeType) for each in (one.type, *_inside(one.type))
            ):
                yield one.encode_name


def _as_moment(schema: Json) -> None:
    for one in (schema, *schema.get("anyOf", ())):
        if one.get("type") == "string":
            one.update(MOMENT)
