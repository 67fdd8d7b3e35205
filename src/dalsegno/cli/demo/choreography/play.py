"""The demo without a conductor: orders go on the log, workers are killed, services react until all have ended."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dalsegno.app import App, Runtime
from dalsegno.cli.demo.choreography import shop
from dalsegno.cli.demo.choreography.counting import Count, Customers, calls, count, ended
from dalsegno.cli.demo.choreography.ledgers import ADDRESS, NAMES, Ledger
from dalsegno.cli.demo.crew import Worker
from dalsegno.cli.demo.orders import Order, stream
from dalsegno.cli.demo.pace import nap
from dalsegno.cli.demo.view import View
from dalsegno.client import AsyncClient
from dalsegno.core.clock import SystemClock
from dalsegno.core.ids import seeded
from dalsegno.store.log import EventQuery

RATE = 60
"""Orders per second."""
PATIENCE = 20.0
"""Seconds without any sign of life after which the demo gives up."""

_LOOK = 0.05
_TWICE = 0.2  # how many orders are sent again, by a customer who did not hear the first answer
_THRICE = 0.05
_LATE = 3.0  # seconds that an order may be on its way
_AHEAD = 0.03  # how far the orders that come in may be ahead of a kill that is due
_WORKER = "dalsegno.cli.demo.choreography.worker"


@dataclass(frozen=True, slots=True)
class Script:
    """What is to be played. ``kills`` are fractions of the progress at which a worker dies."""

    orders: int
    seed: int
    kills: tuple[float, ...]
    workers: int
    folder: Path

    @property
    def store(self) -> str:
        """The address of the database."""
        return f"sqlite:///{self.folder / 'orders.db'}"

    @property
    def ledgers(self) -> Path:
        """The services' folder."""
        return self.folder / "ledgers"


@dataclass(slots=True)
class Report:
    """What was seen. The ledgers are counted afresh at the very end."""

    count: Count
    seconds: float
    progress: list[float]
    stuck: list[str]
    kills_wanted: int

    @property
    def wrong(self) -> list[str]:
        """Everything that must not be."""
        faults = [*self.count.wrong(), *self.stuck]
        if len(self.progress) < self.kills_wanted:
            faults.append(f"{len(self.progress)} kills of {self.kills_wanted}: the work was over before")
        return faults

    @property
    def remarkable(self) -> str:
        """A case that is worth a look: of an order that was lost, else of one that was undone, if there is one."""
        accounts = self.count.accounts
        lost = [name for name, account in accounts.items() if account.verdict == "lost"]
        undone = [
            name
            for name, account in accounts.items()
            if account.verdict == "rejected" and account.done["refund"]
        ]
        return shop.order.case_of(min(lost or undone or accounts))


def arrivals(orders: list[Order], seed: int) -> list[tuple[float, Order]]:
    """Say when each order comes in: late, out of order, and some of them again and again."""
    dice = seeded("arrivals", seed)
    come = []
    for number, order in enumerate(orders):
        fate = dice.random()
        copies = 3 if fate < _THRICE else 2 if fate < _THRICE + _TWICE else 1
        come += [(number / RATE + _LATE * dice.random() ** 2, order) for _ in range(copies)]
    return sorted(come, key=lambda one: one[0])


class Play:
    """One performance of a script."""

    def __init__(self, script: Script, view: View) -> None:
        self._script = script
        self._view = view
        self._clock = SystemClock()
        self._orders = stream(script.orders, script.seed)
        script.ledgers.mkdir()
        for name in NAMES:
            Ledger(script.ledgers / f"{name}.db").close()  # empty, and there to be read
        self._customers = Customers(script.ledgers)
        self._runtime: Runtime = App("demo", include=[shop], store=script.store).runtime(worker=False)
        self._workers: list[Worker] = []
        self._progress: list[float] = []
        self._ended = 0
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
                await self._follow()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from several
        finally:
            await self._close()
        return Report(
            count=count(self._script.ledgers),
            seconds=self._clock.monotonic() - began,
            progress=self._progress,
            stuck=self._stuck,
            kills_wanted=len(self._script.kills),
        )

    async def _close(self) -> None:
        with suppress(Exception):
            await asyncio.gather(*(worker.end() for worker in self._workers))
        await self._runtime.close()
        self._customers.close()

    async def _place_orders(self, client: AsyncClient) -> None:
        """Put the orders on the log as they come in, whether or not a worker lives."""
        began, placed = self._clock.monotonic(), set[str]()
        for at, order in arrivals(self._orders, self._script.seed):
            await nap(began + at - self._clock.monotonic())
            placed.add(order.id)
            await self._hold_back(len(placed) / self._script.orders)
            number = order.id.removeprefix("order-")  # the case is named after the process and this
            await client.emit(shop.OrderPlaced(number, order.trouble, order.amount), id=order.id)
            self._customers.note_placed(number, self._clock.boot())

    async def _hold_back(self, share: float) -> None:
        """Let no order come in while a kill is due: quick workers would be done before the last of them."""
        while not self._over and sum(m < share - _AHEAD for m in self._script.kills) > len(self._progress):
            await nap(_LOOK / 5)

    async def _follow(self) -> None:
        """Look at the ledgers until every order has ended, or nothing moves any more."""
        alive_at, life = self._clock.monotonic(), 0
        while self._ended < self._script.orders:
            self._ended = ended(self._script.ledgers)
            self._view.show(self._ended, f"{len(self._progress)} workers killed")
            now, lines = self._clock.monotonic(), calls(self._script.ledgers)
            if lines != life:
                alive_at, life = now, lines
            if now - alive_at > PATIENCE:
                self._stuck = await self._explain_stuck()
                break
            for worker in self._workers:
                worker.check()
            await nap(_LOOK)
        self._over = True

    async def _explain_stuck(self) -> list[str]:
        """Say of each order that does not move which event was its last, and what came of that."""
        told = []
        accounts = count(self._script.ledgers).accounts
        for name in sorted(name for name, account in accounts.items() if account.verdict == "lost"):
            query = EventQuery(case_id=shop.order.case_of(name), newest=True, limit=1)
            told += [
                f"{name}: its last event is {event.type}; `dalsegno events show {event.number}` says why"
                for event in await self._runtime.store.events(query)
            ]
        return told

    async def _operate(self) -> None:
        """Kill a worker at each of its moments, and start another in its place."""
        for moment in self._script.kills:
            while self._ended < moment * self._script.orders:
                if self._over:
                    return
                await nap(_LOOK / 5)
            if self._over:
                return
            victim = self._workers.pop(0)
            await victim.kill()
            self._customers.note_kill(victim.pid, self._clock.boot())
            self._progress.append(self._ended / self._script.orders)
            self._view.say(f"kill -9 {victim.pid} at {self._progress[-1]:.0%}; orders still come in")
            await self._start_worker()

    async def _start_worker(self) -> None:
        script = self._script
        worker = await Worker.start(
            _WORKER, script.store, {ADDRESS: str(script.ledgers)}, script.folder / "worker.log"
        )
        self._workers.append(worker)
        self._view.say(f"worker {worker.pid} works")
