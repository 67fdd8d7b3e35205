"""Workflows that the simulations play: each shape that user code takes, in ``def`` and ``async def``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import dalsegno
from dalsegno import NOTHING, Escalate, Retry, Skip, receive, saga, sleep, step, step_info, workflow
from dalsegno.testing.effects import perform

QUICK = Retry(attempts=4, first="20ms", factor=2, jitter=0.5)


@dataclass
class Order:
    id: str
    amount: int = 1
    fails_at: int = 0


@dataclass
class Decision:
    by: str
    yes: bool = True


class Declined(Exception):
    """The service said no."""


# -- steps


@step
def add(a: int, b: int) -> int:
    perform(a, b)
    return a + b


@step
async def add_slowly(a: int, b: int, seconds: float = 0.03) -> int:
    perform(a, b, seconds)
    await asyncio.sleep(seconds)
    return a + b


@step
def decline(what: str) -> int:
    perform(what)
    raise Declined(what)


@step
async def decline_slowly(what: str, seconds: float) -> int:
    perform(what, seconds)
    await asyncio.sleep(seconds)
    raise Declined(what)


@step(retry=QUICK)
def flaky(fails: int) -> int:
    perform(fails)
    if step_info().attempt <= fails:
        raise ConnectionError(f"attempt {step_info().attempt}")
    return step_info().attempt


@step(retry=QUICK, timeout="50ms")
async def flaky_and_slow(slow: int) -> int:
    perform(slow)
    if step_info().attempt <= slow:
        await asyncio.sleep(10)
    return step_info().attempt


@step(retry=Retry(attempts=100, first="200ms", max="200ms"))
async def flaky_for_long() -> int:
    perform()
    if step_info().attempt < 20:
        raise ConnectionError
    return step_info().attempt


@step(at_most_once=True)
def once(what: str) -> str:
    perform(what)
    return what


@step(on_failure=Skip(-1))
def skipped(what: str) -> int:
    perform(what)
    raise Declined(what)


@step
def stand_in(what: str, error: str) -> int:
    perform(what, error)
    return len(what)


@step(on_failure=Escalate(stand_in), retry=Retry(attempts=2, first="20ms"))
def escalated(what: str) -> int:
    perform(what)
    raise Declined(what)


# -- plain workflows


@workflow
def sequence(n: int) -> int:
    total = 0
    for number in range(n):
        total = add(total, number)
    return total


@workflow
async def sequence_async(n: int) -> int:
    total = 0
    for number in range(n):
        total = await add_slowly(total, number)
    return total


@workflow
def parallel_in_def(n: int) -> int:
    promises = [add.start(number, 1) for number in range(n)]
    return sum(promise.result() for promise in promises)


@workflow
async def gathered(n: int) -> list[int]:
    return await asyncio.gather(
        *(add_slowly.start(number, 1, 0.05 - 0.01 * number) for number in range(n)), add.start(1, 1)
    )


@workflow
async def grouped(n: int) -> str:
    """Let a task group lose one member: its siblings are cancelled, some of them in flight."""
    lost = 0
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(n):
                group.create_task(add_slowly(number, 1, 0.01 * number))
            group.create_task(decline_slowly("group", 0.02))
    except* Declined as declined:
        lost = len(declined.exceptions)
    return f"{lost} declined, then {await add_slowly(40, 2)}"


@workflow
async def raced(n: int) -> list[int]:
    """Take the first of several, cancel the rest, and go on."""
    tasks = [asyncio.ensure_future(add_slowly(number, 0, 0.01 + 0.5 * number)) for number in range(n)]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    return [task.result() for task in done] + [await add_slowly(7, 0)]


@workflow
async def signal_or_timeout(seconds: int) -> str:
    try:
        async with asyncio.timeout(seconds):
            decision = await receive(Decision)
    except TimeoutError:
        return f"late {await add_slowly(1, 1)}"
    return f"{decision.by} {decision.yes}"


@workflow
async def attempts(n: int) -> list[int]:
    return [await flaky.start(n), await flaky_and_slow(n)]


@workflow
def attempts_in_def(n: int) -> int:
    return flaky(n)


@workflow
async def retry_beside_a_long_step(n: int) -> list[int]:
    return await asyncio.gather(add_slowly(n, 1, 5.0), flaky_for_long())


@workflow
def long_sleep(days: int) -> bool:
    before = dalsegno.now()
    add(days, 0)
    sleep(f"{days}d")
    add(days, 1)
    return dalsegno.now() - before >= timedelta(days=days)


@workflow
async def naps(n: int) -> bool:
    before = dalsegno.now()
    await asyncio.gather(*(asyncio.sleep(0.1 * (number + 1)) for number in range(n)), add.start(n, n))
    return dalsegno.now() - before >= timedelta(seconds=0.1 * n)


@workflow
async def mailbox(n: int) -> list[str]:
    """Ask for signals slower than they come."""
    heard = []
    for number in range(n):
        await add_slowly(number, 0)
        heard.append((await receive(Decision)).by)
    return heard


@workflow
def mailbox_in_def(n: int) -> list[str]:
    return sorted(receive(Decision).result().by for _ in range(n))


@workflow
async def child(n: int) -> int:
    return await add_slowly(n, 100)


@workflow
async def failing_child(n: int) -> int:
    return await decline_slowly("child", 0.01 * n)


@workflow
async def sleeping_child(n: int) -> int:
    await asyncio.sleep(n)
    return await add_slowly(n, 0)


@workflow
async def parent(n: int) -> list[int]:
    return await asyncio.gather(*(child.start(number) for number in range(n)))


@workflow
def parent_in_def(n: int) -> str:
    own = child.start(n)
    lives_on = child.start(n + 1, id=f"lives-on-{n}", detached=True)
    return f"{own.result()} {lives_on.result()}"


@workflow
def parting(n: int) -> str:
    """Start a detached child in the very last turn."""
    add(n, n)
    child.start(n, id=f"parting-{n}", detached=True)
    return "gone"


@workflow
async def parent_of_failing(n: int) -> str:
    try:
        await failing_child.start(n)
    except dalsegno.errors.ChildFailed as failed:
        return type(failed.__cause__).__name__
    return "it did not fail"


@workflow
async def failing_parent(n: int) -> int:
    """Fail while a child sleeps: it is cancelled with its parent."""
    asleep = sleeping_child.start(1_000 + n)
    await decline_slowly("parent", 0.05)
    return await asleep


@workflow
async def impatient_parent(n: int) -> str:
    """Give up on a child and end at once: what was given up on is cancelled."""
    try:
        async with asyncio.timeout(n):
            await sleeping_child.start(1_000)
    except TimeoutError:
        return "gave up"
    return "it came"


@workflow
async def cleaning_up(n: int) -> int:
    """Clean up when cancelled, with a step."""
    try:
        await asyncio.sleep(1_000)
    finally:
        await add_slowly(n, 1)
    return n


@workflow
def cleaning_up_in_def(n: int) -> int:
    try:
        sleep("1000s")
    finally:
        add(n, 1)
    return n


@workflow
def careful(n: int) -> str:
    try:
        return "".join(once(f"{number}") for number in range(n))
    except dalsegno.errors.StepInterrupted:
        return "interrupted"


@workflow
def remedied(n: int) -> list[int]:
    return [skipped("a" * n), escalated("b" * n), add(n, n)]


@workflow
def mistaken(n: int) -> int:
    """Never run: it is started under ids that are taken."""
    return add(n, n)


@step
def deadly(n: int) -> int:
    """End the process that does it, always."""
    perform(n)
    for kill in KILL:
        kill()
    return n


@workflow
def poison(n: int) -> int:
    return deadly(add(n, n))


@step
async def busy(seconds: float) -> float:
    """Hold up the worker's loop, as code that blocks does."""
    perform(seconds)
    for block in BLOCK:
        block(seconds)
    return seconds


