"""What a run tells about itself beside its status: what it waits for, and how far it is undone.

Written by the very commit that parks the run, so it is never behind; read by ``where`` and nobody
else. Nothing is decided by it.
"""

from __future__ import annotations

import msgspec


class Wait(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a waiting run waits for. Times are microseconds UTC.

    ``kind`` is signal, timer, retry, child, person or pressure. A retry is before attempt ``attempt`` of
    ``of`` (0: without limit); ``detail`` is a child's run id, or the error that a retry follows.
    """

    kind: str
    name: str
    op: int
    since: int
    due_at: int | None = None
    attempt: int = 0
    of: int = 0
    detail: str = ""


class Notes(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of it: the waits, earliest due first, and compensations done out of how many."""

    waits: tuple[Wait, ...] = ()
    undone: int = 0
    to_undo: int = 0
    line: str = ""


class LongAttempt(msgspec.Struct, frozen=True, gc=False):
    """An attempt that has run for longer than a moment, as the heartbeat reports it.

    ``run`` is the number of a run, and ``op`` its operation. Where a handler was called for an event and no run has
    come of it yet, ``run`` is the number of the event, below zero, and ``op`` that of the handler.
    """

    run: int
    op: int
    name: str
    attempt: int
    of: int
    began_at: int


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Notes)


def encode(notes: Notes) -> bytes:
    """Write notes as JSON."""
    return _ENCODER.encode(notes)


def decode(data: bytes | None) -> Notes:
    """Read notes; a run that never rested has none."""
    return _DECODER.decode(data) if data else Notes()
