"""Programs of one service, of which one is older than the other; run as ``python -m tests.events.two_programs``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from dalsegno import App, Retry, Service, all_of, event, upcast, workflow

FORMS = ("plain", "failing", "workflow", "join")


@event("Paid", version=1, key="order")
@dataclass
class Paid:
    order: str
    cents: int


@event("Paid", version=2, key="order")
@dataclass
class Wider:
    order: str
    cents: int
    currency: str = "EUR"


@event("Paid", version=2, key="order")
@dataclass
class Renamed:
    order: str
    amount: int


@event("Shipped", version=1, key="order")
@dataclass
class Shipped:
    order: str


@event("Entered", version=1, key="order")
@dataclass
class Entered:
    order: str
    by: str
    paid: str


@upcast
def renamed(old: Paid) -> Renamed:
    return Renamed(old.order, old.cents)


NEW = (Renamed, Paid, renamed, Entered)


def program(name: str, form: str, address: str) -> App:
    """Make the program ``old``, which knows version 1, ``new``, or ``torn``, which has no converter."""
    takes: type[Any] = Renamed if name == "new" else Paid
    service, failures = Service("books"), 3 if form == "failing" else 0

    def enter(paid: Any) -> Entered:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise RuntimeError("not yet")
        return Entered(paid.order, name, repr(paid))

    def close(paid: Any, shipped: Shipped) -> Entered:
        return enter(paid)

    enter.__annotations__["paid"] = close.__annotations__["paid"] = takes
    match form:
        case "workflow":
            service.on(workflow(version="2" if name == "new" else "1")(enter))
        case "join":
            service.on(all_of(takes, Shipped), name="enter")(close)
        case _:
            service.on(retry=Retry(attempts=4 if form == "failing" else 1, first="200ms", factor=1))(enter)
    knows = {"old": (), "new": NEW, "torn": (Renamed, renamed)}[name]
    return App("shop", include=[service, *knows], store=address)


if __name__ == "__main__":
    with program(*sys.argv[1:]):
        print("ready", flush=True)
        sys.stdin.read()
