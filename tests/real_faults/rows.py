"""A worker whose steps and handlers have rows in the store's own database, to be killed: ``python -m …rows STORE``."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

from dalsegno import App, Service, Tx, event, step, workflow

TABLES = (
    "CREATE TABLE booked (what TEXT NOT NULL)",  # without keys: what is written twice is there twice
    "CREATE TABLE asked (what TEXT NOT NULL)",
)


@event("Asked", version=1, key="key")
@dataclass
class Asked:
    key: str
    number: int


@event("Booked", version=1, key="key")
@dataclass
class Booked:
    key: str
    number: int


books = Service("books", partitions=4)


@books.on(transaction=True)
def book(tx: Tx, asked: Asked) -> Booked:
    tx.execute("INSERT INTO booked VALUES (?)", (f"{asked.key}-{asked.number}",))
    return Booked(asked.key, asked.number)


@step(transaction=True)
def note(tx: Tx, what: str) -> int:
    tx.execute("INSERT INTO booked VALUES (?)", (what,))
    return int(tx.execute("SELECT count(*) FROM booked WHERE what = ?", (what,))[0][0])


@workflow
def noting(number: int) -> list[int]:
    return [note(f"run-{number}-{part}") for part in range(3)]


def app(store: str, slots: int = 1_000) -> App:
    """Make the program that works on a store."""
    return App("rows", include=[noting, books, Asked, Booked], store=store, lease="1s", slots=slots)


async def main() -> None:
    async with app(sys.argv[1]):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
