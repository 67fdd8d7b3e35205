"""What the types of aggregates and read models promise. Read by type checkers, never run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_type

from dalsegno import (
    Aggregate,
    AsyncClient,
    Client,
    Projection,
    Retry,
    aggregate,
    async_aggregate,
    event,
    step,
)
from dalsegno.client.projections import AsyncProjectionHandle, ProjectionHandle, ProjectionInfo
from dalsegno.events.commands import AggregateHandle, AsyncAggregateHandle


@event(key="account")
@dataclass
class Deposited:
    account: str
    cents: int


class Account(Aggregate, name="account", snapshot_every=10, snapshot_version=2):
    cents: int = 0
    notes: dict[str, int] = {}  # noqa: RUF012

    def apply(self, e: Deposited) -> None:
        self.cents += e.cents

    def deposit(self, cents: int, *, note: str = "") -> Deposited:
        self.emit(Deposited(self.id, cents))
        return Deposited(self.id, cents)

    def nothing(self) -> None: ...


@dataclass
class Row:
    cents: int = 0


rows = Projection("rows", state=Row, key="account", version=2)


@rows.on
def fold(e: Deposited, state: Row | None) -> Row:
    return Row(e.cents)


@rows.on(key=lambda e: e.account)
def other(e: Deposited, state: Row | None) -> Row | None:
    return None


@step
def pay(cents: int) -> None:
    handle = assert_type(aggregate(Account, "a-1"), AggregateHandle[Account])
    assert_type(handle.run(Account.deposit, cents, note="x"), Deposited)


@step
async def pay_later(cents: int) -> None:
    handle = assert_type(async_aggregate(Account, "a-1"), AsyncAggregateHandle[Account])
    assert_type(await handle.run(Account.deposit, cents), Deposited)
    assert_type((await handle.load()).cents, int)


def a_client_gives_each_its_type(client: Client, at: datetime) -> None:
    account = client.aggregate(Account, "a-1", retry=Retry(attempts=3))
    assert_type(account, AggregateHandle[Account])
    assert_type(account.run(Account.deposit, 3), Deposited)
    assert_type(account.run(Account.nothing), None)
    assert_type(account.load(as_of=at), Account)
    assert_type(client.compact(Account), int)
    view = assert_type(client.projection(rows), ProjectionHandle[Row])
    assert_type(view.get("a-1", as_of=3), Row | None)
    assert_type(view.list(prefix="a"), list[tuple[str, Row]])
    assert_type(view.info(), ProjectionInfo)
    assert_type(fold(Deposited("a", 1), None), Row)
    assert_type(Account.folded("a-1", [Deposited("a-1", 3)]).cents, int)


async def an_async_client_too(client: AsyncClient) -> None:
    account = assert_type(client.aggregate(Account, "a-1"), AsyncAggregateHandle[Account])
    assert_type(await account.run(Account.deposit, 3), Deposited)
    view = assert_type(client.projection(rows), AsyncProjectionHandle[Row])
    assert_type(await view.get("a-1"), Row | None)
    assert_type(await view.list(as_of=7), list[tuple[str, Row]])
