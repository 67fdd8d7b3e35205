"""The versions of one event type: what is stored of each, and whether another one may join them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from dalsegno.errors import InvalidInput
from dalsegno.events.schemas.avro_json import json_of_avro
from dalsegno.events.schemas.avro_types import hold_to_avro
from dalsegno.events.schemas.compatibility import Casts, Format, Mode, Side, judged, verdict_of
from dalsegno.events.schemas.documents import Document, text_of
from dalsegno.events.schemas.fingerprints import avro_fingerprint, json_fingerprint
from dalsegno.events.schemas.verdicts import Direction, Verdict, render

__all__ = ["Admission", "Registered", "Standing", "Versions", "registered"]


class Registered(msgspec.Struct, frozen=True):
    """One version of an event type, as it is stored. It never changes.

    ``schema`` is JSON text with sorted keys, ``fingerprint`` tells whether another one says the same
    (titles and descriptions aside), ``mode`` is the one that held when it was registered and holds for
    the next version, ``registered_at`` is the store's time in microseconds. ``sealed``: made from a
    class, whose instances have the declared properties and no others.
    """

    type: str
    version: int
    format: Format
    schema: str
    fingerprint: str
    mode: Mode = Mode.BACKWARD
    sealed: bool = False
    registered_at: int = 0

    @property
    def side(self) -> Side:
        """This version as a side of a comparison."""
        return Side(self.version, self.format, msgspec.json.decode(self.schema), self.sealed)

    @property
    def data_side(self) -> Side:
        """This version as one who sends data in JSON, whatever language its schema is in."""
        if self.format is Format.JSON:
            return self.side
        return Side(self.version, Format.JSON, json_of_avro(msgspec.json.decode(self.schema)), sealed=True)


def registered(
    type: str,
    version: int,
    schema: Any,
    *,
    format: Format = Format.JSON,
    mode: Mode = Mode.BACKWARD,
    sealed: bool = False,
    registered_at: int = 0,
) -> Registered:
    """Make the value that is stored of a schema. Raises InvalidInput if it is none."""
    if version < 1:
        raise InvalidInput(
            f"{type} cannot have a version {version}.",
            "",
            "Versions are whole numbers from 1.",
            version=version,
        )
    if format is Format.AVRO:
        hold_to_avro(schema)
        fingerprint = avro_fingerprint(schema)
    else:
        Document(schema)
        fingerprint = json_fingerprint(schema)
    return Registered(type, version, format, text_of(schema), fingerprint, mode, sealed, registered_at)


class Standing(StrEnum):
    """How a version stands to those that are registered."""

    FIRST = "first"  # no version of this type is registered
    NEW = "new"  # others are
    SAME = "same"  # this one is, with this schema
    READ = "read"  # this one is, as somebody wrote it by hand, and what asks is a class that is to read it
    CHANGED = "changed"  # this one is, with another schema


class Admission(msgspec.Struct, frozen=True):
    """Whether a version may join the others, and why not."""

    type: str
    version: int
    mode: Mode
    standing: Standing
    verdicts: tuple[Verdict, ...] = ()

    @property
    def admitted(self) -> bool:
        """Tell whether it may be registered, or is already.

        A schema that changed under its version may not: what is stored under a version must stay
        readable as that version.
        """
        return self.standing is not Standing.CHANGED and all(each.compatible for each in self.verdicts)

    def __str__(self) -> str:
        name = f"{self.type} v{self.version}"
        if self.standing is Standing.CHANGED:
            head = f"{name}: is registered with another schema; give what has changed a new version"
        elif self.standing in (Standing.SAME, Standing.FIRST):
            head = f"{name}: {'registered' if self.standing is Standing.SAME else 'the first of its type'}"
        elif self.standing is Standing.READ:
            head = f"{name}: the class {'reads' if self.admitted else 'does not read'} what is registered"
        else:
            head = f"{name}: {'fits' if self.admitted else 'does not fit'} ({self.mode})"
        wrong = (render(verdict) for verdict in self.verdicts if not verdict.compatible)
        return "\n  ".join([head, *("\n".join(wrong)).splitlines()])


class Versions:
    """All registered versions of one event type."""

    def __init__(self, type: str, known: Iterable[Registered] = ()) -> None:
        self.type = type
        self._known = {each.version: each for each in known if each.type == type}

    def __iter__(self) -> Iterator[Registered]:
        return iter(sorted(self._known.values(), key=lambda each: each.version))

    def __len__(self) -> int:
        return len(self._known)

    @property
    def latest(self) -> Registered | None:
        """The highest version."""
        return self._known[max(self._known)] if self._known else None

    def get(self, version: int) -> Registered | None:
        """Return one version, None if it is not registered."""
        return self._known.get(version)

    def joined_by(self, one: Registered) -> Versions:
        """Return these and one more."""
        return Versions(self.type, [*self._known.values(), one])

    def check(self, one: Registered, mode: Mode | None = None, casts: Casts = ()) -> Admission:
        """Tell whether a version may join. ``mode`` is that of the latest version, unless it is given.

        A version that comes late, between others, is compared with those on both sides of it. A class of
        a version that was registered by hand must read what that admits, and is not stored.
        """
        held = mode or (self.latest.mode if self.latest else one.mode)
        known = self.get(one.version)
        if known and known.fingerprint == one.fingerprint and known.format is one.format:
            return Admission(self.type, one.version, held, Standing.SAME)
        if known and one.sealed and not known.sealed:
            verdict = verdict_of(Direction.BACKWARD, one.data_side, known.data_side)
            return Admission(self.type, one.version, held, Standing.READ, (verdict,))
        others = [each.data_side if one.sealed else each.side for each in self if each.version != one.version]
        verdicts = tuple(judged(one.side, others, held, casts))
        standing = Standing.CHANGED if known else Standing.NEW if others else Standing.FIRST
        return Admission(self.type, one.version, held, standing, verdicts)
