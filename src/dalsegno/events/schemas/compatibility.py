"""Which versions of an event type must read which others, and whether they do.

A mode says which way must hold. With *backward*, a new reader reads what was written under the version
before it; with *forward*, the reader of the version before reads what is written now; *full* is both. The
transitive forms ask it of all versions, the others of the neighbours only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from dalsegno.events.schemas.avro import compare_avro
from dalsegno.events.schemas.json_schema import compare_json
from dalsegno.events.schemas.verdicts import READER, WRITER, Direction, Incompatibility, Rule, Sides, Verdict

__all__ = ["Casts", "Format", "Mode", "Side", "bridges", "compare", "judged", "verdict_of"]

Casts: TypeAlias = Collection[tuple[int, int]]
"""Pairs of versions (from, to) between which a function of the user's converts."""


class Format(StrEnum):
    """The language that a schema is written in."""

    JSON = "json"
    AVRO = "avro"


class Mode(StrEnum):
    """Which way versions of an event type must be compatible."""

    NONE = "none"
    BACKWARD = "backward"
    BACKWARD_TRANSITIVE = "backward transitive"
    FORWARD = "forward"
    FORWARD_TRANSITIVE = "forward transitive"
    FULL = "full"
    FULL_TRANSITIVE = "full transitive"

    @property
    def is_transitive(self) -> bool:
        """Tell whether all versions count, and not just the neighbours."""
        return self.endswith("transitive")

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The ways that must hold."""
        if self is Mode.NONE:
            return ()
        both = (Direction.BACKWARD, Direction.FORWARD)
        return both if self.startswith("full") else (Direction(self.partition(" ")[0]),)


class Side(msgspec.Struct, frozen=True):
    """One version as a side of a comparison.

    ``sealed``: the schema is made from a class, whose instances have the declared properties and no
    others. Two such schemas are compared by logic alone; where one is not sealed, what schema
    registries refuse by convention is refused too.
    """

    version: int
    format: Format
    schema: Any
    sealed: bool = False


def compare(reader: Side, writer: Side) -> tuple[Incompatibility, ...]:
    """List what a reader of one version cannot read of what is written under another."""
    sides = Sides(f"a v{reader.version} reader", f"a v{writer.version} emitter")
    if reader.format is not writer.format:
        text = sides.told(f"{READER} reads {reader.format}; {WRITER} writes {writer.format}")
        return (Incompatibility("$", Rule.FORMAT_OF_SCHEMA_CHANGED, reader.format, writer.format, text),)
    if reader.format is Format.AVRO:
        return compare_avro(reader.schema, writer.schema, sides=sides)
    made = reader.sealed and writer.sealed
    return compare_json(reader.schema, writer.schema, sides=sides, sealed=writer.sealed, conventions=not made)


def verdict_of(direction: Direction, reader: Side, writer: Side, casts: Casts = ()) -> Verdict:
    """Compare two versions in a direction; what a cast converts on its way is no problem."""
    bridged = bridges(casts, writer.version, reader.version)
    return Verdict(direction, reader.version, writer.version, compare(reader, writer), bridged)


def bridges(casts: Casts, start: int, end: int) -> bool:
    """Tell whether casts lead from one version to another, perhaps by way of others."""
    reached, todo = {start}, [start]
    while todo:
        at = todo.pop()
        more = {there for here, there in casts if here == at} - reached
        reached |= more
        todo.extend(more)
    return end in reached and start != end


def judged(candidate: Side, others: Collection[Side], mode: Mode, casts: Casts = ()) -> Iterator[Verdict]:
    """Compare a version with those that its mode asks for, the nearest ones first."""
    for other in _asked(candidate, others, mode):
        older, newer = sorted((candidate, other), key=lambda side: side.version)
        for direction in mode.directions:
            back = direction is Direction.BACKWARD
            reader, writer = (newer, older) if back else (older, newer)
            yield verdict_of(direction, reader, writer, casts)


def _asked(candidate: Side, others: Collection[Side], mode: Mode) -> list[Side]:
    below = sorted((o for o in others if o.version < candidate.version), key=lambda o: -o.version)
    above = sorted((o for o in others if o.version > candidate.version), key=lambda o: o.version)
    return [*below, *above] if mode.is_transitive else [*below[:1], *above[:1]]
