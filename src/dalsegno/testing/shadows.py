"""What the judges of a world look at: a shadow of each run as the store had it, and the room around it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from msgspec.structs import astuple

from dalsegno.core.entries import Entry
from dalsegno.core.runs import Run
from dalsegno.engine.engine import Engine
from dalsegno.engine.registry import Registry

T = TypeVar("T")

Line = tuple[Any, ...]

Breach = Callable[[str, str], None]
"""Report that a promise (its number) was broken, and how."""


class Broken(AssertionError):
    """A promise was broken; the message begins with its number."""


class Op(NamedTuple):
    """Which operation of which run an idempotency key names; ``undo`` is its compensation."""

    run: int
    number: int
    undo: bool

    @classmethod
    def of(cls, key: str) -> Op:
        """Read a key as ``Execution.key_of`` makes it; raise ``ValueError`` for any other."""
        parts = key.removesuffix("/undo").rsplit("/", 2)
        if len(parts) != 3:
            raise ValueError(key)
        return cls(int(parts[1], 16), int(parts[2]), key.endswith("/undo"))


class Shadow:
    """What the store said of one run after the last write."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.journal: list[Line] = []
        self.entries: list[Entry] = []
        self.due: dict[int, int] = {}  # when each op's timer is due, as first written
        self.settled: set[int] = set()
        self.forgiven = 0  # so many crashes it had when a person woke it where it was parked


class Room(Protocol):
    """What judges may ask of the world: who lives in it, and what they have."""

    registry: Registry
    set_back: int  # microseconds by which the wall clock was set back so far

    def engine_of(self, host: str) -> Engine:
        """Return the engine of a process, named as effects name it, dead or alive."""
        ...

    def engines(self) -> Iterable[Engine]:
        """Yield the engines of all processes that are alive."""
        ...

    def just_woke(self, host: str) -> bool:
        """Tell whether a process has stood still until this very moment."""
        ...


def line_of(entry: Entry) -> Line:
    """Return an entry as a value that later changes to it do not touch."""
    return astuple(entry)


def lines_of(entries: Sequence[Entry]) -> list[Line]:
    """Return entries as values."""
    return [astuple(entry) for entry in entries]


def peek(answer: Coroutine[Any, Any, T]) -> T:
    """Take the answer of a coroutine that has nothing to wait for."""
    try:
        answer.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    answer.close()
    raise TypeError("this store waits for something outside the simulation")
