"""Services that meet a crowd of events, and a worker process for one of them: ``crowds.py STORE LEDGER SERVICE``.

The ledger is a file of lines, one for each event in the order in which its handler was called.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass

from dalsegno import App, Service, event, keep
from dalsegno.core.clock import nap

KEYS = 257
MAX_LAG = 1_000
LEASE = 2  # seconds
DEADLY = "kills who reads it"


@event(key="key")
@dataclass
class Noted:
    """One of a crowd: which of its key it is, with as much beside it as an event has."""

    key: str
    place: int
    note: str = "n" * 150


@dataclass
class Count:
    places: int = 0


in_threads, on_the_loop = Service("in threads"), Service("on the loop")
slowly, counting = Service("slowly", state=Count), Service("counting", state=Count)
storm, deadly = Service("storm", max_lag=MAX_LAG), Service("deadly")
SERVICES = {service.name: service for service in (in_threads, on_the_loop, slowly, counting, storm, deadly)}
_ledger = -1


def _note(e: Noted) -> None:
    os.write(_ledger, f"{e.key} {e.place}\n".encode())


@in_threads.on()
def note(e: Noted) -> None:
    _note(e)


@on_the_loop.on()
async def note_at_once(e: Noted) -> None:
    _note(e)


@slowly.on()
async def note_later(e: Noted, state: Count | None) -> None:
    await nap(0.01 * (1 + e.place * 5 % 9))  # unequal: what is not in order would overtake
    keep(Count((state or Count()).places + 1))
    _note(e)


@counting.on()
async def count(e: Noted, state: Count | None) -> None:
    keep(Count((state or Count()).places + 1))
    _note(e)


@storm.on(max_in_flight=4)
async def note_slowly(e: Noted) -> None:
    await nap(0.001)
    _note(e)


@deadly.on()
async def note_unless_it_kills(e: Noted) -> None:
    if e.note == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    await nap(0.01)
    _note(e)


def crowd(events: int) -> list[Noted]:
    """Make so many events of many keys, those of one key counted from 0."""
    return [Noted(f"key-{n % KEYS}", n // KEYS) for n in range(events)]


async def main(store: str, ledger: str, service: str) -> None:
    global _ledger
    _ledger = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with App("crowds", include=[SERVICES[service]], store=store, lease=f"{LEASE}s"):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
