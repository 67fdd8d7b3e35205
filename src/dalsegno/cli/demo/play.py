"""The demo itself: orders come in, workers are killed and started again, until every order has its answer.

Three things go on at once: the customers place their orders, the shop looks for answers, and the
operator kills a worker whenever its moment has come. The shop and the operator note what they do in
the services' book, which is all that the ledger is counted from.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from dalsegno.app import App, Runtime
from dalsegno.cli.demo import shop
from dalsegno.cli.demo.book import Book, Line, read
from dalsegno.cli.demo.crew import Worker
from dalsegno.cli.demo.ledger import ACCEPT, ANSWER, KILL, OPERATOR, SHOP, Ledger
from dalsegno.cli.demo.orders import Trouble, stream
from dalsegno.cli.demo.pace import nap
from dalsegno.cli.demo.services import ADDRESS, Outcome
from dalsegno.cli.demo.view import View, state
from dalsegno.client import AsyncClient
from dalsegno.core.clock import SystemClock
from dalsegno.core.ids import seeded
from dalsegno.errors import RunCancelled, RunFailed
from dalsegno.store.protocol import RunQuery

RATE = 60
"""Orders per second."""
PATIENCE = 20.0
"""Seconds without any sign of life after which the demo gives up."""

_LOOK = 0.05
_WORKER = "dalsegno.cli.demo.worker"
_UNENDED = ("pending", "running", "waiting")
_UNDONE = (Trouble.SOLD_OUT, Trouble.UNREACHABLE, Trouble.BOUNCED)


@dataclass(frozen=True, slots=True)
class Script:
    """What is to be played. ``kills`` are fractions of the progress at which a worker dies."""

    orders: int
    seed: int
    kills: tuple[float, ...]
    workers: int
    during_compensation: bool
    folder: Path

    @property
    def store(self) -> str:
        """The address of the database."""
        return f"sqlite:///{self.folder / 'orders.db'}"

    @property
    def book(self) -> Path:
        """The services' file."""
        return self.folder / "services.jsonl"


def moments(seed: int, first: float, kills: int) -> tuple[float, ...]:
    """Choose when to kill: once at ``first``, else at moments that the seed chooses."""
    dice = seeded("kills", seed)
    return tuple(sorted([first, *(0.05 + 0.9 * dice.random() for _ in range(kills - 1))][:kills]))


@dataclass(slots=True)
class Death:
    """A kill as it was seen from outside: how far the work was, and how many runs stood in the middle."""

    pid: int
    progress: float
    under_way: int


@dataclass(slots=True)
class Report:
    """What was seen. The ledger is counted afresh from the book, at the very end."""

    ledger: Ledger
    seconds: float
    deaths: list[Death]
    stuck: list[str]
    kills_wanted: int

    @property
    def wrong(self) -> list[str]:
        """Everything that must not be."""
        faults = [*self.ledger.wrong(), *self.stuck]
        if len(self.deaths) < self.kills_wanted:
            faults.append(f"{len(self.deaths)} kills of {self.kills_wanted}: the work was over before")
        return faults

    @property
    def remarkable(self) -> str:
        """An order that is worth a look: one that was under way at a kill, if possible undone later."""
        accounts = self.ledger.accounts
        hit = [name for kill in self.ledger.kills for name in sorted(kill.under_way)] or sorted(accounts)
        return next((name for name in hit if accounts[name].undone), hit[0])


