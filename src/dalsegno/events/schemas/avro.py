"""Whether a reader of one Avro schema can read everything that was written with another.

The rules are those by which Avro resolves a reader's schema against a writer's. One goes beyond them: a
logical type that becomes another one (milliseconds that are read as microseconds) is an incompatibility,
although the bytes can be read.
"""

from __future__ import annotations

from typing import Any, Final

from dalsegno.events.schemas.avro_types import AvroField, AvroType, avro_type
from dalsegno.events.schemas.judging import Faults, quoted
from dalsegno.events.schemas.verdicts import READER, WRITER, Incompatibility, Kind, Rule, Sides

__all__ = ["compare_avro"]

_PROMOTED: Final = {  # writer -> readers
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}

_MOST_COMPARISONS: Final = 50_000


def compare_avro(reader: Any, writer: Any, *, sides: Sides | None = None) -> tuple[Incompatibility, ...]:
    """List what a reader of one Avro schema cannot read of what was written with another.

    Raises InvalidInput if either is no Avro schema.
    """
    comparison = _Comparison(sides or Sides())
    wanted, written = avro_type(reader), avro_type(writer)
    try:
        return tuple(comparison.compare(wanted, written, "$"))
    except (_TooIntricate, RecursionError):
        breaks = f"these schemas are too intricate to show that {READER} reads all that {WRITER} may send"
        return (comparison.fault("$", Rule.TOO_INTRICATE, wanted, written, breaks, Kind.UNPROVEN),)


class _TooIntricate(Exception):
    """The comparison takes more than a bounded number of steps."""


class _Comparison:
    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._steps = 0
        # Pairs that hold, or are being looked at: a record meets itself again only further down in a value.
        self._held: dict[tuple[int, int], None] = {}

    def compare(self, reader: AvroType, writer: AvroType, path: str) -> Faults:
        """Compare two types at a place."""
        pair = (id(reader), id(writer))
        if pair in self._held:
            return []
        self._steps += 1
        if self._steps > _MOST_COMPARISONS:
            raise _TooIntricate
        size = len(self._held)
        self._held[pair] = None
        found = self._compare(reader, writer, path)
        while found and len(self._held) > size:
            self._held.popitem()
        return found

    def _compare(self, reader: AvroType, writer: AvroType, path: str) -> Faults:
        if writer.kind == "union":
            return [fault for branch in writer.branches for fault in self.compare(reader, branch, path)]
        if reader.kind == "union":
            return self._union(reader, writer, path)
        if reader.kind != writer.kind:
            if reader.kind not in _PROMOTED.get(writer.kind, ()):
                breaks = f"{READER} wants {reader} as {quoted(path)}; {WRITER} may send {writer}"
                return [self.fault(path, Rule.TYPE_MISMATCH, reader, writer, breaks)]
            return self._logical(reader, writer, path)
        found = self._names(reader, writer, path)
        match reader.kind:
            case "record":
                found += self._record(reader, writer, path)
            case "enum":
                found += self._enum(reader, writer, path)
            case "fixed" if reader.size != writer.size:
                breaks = f"{READER} wants {reader.size} bytes as {quoted(path)}; {WRITER} sends {writer.size}"
                found.append(self.fault(path, Rule.FIXED_SIZE_MISMATCH, reader, writer, breaks))
            case "array" | "map":
                assert reader.inner and writer.inner
                inner = f"{path}[]" if reader.kind == "array" else f"{path}.*"
                found += self.compare(reader.inner, writer.inner, inner)
        return found or self._logical(reader, writer, path)

    def _union(self, reader: AvroType, writer: AvroType, path: str) -> Faults:
        near: Incompatibility | None = None
        for branch in _in_order(reader.branches, writer):
            found = self.compare(branch, writer, path)
            if not found:
                return []
            if _is_alike(branch, writer):  # this is the branch that it is read as, and it fails
                near = found[0]
                break
        breaks = f"{READER} has no alternative that takes {writer} as {quoted(path)}, which {WRITER} may send"
        if near:
            breaks = f"{breaks}: {near.breaks}"
        return [self.fault(path, Rule.MISSING_UNION_BRANCH, reader, writer, breaks)]

    def _names(self, reader: AvroType, writer: AvroType, path: str) -> Faults:
        if not reader.name or _same_name(reader, writer):
            return []
        breaks = f"{READER} looks for {reader.name} as {quoted(path)}; {WRITER} sends {writer.name}"
        return [self.fault(path, Rule.NAME_MISMATCH, reader, writer, breaks)]

    def _record(self, reader: AvroType, writer: AvroType, path: str) -> Faults:
        sent = {field.name: field for field in writer.fields}
        found: Faults = []
        for field in reader.fields:
            place = f"{path}.{field.name}"
            written = _sent_as(field, sent)
            if written is not None:
                found += self.compare(field.type, written.type, place)
            elif not field.has_default:
                breaks = f"{READER} does not find {quoted(place)}; {WRITER} does not send it"
                rule = Rule.READER_FIELD_MISSING_DEFAULT_VALUE
                found.append(self.fault(place, rule, f"{field.type}, no default", "no such field", breaks))
        return found

    def _enum(self, reader: AvroType, writer: AvroType, path: str) -> Faults:
        missing = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
        if not missing or reader.default in reader.symbols:
            return []
        had = f"{', '.join(missing)}"
        breaks = f"{READER} does not know {had} as {quoted(path)}, which {WRITER} may send"
        sides = (f"one of {', '.join(reader.symbols)}; no default", f"one of {', '.join(writer.symbols)}")
        return [self.fault(path, Rule.MISSING_ENUM_SYMBOLS, *sides, breaks)]

    def _logical(self, reader: AvroType, writer: AvroType, path: str) -> Faults:
        if reader.logical is None or writer.logical is None or _reads(reader.logical, writer.logical):
            return []
        sides = (_shown(reader.logical), _shown(writer.logical))
        breaks = f"{READER} takes {quoted(path)} for {sides[0]}; {WRITER} sends {sides[1]}"
        return [self.fault(path, Rule.LOGICAL_TYPE_MISMATCH, *sides, breaks)]

    def fault(
        self, path: str, rule: Rule, reader: object, writer: object, breaks: str, kind: Kind = Kind.BREAKS
    ) -> Incompatibility:
        """Note what does not fit."""
        text = self._sides.told(breaks)
        return Incompatibility(path, rule, str(reader), str(writer), text, kind)


def _in_order(branches: list[AvroType], writer: AvroType) -> list[AvroType]:
    """Put the branch first that has the writer's own name or type: it is the one that is meant."""
    return sorted(branches, key=lambda each: (each.kind, each.name) != (writer.kind, writer.name))


def _is_alike(branch: AvroType, writer: AvroType) -> bool:
    return branch.kind == writer.kind and (not branch.name or _same_name(branch, writer))


def _same_name(reader: AvroType, writer: AvroType) -> bool:
    return reader.simple_name == writer.simple_name or writer.name in reader.aliases


def _sent_as(field: AvroField, sent: dict[str, AvroField]) -> AvroField | None:
    return next((sent[name] for name in (field.name, *field.aliases) if name in sent), None)


def _reads(reader: tuple[str, int, int], writer: tuple[str, int, int]) -> bool:
    return reader[0] == writer[0] and reader[2] == writer[2] and reader[1] >= writer[1]


def _shown(logical: tuple[str, int, int]) -> str:
    name, precision, scale = logical
    return f"{name}({precision}, {scale})" if name == "decimal" else name
