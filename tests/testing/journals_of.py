"""What the journals in this folder are recordings of; ``python -m tests.testing.journals_of`` records them anew.

They are recorded once and then kept: each Python minor, and each later version of dalsegno, must replay
them as they are. A workflow in here is never changed; what is new gets a new workflow.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import dalsegno
from dalsegno import NOTHING, Escalate, Retry, receive, saga, sleep, step, step_info, workflow
from dalsegno.errors import ChildFailed, RunCancelled, RunFailed
from dalsegno.testing import Play, rehearse

_TRACEBACK = re.compile(r'"traceback": "(?:[^"\\]|\\.)*"')
FOLDER = Path(__file__).parent / "journals"
OF_ONE_MINOR = FOLDER / "of_3.11"
"""What only the Python that recorded it replays: asyncio itself has changed the order."""


@dataclass
class Item:
    name: str
    price: Decimal


@dataclass
class Answer:
    by: str
    yes: bool = True


class Refused(Exception):
    """The service said no."""


@step
def price(name: str) -> Item:
    return Item(name, Decimal("9.90") * len(name))


@step
async def price_slowly(name: str, seconds: float) -> Item:
    await asyncio.sleep(seconds)
    return price.function(name)


@step(retry=Retry(attempts=3, first="1m"))
def insist(fails: int) -> int:
    if step_info().attempt <= fails:
        raise ConnectionError(f"attempt {step_info().attempt}")
    return step_info().attempt


@step(at_most_once=True)
def once(text: str) -> str:
    return text.upper()


@step
def stand_in(name: str, error: str) -> str:
    return f"{name} instead of {error}"


@step(on_failure=Escalate(stand_in))
def refuses(name: str) -> str:
    raise Refused(name)


@step
def take_back(name: str, result: Any) -> str:
    return f"took back {name}"


@step(compensate=take_back)
def give(name: str) -> str:
    return f"gave {name}"


@step(compensate=NOTHING)
def refuse(name: str) -> None:
    raise Refused(name)


@workflow
def plain(names: list[str]) -> Decimal:
    items = [price(name) for name in names]
    sleep("3d")
    return sum((item.price for item in items), Decimal(0)) + insist(2)


@workflow
async def waits_beside_others(name: str) -> list[str]:
    """Rest on the order in which wait_for and gather begin things: not the same before Python 3.12 and after."""
    first = asyncio.wait_for(price_slowly(name, 0.01), 60)
    return [item.name for item in await asyncio.gather(first, price_slowly(name * 2, 0.02))]


@workflow
async def side_by_side(names: list[str]) -> list[str]:
    slow = [price_slowly.start(name, 0.05 / (n + 1)) for n, name in enumerate(names)]
    waited = await asyncio.gather(
        price_slowly(names[0], 0.01), *slow, asyncio.sleep(60, Item("nap", Decimal(0)))
    )
    waited.append(await asyncio.wait_for(price_slowly("alone", 0.01), 60))
    tasks = [asyncio.create_task(price_slowly(name, 0.03)) for name in names]
    done = [(await task).name for task in asyncio.as_completed(tasks)]
    async with asyncio.TaskGroup() as group:
        kept = [group.create_task(price_slowly(name, 0.02)) for name in names]
    first, rest = await asyncio.wait(
        [asyncio.ensure_future(price_slowly(name, n + 0.5)) for n, name in enumerate(names)],
        return_when=asyncio.FIRST_COMPLETED,
    )
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    return [item.name for item in waited] + done + [task.result().name for task in (*kept, *first)]


@workflow
async def asks(name: str) -> str:
    heard = []
    for _ in range(2):
        try:
            async with asyncio.timeout(86_400):
                answer = await receive(Answer)
                heard.append(f"{answer.by} {answer.yes}")
        except TimeoutError:
            heard.append("nobody")
    return f"{name}: {', '.join(heard)}"


@workflow
def draws(n: int) -> list[Any]:
    drawn: list[Any] = [dalsegno.random().random() for _ in range(n)]
    return [*drawn, str(dalsegno.uuid()), dalsegno.now().isoformat(), once("loud"), refuses("a")]


@workflow
async def child(n: int) -> int:
    await asyncio.sleep(n)
    if n > 2:
        raise Refused(f"child {n}")
    return n


@workflow
async def parent(n: int) -> list[Any]:
    results = await asyncio.gather(*(child.start(k) for k in range(n)), return_exceptions=True)
    return [type(r).__name__ if isinstance(r, ChildFailed) else r for r in results]


@saga
def undoes_itself(names: list[str]) -> None:
    for name in names:
        give(name)
    refuse("the last one")


@saga
async def is_cancelled(names: list[str]) -> None:
    await asyncio.gather(*(give.start(name) for name in names))
    await asyncio.sleep(1e6)


def play_undone(play: Play) -> None:
    try:
        play.start(undoes_itself, ["a", "b"]).result()
    except RunFailed:
        return
    raise AssertionError("it was to fail")


def play_cancelled(play: Play) -> None:
    run = play.start(is_cancelled, ["a", "b"])
    play.sleep("1h")
    run.cancel()
    try:
        run.result()
    except RunCancelled:
        return
    raise AssertionError("it was to be cancelled")


def play_asked(play: Play) -> None:
    run = play.start(asks, "loan")
    play.sleep("2h")
    run.signal(Answer("Ada"))
    run.result()
    play.start(asks, "waits", id="asks-waiting")
    play.sleep("3h")


SCENES: list[Callable[[Play], Any]] = [
    lambda play: play.start(plain, ["pen", "ink"]).result(),
    lambda play: play.start(side_by_side, ["a", "bb", "ccc"]).result(),
    play_asked,
    lambda play: play.start(draws, 3).result(),
    lambda play: play.start(parent, 4).result(),
    play_undone,
    play_cancelled,
]


def record() -> list[Path]:
    """Record every run of every scene."""
    written = []
    for scene in SCENES:
        with rehearse() as play:
            scene(play)
            written += [run.record(FOLDER) for run in play.runs()]
    with rehearse() as play:
        play.start(waits_beside_others, "x").result()
        written.append(play.runs()[0].record(OF_ONE_MINOR))
    for path in written:  # tracebacks name files of whoever records
        path.write_text(_TRACEBACK.sub('"traceback": ""', path.read_text("utf-8")), "utf-8")
    return written


if __name__ == "__main__":
    print(*record(), sep="\n")
