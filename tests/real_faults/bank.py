"""A bank whose accounts are aggregates: commands in handlers, two read models. Run as a worker by the tests."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

from dalsegno import Aggregate, App, Projection, Retry, Service, aggregate, event

QUICK = Retry(attempts=None, first="10ms", max="20ms")


@event(key="account")
@dataclass
class Deposited:
    account: str
    cents: int


@event(key="account")
@dataclass
class Withdrawn:
    account: str
    cents: int
    order: str


@event(key="order")
@dataclass
class Ordered:
    order: str
    account: str
    cents: int


@event(key="order")
@dataclass
class Declined:
    order: str


class Account(Aggregate, snapshot_every=7):
    cents: int = 0
    orders: set[str] = set()  # noqa: RUF012 - each account gets its own

    def apply_deposited(self, e: Deposited) -> None:
        self.cents += e.cents

    def apply_withdrawn(self, e: Withdrawn) -> None:
        self.cents -= e.cents
        self.orders.add(e.order)

    def deposit(self, cents: int) -> Deposited:
        return Deposited(self.id, cents)

    def withdraw(self, cents: int, order: str) -> Withdrawn | None:
        return Withdrawn(self.id, cents, order) if cents <= self.cents else None


payments = Service("payments", partitions=8)


@payments.on(retry=QUICK)
def charge(e: Ordered) -> Declined | None:
    done = aggregate(Account, e.account).run(Account.withdraw, e.cents, e.order)
    return Declined(e.order) if done is None else None


@dataclass
class Balance:
    cents: int = 0
    moves: int = 0


balances = Projection("balances", state=Balance)
outcomes = Projection("outcomes", state=str, key="order")


@balances.on
def moved(e: Deposited | Withdrawn, state: Balance | None) -> Balance:
    state = state or Balance()
    return Balance(state.cents + (e.cents if isinstance(e, Deposited) else -e.cents), state.moves + 1)


@outcomes.on
def ordered(e: Ordered, state: str | None) -> str:
    return "ordered"


@outcomes.on
def decided(e: Withdrawn | Declined, state: str | None) -> str:
    return f"{state}, {type(e).__name__}"  # whoever folds an event twice shows it here


INCLUDE = [Deposited, Withdrawn, Ordered, Declined, Account, payments, balances, outcomes]


async def main() -> None:
    async with App("bank", include=INCLUDE, store=sys.argv[1], lease="1s"):
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
