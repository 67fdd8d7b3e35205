"""Playing a scenario on a disk that fails at one operation, for once or for a while."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import apsw

from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.disk import Action, Disk, Operation
from dalsegno.testing.endings import End
from dalsegno.testing.simclock import SimClock
from dalsegno.testing.simloop import SECOND
from dalsegno.testing.world import Scenario, World
from tests.power import scenes
from tests.power.stage import SETTING

OUTAGE = 3 * SECOND
CHANGES = (Action.WRITE, Action.TRUNCATE, Action.SYNC)


def full() -> apsw.Error:
    return apsw.FullError("database or disk is full")


def broken() -> apsw.Error:
    return apsw.IOError("disk I/O error")


def unopenable() -> apsw.Error:
    return apsw.CantOpenError("unable to open database file")


def busy() -> apsw.Error:
    return apsw.BusyError("database is locked")


class Failure(NamedTuple):
    """An error at one operation; with ``lasting`` at all that follow for a while, or all that change something."""

    at: int
    error: Callable[[], apsw.Error]
    lasting: bool = False

    def __repr__(self) -> str:
        return f"{self.error.__name__} at {self.at}{' and for a while' if self.lasting else ''}"


ERRORS: dict[Action, tuple[Callable[[], apsw.Error], ...]] = {
    Action.OPEN: (unopenable,),
    Action.READ: (broken,),
    Action.WRITE: (broken, full),
    Action.TRUNCATE: (broken,),
    Action.SYNC: (broken,),
    Action.SIZE: (broken,),
    Action.LOCK: (broken, busy),
    Action.DELETE: (broken,),
}


def singles(operations: list[Operation]) -> Iterator[Failure]:
    """Fail each operation once, with each error that it may end with."""
    for operation in operations:
        for error in ERRORS[operation.action]:
            yield Failure(operation.number, error)


def lasting(operations: list[Operation]) -> Iterator[Failure]:
    """Let the disk be full, or broken, from each operation on for a while."""
    for operation in operations:
        yield Failure(operation.number, broken, lasting=True)
        if operation.action is Action.WRITE:
            yield Failure(operation.number, full, lasting=True)


class Onlooker:
    """The store as the world's judges see it: by connections of their own, which never fail."""

    def __init__(self, disk: Disk, store: SqliteStore) -> None:
        self.store = store
        self._disk = disk
        self._eyes: list[apsw.Connection] = []

    async def open(self) -> None:
        with self._disk.spared():
            await self.store.open()
            self._eyes = [self.store.file.connect(writes=False) for _ in range(2)]

    async def close(self) -> None:
        with self._disk.spared():
            for eye in self._eyes:
                eye.close()
            await self.store.close()

    @contextmanager
    def looking(self) -> Generator[None]:
        own = (self.store._watch, self.store._reader)
        self.store._watch, self.store._reader = self._eyes
        try:
            with self._disk.spared():
                yield
        finally:
            self.store._watch, self.store._reader = own

    def __getattr__(self, name: str) -> Any:
        member = getattr(self.store, name)
        if inspect.iscoroutinefunction(member):

            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with self.looking():
                    return await member(*args, **kwargs)

            return awaited
        return member


class Outcome(NamedTuple):
    """How a play on a failing disk went."""

    ends: dict[str, End]
    operations: list[Operation]
    failed: Counter[str]
    """Which operations failed: the action and the file."""


def play(disk: Disk, scenario: Scenario, failure: Failure | None = None, *, seed: int = 0) -> Outcome:
    """Play a scenario; all promises are checked on the way, and that everything is at rest in the end."""
    operations: list[Operation] = []
    failed: Counter[str] = Counter()
    heals_at: int | None = None

    def fault(operation: Operation) -> apsw.Error | None:
        nonlocal heals_at
        operations.append(operation)
        if failure is None or not _hits(failure, operation):
            return None
        if heals_at is None:
            heals_at = world.loop.now_us + OUTAGE
        if world.loop.now_us > heals_at:
            return None
        failed[f"{operation.action} {operation.file or 'db'}"] += 1
        return failure.error()

    def make(clock: SimClock) -> Any:
        return Onlooker(disk, SqliteStore(str(disk.path), clock, threaded=False))

    with disk.mounted(), patch.object(SimClock, "boot_id", lambda _: "boot"):
        world = World(seed, scenes.registry(), setting=SETTING, store=make)
        onlooker: Any = world.store
        world.seam.store = onlooker.store
        disk.fault = fault
        try:
            ends = world.run(scenario)
        finally:
            disk.fault = None
    return Outcome(ends, operations, failed)


def _hits(failure: Failure, operation: Operation) -> bool:
    if not failure.lasting:
        return operation.number == failure.at
    if operation.number < failure.at or operation.action is Action.LOCK:
        return False
    return failure.error is broken or operation.action in CHANGES
