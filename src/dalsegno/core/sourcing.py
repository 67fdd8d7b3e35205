"""What is folded from the log: aggregates, which commands change, and read models, which are only read."""

from __future__ import annotations

import msgspec

from dalsegno.core.event import NewEvent


class Expect(msgspec.Struct, frozen=True, gc=False):
    """What must still hold when a commit lands: no later event has this key, of these types, than ``version``.

    A version is a number of the log: that of the last event that was folded, 0 where there was none.
    ``name`` says whose events they are, for people.
    """

    key: str
    types: tuple[str, ...]
    version: int
    name: str = ""
    namespace: str = "default"

    def concerns(self, event: NewEvent) -> bool:
        """Whether an event that is to be written is one of those."""
        return (event.namespace, event.key) == (self.namespace, self.key) and event.type in self.types


class Conflict(msgspec.Struct, frozen=True, gc=False):
    """The verdict of what expected otherwise: nothing of it was written. ``actual`` is the later event."""

    expect: Expect
    actual: int


class Source(msgspec.Struct, frozen=True):
    """Tell of which types an aggregate is folded: those events are kept until a snapshot covers them.

    The verdict is ``Done`` with how many types were not known before.
    """

    namespace: str
    name: str
    types: tuple[str, ...]


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """An aggregate as it was after an event, so that those before it need not be folded again.

    ``count`` is how many events have led to it, ``shape`` tells whether the code still has it in that
    form. A later one replaces an earlier one, never the other way round. The verdict is ``Done``.
    """

    namespace: str
    name: str
    key: str
    version: int
    count: int
    shape: str
    data: bytes
    codec: int = 1


class SnapshotRow(msgspec.Struct, frozen=True, gc=False):
    """A snapshot as the store has it."""

    version: int
    count: int
    shape: str
    codec: int
    data: bytes
    at: int


BUILDING, SERVING, GONE, CLEARED = "building", "serving", "gone", "cleared"


class ProjectionRow(msgspec.Struct, frozen=True):
    """One generation of a read model: its rows are the states that the service ``service`` keeps.

    ``state`` is building, serving (one of them is), gone when its rows are being removed, and cleared
    when they are: then it is a line of history.
    """

    namespace: str
    name: str
    generation: int
    version: int
    service: int
    state: str
    at: int


class Project(msgspec.Struct, frozen=True):
    """See to it that a read model of this version is there, or being built. The verdict is ``Projected``.

    A version that is higher than all that are there begins a new generation; so does ``rebuild``,
    unless one of that version is being built. The first one serves at once.
    """

    namespace: str
    name: str
    version: int
    rebuild: bool = False
    data: bytes = b"{}"


class Projected(msgspec.Struct, frozen=True):
    """All generations of a read model, the oldest first."""

    rows: tuple[ProjectionRow, ...]


class Serve(msgspec.Struct, frozen=True):
    """Let a generation that is being built serve, if it has come as far as the one that does.

    Those before it are gone then. The verdict is ``Done`` with 1, or 0.
    """

    namespace: str
    name: str
    generation: int


class Clear(msgspec.Struct, frozen=True):
    """Remove up to ``limit`` rows of a generation that is gone; without any it is cleared.

    The verdict is ``Done`` with how many rows were removed.
    """

    namespace: str
    name: str
    generation: int
    limit: int = 1_000
