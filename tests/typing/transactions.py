"""Transactions as type checkers see them: who calls a step does not pass ``tx``, and it is known what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from dalsegno import (
    AsyncClient,
    AsyncRun,
    Client,
    Promise,
    Run,
    Service,
    Step,
    Tx,
    event,
    inbox,
    step,
    workflow,
)


@event("Asked", version=1, key="id")
@dataclass
class Asked:
    id: str


@event("Booked", version=1, key="id")
@dataclass
class Booked:
    id: str


@step(transaction=True)
def book(tx: Tx, order: str, amount: int = 1) -> list[str]:
    assert_type(tx.execute("SELECT 1", (order, amount)), list[tuple[Any, ...]])
    tx.execute("SELECT :order", {"order": order})
    tx.executemany("SELECT ?", [(1,), (2,)])
    return [order]


@step
def plain(order: str) -> int:
    return len(order)


@workflow
def booking(order: str) -> list[str]:
    assert_type(book(order), list[str])
    promise = assert_type(book.start(order, amount=2), Promise[list[str]])
    promise.result()
    assert_type(plain(order), int)
    return book(order, 3)


books = Service("books")


@books.on(transaction=True)
def keep(tx: Tx, asked: Asked) -> Booked | None:
    assert_type(inbox.once(tx, asked), bool)
    return Booked(asked.id)


def steps_stay_steps(found: Step[[str, int], list[str]]) -> None:
    assert_type(found("a", 1), list[str])


def in_a_block(client: Client) -> None:
    with client.transaction(timeout="2s") as tx:
        assert_type(tx, Tx)
        assert_type(client.start(booking, "a", id="a", tx=tx), Run[list[str]])
        assert_type(client.signal("a", 1, tx=tx), bool)
        assert_type(client.emit(Asked("a"), tx=tx), list[int])


async def in_an_async_block(client: AsyncClient) -> None:
    async with client.transaction() as tx:
        assert_type(await tx.execute("SELECT 1"), list[tuple[Any, ...]])
        assert_type(await client.start(booking, "a", tx=tx), AsyncRun[list[str]])
        assert_type(await client.signal("a", 1, tx=tx), bool)
        assert_type(await client.emit(Asked("a"), tx=tx), list[int])
