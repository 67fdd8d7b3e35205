"""What a comparison of two schemas says: what does not fit, where, by which rule, and what breaks."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

__all__ = ["READER", "WRITER", "Direction", "Incompatibility", "Kind", "Rule", "Sides", "Verdict", "render"]


READER: Final = "\ue000"
WRITER: Final = "\ue001"
"""Where a sentence has the names of the two sides: characters that no name of a field has."""


class Direction(StrEnum):
    """Whose eyes the two schemas are compared with."""

    BACKWARD = "backward"  # the new reader reads what was written before
    FORWARD = "forward"  # the old reader reads what is written from now on


class Kind(StrEnum):
    """How sure it is that something breaks."""

    BREAKS = "breaks"  # values that the writer may write are refused, or misread
    UNPROVEN = "unproven"  # nobody could show that all values are accepted
    CONVENTION = "convention"  # every value is accepted; schema registries refuse it all the same


class Rule(StrEnum):
    """Which rule an incompatibility is found by. The names are stored, and never change their meaning."""

    # JSON Schema
    TYPE_CHANGED = "type_changed"
    TYPE_DROPPED = "type_dropped"
    VALUES_NARROWED = "values_narrowed"
    NOTHING_ACCEPTED = "nothing_accepted"
    NOTHING_WRITTEN = "nothing_written"
    RANGE_NARROWED = "range_narrowed"
    MULTIPLE_CHANGED = "multiple_changed"
    LENGTH_NARROWED = "length_narrowed"
    PATTERN_CHANGED = "pattern_changed"
    FORMAT_CHANGED = "format_changed"
    REQUIRED_MISSING = "required_missing"
    PROPERTY_REFUSED = "property_refused"
    PROPERTY_TAKEN = "property_taken"
    PROPERTY_NAMES_NARROWED = "property_names_narrowed"
    PROPERTY_COUNT_NARROWED = "property_count_narrowed"
    DEPENDENCY_ADDED = "dependency_added"
    ITEM_REFUSED = "item_refused"
    ITEM_TAKEN = "item_taken"
    ITEM_COUNT_NARROWED = "item_count_narrowed"
    UNIQUENESS_ADDED = "uniqueness_added"
    CONTAINS_NARROWED = "contains_narrowed"
    LIST_OR_TUPLE = "list_or_tuple"
    NO_ALTERNATIVE = "no_alternative"
    SEVERAL_ALTERNATIVES = "several_alternatives"
    EXCLUDED = "excluded"
    UNKNOWN_REFERENCE = "unknown_reference"
    TOO_INTRICATE = "too_intricate"
    # Avro; the first six are the names of its own specification's reference implementation
    NAME_MISMATCH = "name_mismatch"
    FIXED_SIZE_MISMATCH = "fixed_size_mismatch"
    MISSING_ENUM_SYMBOLS = "missing_enum_symbols"
    READER_FIELD_MISSING_DEFAULT_VALUE = "reader_field_missing_default_value"
    TYPE_MISMATCH = "type_mismatch"
    MISSING_UNION_BRANCH = "missing_union_branch"
    LOGICAL_TYPE_MISMATCH = "logical_type_mismatch"
    # both
    FORMAT_OF_SCHEMA_CHANGED = "format_of_schema_changed"


class Incompatibility(msgspec.Struct, frozen=True):
    """One thing that does not fit.

    ``path`` is the place in the data (``$.items[].price``), ``reader`` and ``writer`` are what the two
    schemas say there, ``breaks`` is a sentence that tells what goes wrong.
    """

    path: str
    rule: Rule
    reader: str
    writer: str
    breaks: str
    kind: Kind = Kind.BREAKS


class Sides(msgspec.Struct, frozen=True):
    """What the two sides are called in sentences, which begin with a capital letter where need be."""

    reader: str = "the reader"
    writer: str = "the writer"

    def told(self, sentence: str) -> str:
        """Put the names in for READER and WRITER."""
        text = sentence.replace(READER, self.reader).replace(WRITER, self.writer)
        return text[:1].upper() + text[1:]


class Verdict(msgspec.Struct, frozen=True):
    """The outcome of one comparison: a reader's version, a writer's version, and what does not fit.

    ``bridged``: the reader gets such events through a cast, and never as they were written.
    """

    direction: Direction
    reader: int
    writer: int
    incompatibilities: tuple[Incompatibility, ...] = ()
    bridged: bool = False

    @property
    def compatible(self) -> bool:
        """Tell whether the reader reads everything that the writer may write."""
        return self.bridged or not self.incompatibilities


def render(verdict: Verdict) -> str:
    """Write a verdict for people, one line for each thing that does not fit."""
    head = f"{verdict.direction}: a v{verdict.reader} reader and what v{verdict.writer} writes"
    if verdict.compatible:
        return f"{head}: {'compatible' if not verdict.bridged else 'bridged by a cast'}"
    lines = [f"{head}: not compatible"]
    for each in verdict.incompatibilities:
        note = "" if each.kind is Kind.BREAKS else f", {each.kind}"
        lines.append(f"  {each.path}  {each.breaks} ({each.rule}{note})")
        lines.append(f"      reader: {each.reader}; writer: {each.writer}")
    return "\n".join(lines)
