"""What the types of the face promise. Read by type checkers, never run."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from dalsegno import (
    NOTHING,
    App,
    AsyncRun,
    Escalate,
    Promise,
    Retry,
    Run,
    Skip,
    Step,
    receive,
    saga,
    sleep,
    step,
    workflow,
)
from dalsegno.errors import RunFailed, StepFailed


@dataclass
class Order:
    id: str


@dataclass
class Paid:
    amount: int


@dataclass
class Withdrawn:
    why: str


@step
def weigh(order: Order, *, scale: str = "big") -> float:
    return 1.5


@step(timeout=timedelta(seconds=3), on_failure=Escalate(weigh))
def guess(order: Order, *, scale: str = "small") -> float:
    return 1.0


@step(retry=Retry(on=(OSError,)), on_failure=Skip(0), compensate=NOTHING)
async def fetch(order: Order) -> int:
    return 1


@workflow
def pack(order: Order) -> str:
    assert_type(weigh(order, scale="small"), float)
    weighed = assert_type(weigh.start(order), Promise[float])
    assert_type(weighed.result(), float)
    assert_type(weigh.start(order).result(timeout="5s"), float)
    assert_type(fetch.start(order).result(), int)
    paid = assert_type(receive(Paid), Promise[Paid])
    assert_type(paid.sender, str)
    assert_type(receive(Paid, Withdrawn).result(), Paid | Withdrawn)
    sleep(timedelta(days=1))
    return "packed"


@saga(rollback_on=ValueError, strict=True)
async def ship(order: Order) -> bytes:
    fetching = assert_type(fetch(order), Coroutine[Any, Any, int])
    assert_type(await fetching, int)
    assert_type(await weigh.start(order), float)
    assert_type(await pack.start(order, id="child"), str)
    assert_type(await sweep.start(), int)
    assert_type(await sweep.start(id="dusk", detached=True), str)
    assert_type(await ship.start(order, detached=True), str)
    return b""


@workflow(version=2)
def sweep() -> int:
    return 3


def from_def_code(app: App, order: Order) -> None:
    with app as client:
        assert_type(client.start(pack, order), Run[str])
        assert_type(client.start(ship, order, id="s").result("1m"), bytes)
        assert_type(client.start(sweep).result(), int)
        assert_type(client.run("s"), Run[Any])


def when_it_fails(run: Run[str]) -> str:
    try:
        return run.result()
    except RunFailed as failed:
        assert_type(failed.run_id, str)
        return f"{failed.error.type}: {failed.error.message}"
    except StepFailed as failed:
        return failed.type + failed.message + failed.traceback


async def from_async_code(app: App, order: Order) -> None:
    async with app as client:
        assert_type(await client.start(pack, order), AsyncRun[str])
        assert_type(await (await client.start(sweep)).result(), int)


def outside_a_run(order: Order) -> None:
    assert_type(weigh(order), float)
    assert_type(pack(order), str)
    step_itself: Step[..., float] = weigh
    print(step_itself.name)
