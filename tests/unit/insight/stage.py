"""A memory store with runs put into it by hand: no engine, no time but what a test lets pass."""

from __future__ import annotations

from dalsegno.core import notes
from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Claim, Commit, OpenSession, Rest, Send, Start
from dalsegno.core.entries import Entry, Kind, Timer
from dalsegno.core.notes import Notes, Wait
from dalsegno.core.runs import Status
from dalsegno.store.memory import MemoryStore
from tests.helpers.clock import StandingClock

SESSION = 500


class Stage:
    """A store, its clock, and short words for what happens in it."""

    def __init__(self) -> None:
        self.clock = StandingClock()
        self.store = MemoryStore(self.clock)

    def start(self, number: int, id: str, *, workflow: str = "order", case: str | None = None) -> None:
        self.store.apply(
            [Start(number, "default", id, workflow, "1", input=b'{"n":1}', python="3.11", case_id=case)]
        )

    def worker(self, *workflows: str) -> None:
        self.store.apply(
            [
                OpenSession(
                    SESSION, 10 * SECOND, 77, 1, "ns", "boot", "here", "3.11", "orders.py",
                    tuple((workflow, "1") for workflow in workflows or ("order",)),
                )
            ]
        )  # fmt: skip

    def claim(self) -> None:
        self.store.apply([Claim(SESSION, "default", 100)])

    def commit(
        self, number: int, *entries: Entry, rest: Rest | None = None, timers: tuple[Timer, ...] = ()
    ) -> None:
        self.store.apply([Commit(number, SESSION, 1, self.clock.now(), entries, timers, rest=rest)])

    def waits(self, number: int, *waits: Wait, reason: str | None = None, due_at: int | None = None) -> None:
        noted = notes.encode(Notes(waits, line="orders.py:7"))
        self.commit(number, rest=Rest(Status.WAITING, 0, reason=reason, due_at=due_at, notes=noted))

    def signal(self, id: str, name: str, sender: str) -> None:
        self.store.apply([Send(Kind.SIGNAL, namespace="default", run_id=id, name=name, source=sender)])

    def since(self) -> int:
        return self.clock.now()
