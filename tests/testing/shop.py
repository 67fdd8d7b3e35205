"""A shop in several states of repair: each workflow has the mistake that its name says, or none."""

from __future__ import annotations

import asyncio
import os
import random
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from dalsegno import NOTHING, Retry, receive, saga, sleep, step, step_info, workflow
from dalsegno.testing import Service


@dataclass
class Order:
    id: str
    amount: int = 40


@dataclass
class Approval:
    by: str


bank = Service("bank", charge="receipt")
stock = Service("stock")
mail = Service("mail")


def key() -> str:
    return step_info().idempotency_key


# -- steps that are as they must be, in def and in async def


@step
def refund(order: Order) -> None:
    bank.refund(order.amount, key=key())


@step(compensate=refund, retry=Retry(attempts=3, first="10s"))
def charge(order: Order) -> str:
    receipt: str = bank.charge(order.amount, key=key())
    return receipt


@step
async def release(order: Order) -> None:
    await asyncio.sleep(0.01)
    stock.release(order.id, headers={"Idempotency-Key": key()})


@step(compensate=release)
async def reserve(order: Order) -> None:
    stock.reserve(order.id, headers={"Idempotency-Key": key()})
    await asyncio.sleep(0.01)


@step(compensate=NOTHING)
def send_receipt(order: Order) -> None:
    mail.send(order.id, key())


@saga
def sell(order: Order) -> str:
    receipt = charge(order)
    reserve.start(order).result()
    sleep("30d")
    send_receipt(order)
    return receipt


@saga
async def sell_async(order: Order) -> str:
    receipt, _ = await asyncio.gather(charge.start(order), reserve(order))
    async with asyncio.timeout(86_400):
        await receive(Approval)
    await send_receipt.start(order)
    return receipt


# -- steps and workflows with one mistake each


@step(compensate=refund)
def charge_without_a_key(order: Order) -> str:
    return str(bank.charge(order.amount))


@step(compensate=refund)
async def charge_async_without_a_key(order: Order) -> str:
    return str(bank.charge(order.amount))


@saga
def charges_twice(order: Order) -> str:
    return charge_without_a_key(order)


@saga
async def charges_twice_async(order: Order) -> str:
    return await charge_async_without_a_key(order)


@step
def reserve_without_undo(order: Order) -> None:
    stock.reserve(order.id, key=key())


@step
async def reserve_async_without_undo(order: Order) -> None:
    stock.reserve(order.id, key=key())


@saga
def leaves_stock_reserved(order: Order) -> None:
    reserve_without_undo(order)
    send_receipt(order)


@saga
async def leaves_stock_reserved_async(order: Order) -> None:
    await reserve_async_without_undo(order)
    await send_receipt.start(order)


@workflow
def rolls_dice(order: Order) -> None:
    if random.random() < 2:
        send_receipt(order)


@workflow
async def rolls_dice_async(order: Order) -> None:
    if random.random() < 2:
        await send_receipt.start(order)


@workflow
def asks_the_machine(what: str) -> str:
    asked = {
        "time.time()": time.time,
        "time.monotonic_ns()": time.monotonic_ns,
        "datetime.now()": lambda: datetime.now(UTC),
        "uuid.uuid4()": uuid.uuid4,
        "uuid.uuid1()": uuid.uuid1,
        "os.urandom()": lambda: os.urandom(4),
        "os.environ()": lambda: os.environ.get("HOME"),
        "random.choice()": lambda: random.choice("ab"),
        "random.shuffle()": lambda: random.shuffle([1, 2]),
        "random.Random()": random.Random,
    }
    asked[what]()
    return what


@workflow
def walks_over_a_set(order: Order) -> None:
    fruit = {"apple", "pear", "plum", "quince"}
    for name in fruit:
        pick(name)


@saga
def walks_over_a_set_when_the_mail_fails(order: Order) -> None:
    try:
        send_receipt(order)
    except Exception:
        walks_over_a_set.function(order)


@step(compensate=NOTHING)
def pick(name: str) -> None:
    stock.pick(name, key=key())


@workflow
async def waits_for_an_approval(order: Order) -> str:
    return (await receive(Approval)).by


@workflow
def calls_the_bank_itself(order: Order) -> None:
    bank.charge(order.amount, key="a key")


PRINTED: list[str] = []


@step
def prints(order: Order) -> None:
    PRINTED.append(order.id)


@step
def prints_under_its_key(order: Order) -> None:
    PRINTED.append(key())


@workflow
def prints_a_label(order: Order) -> None:
    prints(order)
    prints_under_its_key(order)
