"""Stamps: the state of a case that its events carry with them, each service's part under its name.

A stamp is the text of one CloudEvents extension. The store writes its head, with the event that opens,
ends or cancels a case; what services add is written with the events that they return. Text that is no
stamp of ours is some other extension of that name, and means nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from dalsegno.core.cases import OPEN, CaseRow
from dalsegno.core.event import Event, Heard, stamp_in
from dalsegno.errors import StampTooLarge

EXTENSION = "stamp"
"""The attribute of the CloudEvent that holds it."""

Part = dict[str, msgspec.Raw]
"""What one service has added: by name, each value as its JSON, which nobody else need read."""


class Stamped(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stamp: how the case stands as far as this event knows, and the parts of services.

    Times are microseconds. ``end`` is the type of the event that ended or cancelled the case.
    """

    process: str
    state: str
    began: int | None = None
    end: str | None = None
    ended: int | None = None
    parts: dict[str, Part] = {}


class Added(msgspec.Struct, frozen=True):
    """What a handler adds to its service's part, handed over like the events that it emits."""

    values: Part


_stamps = msgspec.json.Decoder(Stamped)
_write = msgspec.json.Encoder().encode


def text_with(event: Event | Heard) -> str | None:
    """Return the stamp that an event came with, as text, if it has one of ours."""
    text = event.stamp
    return text if isinstance(text, str) and read_stamp(text) is not None else None


def read_stamp(text: str) -> Stamped | None:
    """Read a stamp; None for text that is none."""
    try:
        return _stamps.decode(text)
    except msgspec.DecodeError:
        return None


def stamped(extra: bytes | None, text: str) -> bytes:
    """Put a stamp beside an event, in place of the one that is there; all else is kept."""
    kept = {} if extra is None else msgspec.json.decode(extra)
    return _write({**kept, "extensions": {**kept.get("extensions", {}), EXTENSION: text}})


def headed(extra: bytes | None, case: CaseRow) -> bytes:
    """Say in the stamp beside an event how its case stands, by its row."""
    text = stamp_in(extra)
    known = None if text is None else read_stamp(text)
    parts = {} if known is None else known.parts
    stamp = Stamped(case.process, case.state, case.started_at, case.end, case.ended_at, parts)
    return stamped(extra, _write(stamp).decode())


def merged(stamps: Iterable[Stamped]) -> Stamped | None:
    """Put together what several events know, given in their order: the later one's word counts.

    The first end counts, since a case ends once.
    """
    found: Stamped | None = None
    for stamp in stamps:
        if found is None:
            found = stamp
            continue
        parts = {name: dict(part) for name, part in found.parts.items()}
        for name, part in stamp.parts.items():
            parts[name] = {**parts.get(name, {}), **part}
        over = [one for one in (found, stamp) if one.state != OPEN]
        head = min(over, key=lambda one: one.ended or 0) if over else found
        found = replace(head, parts=parts)
    return found


def onward(
    texts: Sequence[str], service: str, added: Mapping[str, msgspec.Raw], limit: int, title: str
) -> str:
    """Make the stamp of what follows events with these, by what a handler adds. Raises StampTooLarge."""
    text = texts[0]
    if len(texts) > 1 or added:
        stamp = merged(one for one in map(read_stamp, texts) if one is not None)
        assert stamp is not None
        if added:
            own = {**stamp.parts.get(service, {}), **added}
            stamp = replace(stamp, parts={**stamp.parts, service: own})
        text = _write(stamp).decode()
    size = len(text.encode())
    if size > limit:
        raise StampTooLarge(
            f"The stamp after {title} has {size:,} bytes, and may have {limit:,}.",
            "Every later event of the case would carry it; nothing of this attempt was written.",
            "Add keys and short facts, and keep the rest where it belongs; or raise Limits(stamp=…).",
            size=size,
            limit=limit,
        )
    return text
