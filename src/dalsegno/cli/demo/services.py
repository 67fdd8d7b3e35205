"""The shop's services, all pretended: a payment gateway, a warehouse, a carrier and a mail server.

They know nothing of workflows. Like real ones they take time, are unavailable now and then, refuse
what cannot be done, and tell a repetition by its idempotency key: they give the answer that they gave
before and do nothing. All that they do stands in their book, which is what the ledger is counted from.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Generator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from dalsegno.cli.demo.book import Book, Line
from dalsegno.cli.demo.orders import Order, Trouble
from dalsegno.cli.demo.pace import nap
from dalsegno.core.clock import pause
from dalsegno.core.ids import seeded
from dalsegno.engine.context import StepInfo, step_info

ADDRESS = "DALSEGNO_DEMO_SERVICES"
"""The environment variable that tells a worker where the services are: the path of their book."""


class Outcome(StrEnum):
    """What a line of the book says."""

    BEGUN = "begun"  # somebody asks
    DONE = "done"  # it has happened
    NOTHING = "nothing"  # there was nothing to undo
    REFUSED = "refused"  # it will not happen, however often one asks
    UNAVAILABLE = "unavailable"  # it did not happen; ask again
    REPEATED = "repeated"  # this key has its answer; nothing happened


class Action(NamedTuple):
    """One thing that a service can be asked to do, and how long it takes."""

    service: str
    name: str
    seconds: float
    refused_for: Trouble = Trouble.NONE
    undoes: str = ""


CHARGE = Action("payment", "charge", 0.08, Trouble.DECLINED)
RESERVE = Action("inventory", "reserve", 0.05, Trouble.SOLD_OUT)
SCHEDULE = Action("shipping", "schedule", 0.25, Trouble.UNREACHABLE)
SEND = Action("mail", "send", 0.03, Trouble.BOUNCED)
REFUND = Action("payment", "refund", 0.2, undoes="charge")
RELEASE = Action("inventory", "release", 0.1, undoes="reserve")
CANCEL = Action("shipping", "cancel", 0.15, undoes="schedule")

EFFECTS = (CHARGE, RESERVE, SCHEDULE, SEND)
UNDOES = {undo.name: undo.undoes for undo in (REFUND, RELEASE, CANCEL)}

_SLOW = 0.9  # seconds that a slow carrier takes
_OUTAGES = 0.06  # how likely an action meets an outage
_LONGEST_OUTAGE = 2  # requests in a row


class Refused(Exception):
    """The service's final no."""


class Unavailable(Exception):
    """The service has a bad moment."""


class Services:
    """The services, as one process reaches them; what they remember is in the book alone."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._answers: dict[str, Outcome] = {}
        self._outages: Counter[str] = Counter()
        self._standing: Counter[tuple[str, str]] = Counter()

    def ask(self, action: Action, order: Order) -> Generator[float, None, str]:
        """Do one thing, or not; yield the seconds that it takes, return the receipt.

        The deed lies in the middle: before it the request is on its way, after it the answer. Who
        dies then does not know, and has to ask again.
        """
        info = step_info()
        seconds = (_SLOW if action is SCHEDULE and order.trouble is Trouble.SLOW else action.seconds) / 2
        self._book.note(_line(action, order, info, Outcome.BEGUN))
        yield seconds
        outcome = self._settle(action, order, info)
        yield seconds
        if outcome is Outcome.REFUSED:
            raise Refused(f"{action.service}: {order.trouble}")
        if outcome is Outcome.UNAVAILABLE:
            raise Unavailable(f"{action.service} is not available")
        return f"{action.name} of {order.id}"

    def _settle(self, action: Action, order: Order, info: StepInfo) -> Outcome:
        """Decide under the lock of all processes, and write the decision down before anybody hears it."""
        with self._book.alone():
            for line in self._book.news():
                self._remember(line)
            key = info.idempotency_key
            known = self._answers.get(key)
            decided = self._decide(action, order, key) if known is None else known
            said = decided if known is None else Outcome.REPEATED
            self._book.note_alone(_line(action, order, info, said))
        return decided

    def _decide(self, action: Action, order: Order, key: str) -> Outcome:
        if self._outages[key] < _outage(action, order):
            return Outcome.UNAVAILABLE
        if order.trouble is action.refused_for is not Trouble.NONE:
            return Outcome.REFUSED
        if action.undoes and not self._standing[order.id, action.undoes]:
            return Outcome.NOTHING
        return Outcome.DONE

    def _remember(self, line: Line) -> None:
        match line.outcome:
            case Outcome.UNAVAILABLE:
                self._outages[line.key] += 1
            case Outcome.DONE | Outcome.REFUSED | Outcome.NOTHING:
                self._answers[line.key] = Outcome(line.outcome)
                if line.outcome == Outcome.DONE:
                    undone = UNDOES.get(line.action)
                    self._standing[line.order, undone or line.action] += -1 if undone else 1


def _outage(action: Action, order: Order) -> int:
    """How many requests in a row an order's action is answered with "unavailable"."""
    dice = seeded("outage", action.name, order.id)
    return 1 + dice.getrandbits(1) % _LONGEST_OUTAGE if dice.random() < _OUTAGES else 0


def _line(action: Action, order: Order, info: StepInfo, outcome: Outcome) -> Line:
    return Line(action.service, action.name, outcome, order.id, info.idempotency_key, info.attempt)


# -- as a step calls them


@functools.cache
def services() -> Services:
    """Return the services that this process was told of."""
    return Services(Book(Path(os.environ[ADDRESS])))


def ask(action: Action, order: Order) -> str:
    """Ask a service and wait, in a ``def`` step."""
    asking = services().ask(action, order)
    try:
        while True:
            pause(next(asking))
    except StopIteration as answered:
        return str(answered.value)


async def ask_async(action: Action, order: Order) -> str:
    """Ask a service and await it, in an ``async def`` step."""
    asking = services().ask(action, order)
    try:
        while True:
            await nap(next(asking))
    except StopIteration as answered:
        return str(answered.value)
