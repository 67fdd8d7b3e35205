"""The kinds of journal entry: a closed set, and what each of them carries.

An entry is written once and never changes. Replay delivers entries in the order of their positions
and each of them answers the operation ("op") that asked for it, found by its number and checked by
its name and the digest of its input.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Kind(IntEnum):
    """What an entry records. The numbers are stored: they are never given another meaning."""

    STEP = 1  # a step is settled: it returned, failed for good, or was cancelled in flight
    ATTEMPT = 2  # one attempt of a step failed, and another will follow
    INTENT = 3  # an at_most_once attempt is about to begin
    TIMER = 4  # a timer fired
    SIGNAL = 5  # a signal was taken from the run's inbox
    CHILD = 6  # a child run ended
    CANCEL = 7  # somebody asked for the run to be cancelled
    HOLD = 8  # a person answered a run that was parked on purpose
    EMIT = 9  # the code put an event on the log


class Outcome(IntEnum):
    """How the thing ended that an entry settles."""

    VALUE = 1
    ERROR = 2  # it answered with an error
    UNKNOWN = 3  # it failed, and whether its effect happened is not known (timed out, interrupted)
    CANCELLED = 4  # it was cancelled in flight; whether its effect happened is not known


class Entry(msgspec.Struct, gc=False):
    """One line of a run's journal.

    The engine gives it its ``position`` when it commits it and its ``at`` once it is durable; after
    that nothing touches it.

    ``op`` is the number of the operation it answers (0: none did, as for a cancel), ``at`` the
    store's time of the commit in microseconds, never earlier than the entry before it. ``data`` is
    a value, or a failure where ``outcome`` says so, in the codec that ``codec`` names.
    """

    position: int
    kind: Kind
    op: int = 0
    name: str = ""
    digest: bytes = b""
    outcome: Outcome = Outcome.VALUE
    attempt: int = 0
    source: str = (
        ""  # a signal's sender, a child's run id, who retried; for a compensation "#3", the op undone
    )
    codec: int = 1
    data: bytes | None = None
    at: int = 0


class Timer(msgspec.Struct, frozen=True, gc=False):
    """A durable wait of one run: the op's own (``retry`` false) or the delay before its next attempt."""

    op: int
    due_at: int
    retry: bool = False


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """What waits for a run in the store until an entry takes it: a signal, a cancel, a child's result.

    ``number`` is its place in the run's inbox; ``id`` makes a repeated signal a no-op.
    """

    number: int
    kind: Kind
    name: str = ""
    id: str | None = None
    source: str = ""
    op: int = 0
    outcome: Outcome = Outcome.VALUE
    codec: int = 1
    data: bytes | None = None
    accepted_at: int = 0