@workflow
async def blocking(seconds: float) -> float:
    return await busy(seconds)


BLOCK: list[Callable[[float], None]] = []
"""How a step holds up its process in the world that is being played."""

KILL: list[Callable[[], None]] = []
"""How a step ends its process in the world that is being played."""


# -- sagas


@step
def give_back(order: Order, part: int, result: str | None) -> None:
    perform(order, part, result)


@step(compensate=give_back)
def take(order: Order, part: int) -> str:
    perform(order, part)
    if order.fails_at == part:
        raise Declined(f"part {part}")
    return f"{order.id}-{part}"


@step
async def give_back_slowly(order: Order, part: int) -> None:
    perform(order, part)
    await asyncio.sleep(0.02)


@step(compensate=give_back_slowly, retry=Retry(attempts=2, first="20ms"), timeout="200ms")
async def take_slowly(order: Order, part: int) -> int:
    perform(order, part)
    await asyncio.sleep(10 if order.fails_at == -part else 0.02 * part)
    if order.fails_at == part:
        raise Declined(f"part {part}")
    return part


@step(compensate=NOTHING)
def tell(order: Order) -> None:
    perform(order)
    if order.fails_at == 9:
        raise Declined("tell")


@saga
def buy(order: Order) -> list[str]:
    parts = [take(order, part) for part in (1, 2, 3)]
    tell(order)
    return parts


@saga
async def buy_at_once(order: Order) -> list[int]:
    parts = await asyncio.gather(*(take_slowly.start(order, part) for part in (1, 2, 3)))
    await tell.start(order)
    return parts


@saga
async def buy_and_wait(order: Order) -> str:
    await take_slowly(order, 1)
    await take.start(order, 2)
    decision = await receive(Decision)
    await tell.start(order)
    return decision.by


@step(retry=Retry(attempts=2, first="20ms"))
def stubborn(order: Order, part: int) -> None:
    """Fail as a compensation until a person has mended the service."""
    perform(order, part)
    if order.id not in MENDED:
        raise ConnectionError("not yet")


@step(compensate=stubborn)
def take_for_good(order: Order, part: int) -> int:
    perform(order, part)
    return part


@saga
def buy_stubbornly(order: Order) -> None:
    take(order, 1)
    take_for_good(order, 2)
    take(order, 3)
    tell(order)


MENDED: set[str] = set()
"""The orders whose service a person has mended."""
