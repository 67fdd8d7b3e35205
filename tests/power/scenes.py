"""What a program does while the disk fails or the power goes: workflows of each shape, and one scenario."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import dalsegno
from dalsegno import Retry, receive, saga, step, workflow
from dalsegno.engine.registry import Registry
from dalsegno.errors import RunEnded
from dalsegno.testing.effects import perform
from dalsegno.testing.world import World


@dataclass
class Word:
    text: str


@step
def add(a: int, b: int) -> int:
    perform(a, b)
    return a + b


@step
async def add_slowly(a: int, b: int) -> int:
    perform(a, b)
    await asyncio.sleep(0.02)
    return a + b


@step(retry=Retry(attempts=3, first="20ms"))
def fails_once(number: int) -> int:
    perform(number)
    if dalsegno.step_info().attempt == 1:
        raise ConnectionError("once")
    return number


@step
def give_back(part: int) -> None:
    perform(part)


@step(compensate=give_back)
def take(part: int) -> str:
    perform(part)
    if part == 3:
        raise LookupError("sold out")
    return "x" * 600


@workflow
async def gathered(n: int) -> list[int]:
    return await asyncio.gather(*(add_slowly.start(number, 1) for number in range(n)), fails_once.start(n))


@workflow
async def listens(n: int) -> list[str]:
    """Hear signals, with a step and a timer before each."""
    heard = []
    for number in range(n):
        await asyncio.sleep(0.05)
        await add_slowly(number, 0)
        heard.append((await receive(Word)).text)
    return heard


@workflow
def child(n: int) -> int:
    return add(n, 100)


@workflow
def parent(n: int) -> int:
    return child.start(n).result() + add(n, n)


@saga
def buys(n: int) -> list[str]:
    return [take(part) for part in range(1, n + 1)]


@workflow
def sleeps(days: int) -> bool:
    before = dalsegno.now()
    dalsegno.sleep(f"{days}d")
    add(days, 1)
    return (dalsegno.now() - before).days >= days


def registry() -> Registry:
    found = Registry()
    found.add([gathered, listens, child, parent, buys, sleeps])
    return found


async def small(world: World) -> None:
    """Two runs: steps, a timer, a signal."""
    await world.start(gathered, 2, id="gathered")
    await world.start(listens, 1, id="listens")
    await say(world, "listens", "one")


async def large(world: World) -> None:
    """One run of each shape, and signals, one of them sent twice."""
    await asyncio.gather(
        world.start(gathered, 3, id="gathered"),
        world.start(listens, 3, id="listens"),
        world.start(parent, 1, id="parent"),
    )
    await say(world, "listens", "one")
    await world.start(buys, 3, id="buys")
    await say(world, "listens", "one")
    await world.start(sleeps, 3, id="sleeps")
    await world.sleep(0.1)
    await say(world, "listens", "two")
    await say(world, "listens", "three")


async def say(world: World, run_id: str, text: str) -> None:
    """Send a signal, under its text as its id; it may be said to a run that is over already."""
    with contextlib.suppress(RunEnded):
        await world.signal(run_id, Word(text), id=text)