class Play:
    """One performance of a script."""

    def __init__(self, script: Script, view: View) -> None:
        self._script = script
        self._view = view
        self._clock = SystemClock()
        self._orders = stream(script.orders, script.seed)
        self._book = Book(script.book)
        self._ledger = Ledger()
        self._runtime: Runtime = App("demo", include=[shop], store=script.store).runtime(worker=False)
        self._workers: list[Worker] = []
        self._deaths: list[Death] = []
        self._over = False
        self._stuck: list[str] = []

    async def run(self) -> Report:
        """Play it to the end; whatever happens, no worker is left behind."""
        began = self._clock.monotonic()
        client = await self._runtime.open()
        try:
            for _ in range(self._script.workers):
                await self._start_worker()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._place_orders(client))
                group.create_task(self._operate())
                await self._answer(client)
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from several
        finally:
            await self._close()
        return Report(
            ledger=Ledger(read(self._script.book)),
            seconds=self._clock.monotonic() - began,
            deaths=self._deaths,
            stuck=self._stuck,
            kills_wanted=len(self._script.kills),
        )

    async def _close(self) -> None:
        with suppress(Exception):
            await asyncio.gather(*(worker.end() for worker in self._workers))
        await self._runtime.close()
        self._book.close()

    # -- customers

    async def _place_orders(self, client: AsyncClient) -> None:
        """Place the orders one after the other, whether or not a worker lives."""
        began = self._clock.monotonic()
        for number, order in enumerate(self._orders):
            await client.start(shop.place_order, order, id=order.id)
            self._note(SHOP, ACCEPT, Outcome.DONE, order=order.id)
            await nap(began + (number + 1) / RATE - self._clock.monotonic())

    # -- the shop

    async def _answer(self, client: AsyncClient) -> None:
        """Follow the book, and tell customers what became of their orders, until all know."""
        alive_at = self._clock.monotonic()
        while self._ledger.answered < self._script.orders:
            lines, answered = self._ledger.lines, self._ledger.answered
            for name in await self._ended():
                self._note(SHOP, ANSWER, await _outcome(client, name), order=name)
            self._follow()
            self._view.show(self._ledger.answered, state(self._ledger))
            now = self._clock.monotonic()
            if (lines, answered) != (self._ledger.lines, self._ledger.answered):
                alive_at = now
            if now - alive_at > PATIENCE:
                self._stuck = await self._explain_stuck(client)
                break
            for worker in self._workers:
                worker.check()
            await nap(_LOOK)
        self._over = True

    async def _ended(self) -> list[str]:
        """Return the orders that were accepted, wait for their answer, and run no more."""
        waiting = sorted(self._ledger.waiting)
        query = RunQuery(statuses=_UNENDED, limit=self._script.orders)
        going_on = {run.id for run in await self._runtime.store.runs(query)}
        return [name for name in waiting if name not in going_on]

    async def _explain_stuck(self, client: AsyncClient) -> list[str]:
        infos = [await client.run(name).info() for name in sorted(self._ledger.waiting)]
        return [f"{info.id}: {info.status} ({info.reason or 'no reason given'})" for info in infos]

    # -- the operator

    async def _operate(self) -> None:
        """Kill a worker at each of its moments, and start another in its place."""
        for moment in self._script.kills:
            while not self._over and not await self._strike(moment):
                continue

    async def _strike(self, moment: float) -> bool:
        """Wait for the moment and kill; False where it came to nothing, or missed the undo it was for."""
        while not self._has_come(moment):
            if self._over:
                return False
            await nap(_LOOK / 5)
            self._follow()
        victim = self._choose_victim()
        progress = self._ledger.answered / self._script.orders
        await victim.kill()
        self._follow()
        hit = any(self._ledger.accounts[name].held_by == victim.pid for name in self._ledger.undoing)
        self._note(OPERATOR, KILL, Outcome.DONE, pid=victim.pid)
        await self._recover(victim, progress)
        return hit or not self._script.during_compensation

    def _has_come(self, moment: float) -> bool:
        if not self._script.during_compensation:
            return self._ledger.answered >= moment * self._script.orders
        bound_to_undo = sum(order.trouble in _UNDONE for order in self._orders)
        return bool(self._ledger.undoing) and self._ledger.rollbacks >= ceil(moment * bound_to_undo)

    def _choose_victim(self) -> Worker:
        """Take the worker that has most orders under way, or most undos, where that is wanted."""
        ledger = self._ledger
        orders = ledger.undoing if self._script.during_compensation else ledger.waiting
        held = Counter(ledger.accounts[name].held_by for name in orders)
        return max(self._workers, key=lambda worker: held[worker.pid])

    async def _recover(self, dead: Worker, progress: float) -> None:
        """Count what the dead one left, start another, and see the first step go on."""
        self._workers.remove(dead)
        left = await self._left_by(dead.pid)
        self._deaths.append(Death(dead.pid, progress, left))
        self._view.say(
            f"kill -9 {dead.pid} at {progress:.0%}: {left} runs stand in the middle; orders still come in"
        )
        if self._script.workers == 1:
            await self._start_worker()
        seconds = await self._until_resumed()
        if seconds is not None:
            self._view.say(f"{left} runs resume from the sign, the first {seconds:.2f} s after the kill")
        if self._script.workers > 1:
            await self._start_worker()

    async def _left_by(self, pid: int) -> int:
        """Count the runs that a worker's session still holds."""
        store = self._runtime.store
        sessions = {session.number for session in await store.sessions(live=False) if session.pid == pid}
        query = RunQuery(statuses=("running",), limit=self._script.orders)
        return sum(run.session in sessions for run in await store.runs(query))

    async def _until_resumed(self) -> float | None:
        """Wait until the book shows the first step of an order that the dead one had under way."""
        self._follow()
        kill = self._ledger.kills[-1]
        while kill.under_way and kill.seconds is None and not self._over:
            await nap(_LOOK / 5)
            self._follow()
        return kill.seconds

    async def _start_worker(self) -> None:
        script = self._script
        told = {ADDRESS: str(script.book)}
        worker = await Worker.start(_WORKER, script.store, told, script.folder / "worker.log")
        self._workers.append(worker)
        self._view.say(f"worker {worker.pid} works")

    # -- the book

    def _follow(self) -> None:
        self._ledger.add(self._book.news())

    def _note(self, service: str, action: str, outcome: str, *, order: str = "", pid: int = 0) -> None:
        self._book.note(Line(service, action, outcome, order, pid=pid))


async def _outcome(client: AsyncClient, name: str) -> str:
    """Ask for the result of a run that has ended, as a customer would."""
    try:
        await client.run(name).result()
    except RunFailed:
        return "failed"
    except RunCancelled:
        return "cancelled"
    return "completed"
