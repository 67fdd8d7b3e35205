"""An Avro schema as types: names put into their namespaces, and references to named types resolved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dalsegno.errors import InvalidInput
from dalsegno.events.schemas.documents import text_of, too_much

__all__ = ["PRIMITIVES", "AvroField", "AvroType", "avro_type", "fastavro", "hold_to_avro"]

PRIMITIVES: Final = frozenset("null boolean int long float double bytes string".split())
_NAMED: Final = frozenset("record error enum fixed".split())


class AvroType:
    """One type. Which attributes speak depends on ``kind``; a record and its parts may refer to each other.

    ``name`` is the full name of a record, enum or fixed, and ``aliases`` are full names; ``inner`` is the
    type of an array's items or a map's values; ``logical`` is what ``logicalType`` says, with the
    precision and scale of a decimal.
    """

    def __init__(self, kind: str, name: str = "", aliases: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.name = name
        self.aliases = aliases
        self.fields: list[AvroField] = []
        self.symbols: tuple[str, ...] = ()
        self.default: str | None = None
        self.size = 0
        self.inner: AvroType | None = None
        self.branches: list[AvroType] = []
        self.logical: tuple[str, int, int] | None = None

    @property
    def simple_name(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition(".")[2]

    @property
    def title(self) -> str:
        """The kind and the name, without what is inside."""
        return f"{self.kind} {self.name}" if self.name else self.kind

    def __str__(self) -> str:
        if self.kind == "union":
            return f"[{', '.join(branch.title for branch in self.branches)}]"
        text = f"{self.kind} of {self.inner.title}" if self.inner else self.title
        return f"{text} ({self.logical[0]})" if self.logical else text


class AvroField:
    """A field of a record."""

    def __init__(self, name: str, type: AvroType, has_default: bool, aliases: tuple[str, ...]) -> None:
        self.name = name
        self.type = type
        self.has_default = has_default
        self.aliases = aliases


def fastavro() -> Any:
    """Return the library of the extra ``avro``. Raises InvalidInput if it is not installed."""
    try:
        import fastavro.schema
        import fastavro.validation
    except ImportError:
        raise InvalidInput(
            "Avro schemas need fastavro, which is not installed.",
            "Nothing was written or read.",
            "Install the extra: dalsegno[avro].",
        ) from None
    return fastavro


def hold_to_avro(schema: Any) -> None:
    """Let fastavro, which will write and read by the schema, say whether it is one. Raises InvalidInput."""
    if why := too_much(schema):
        raise _malformed(why)
    library = fastavro()
    try:
        library.parse_schema(schema, named_schemas={})
    except Exception as error:  # it has errors of its own, and lets those of Python through
        raise _malformed(f"{type(error).__name__}: {error}") from error


def avro_type(schema: Any) -> AvroType:
    """Read a schema. Raises InvalidInput for what no Avro schema can be."""
    if why := too_much(schema):
        raise _malformed(why)
    return _Reading().type(schema, "")


class _Reading:
    def __init__(self) -> None:
        self._named: dict[str, AvroType] = {}

    def type(self, schema: Any, namespace: str) -> AvroType:
        match schema:
            case str():
                return self._by_name(schema, namespace)
            case list():
                found = AvroType("union")
                found.branches = [self.type(each, namespace) for each in schema]
                return found
            case {"type": dict() | list() as inner}:
                return self.type(inner, namespace)
            case {"type": str(kind)} if kind in _NAMED:
                return self._new(schema, kind, namespace)
            case {"type": "array" | "map" as kind}:
                found = AvroType(kind)
                found.inner = self.type(schema.get("items" if kind == "array" else "values"), namespace)
                return found
            case {"type": str(kind)}:
                found = self._by_name(kind, namespace)
                if kind in PRIMITIVES:
                    found.logical = _logical(schema)
                return found
        raise _malformed(f"{text_of(schema)[:80]} is no type")

    def _by_name(self, name: str, namespace: str) -> AvroType:
        if name in PRIMITIVES:
            return AvroType(name)
        known = self._named.get(_full(name, namespace)) or self._named.get(name)
        if known is None:
            raise _malformed(f"no type is called {name!r}")
        return known

    def _new(self, schema: dict[str, Any], kind: str, namespace: str) -> AvroType:
        if not isinstance(schema.get("name"), str):
            raise _malformed(f"a {kind} has no name")
        name = _full(schema["name"], schema.get("namespace", namespace))
        own = name.rpartition(".")[0]
        aliases = tuple(_full(alias, own) for alias in schema.get("aliases", ()))
        found = AvroType("record" if kind == "error" else kind, name, aliases)
        self._named[name] = found
        found.logical = _logical(schema)
        if kind == "enum":
            found.symbols = tuple(schema.get("symbols", ()))
            found.default = schema.get("default")
        elif kind == "fixed":
            found.size = schema.get("size", 0)
        else:
            found.fields = list(self._fields(schema, own))
        return found

    def _fields(self, schema: dict[str, Any], namespace: str) -> Iterator[AvroField]:
        for field in schema.get("fields", ()):
            if not isinstance(field, dict) or "name" not in field or "type" not in field:
                raise _malformed(f"{text_of(field)[:80]} is no field")
            kind = self.type(field["type"], namespace)
            yield AvroField(field["name"], kind, "default" in field, tuple(field.get("aliases", ())))


def _full(name: str, namespace: str | None) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


_LOGICAL: Final = frozenset(
    "decimal big-decimal uuid date time-millis time-micros timestamp-millis timestamp-micros timestamp-nanos "
    "local-timestamp-millis local-timestamp-micros local-timestamp-nanos duration".split()
)


def _logical(schema: dict[str, Any]) -> tuple[str, int, int] | None:
    name = schema.get("logicalType")
    if name not in _LOGICAL:  # what a library does not know it must ignore
        return None
    return (name, schema.get("precision", 0), schema.get("scale", 0)) if name == "decimal" else (name, 0, 0)


def _malformed(why: str) -> InvalidInput:
    return InvalidInput(
        f"This is no Avro schema: {why}.",
        "Nothing can be checked against it.",
        "Mend the schema, or register a JSON Schema.",
    )
