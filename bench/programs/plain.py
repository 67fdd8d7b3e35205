"""The four steps in plain asyncio: nothing is recorded, and a crash loses everything."""

from __future__ import annotations

import asyncio

from programs.talk import Order, Talk


async def charge(order: Order) -> Order:
    return {"payment": f"pay-{order['id']}", "amount": order["amount"]}


async def reserve(order: Order) -> Order:
    return {"reservation": f"res-{order['id']}"}


async def ship(order: Order) -> Order:
    return {"shipment": f"ship-{order['id']}"}


async def confirm(order: Order) -> Order:
    return {"mail": f"mail-{order['id']}"}


def charge_def(order: Order) -> Order:
    return {"payment": f"pay-{order['id']}", "amount": order["amount"]}


def other_def(order: Order) -> Order:
    return {"reservation": f"res-{order['id']}"}


async def order_async(order: Order) -> Order:
    payment = await charge(order)
    await reserve(order)
    await ship(order)
    await confirm(order)
    return payment


async def order_def(order: Order) -> Order:
    """Blocking steps need a thread, here as everywhere."""
    payment = await asyncio.to_thread(charge_def, order)
    for _ in range(3):
        await asyncio.to_thread(other_def, order)
    return payment


async def as_task(order: Order) -> Order:
    return await asyncio.get_running_loop().create_task(order_async(order))


_sleeping: set[asyncio.Task[None]] = set()


async def sleep(_: int) -> None:
    _sleeping.add(asyncio.get_running_loop().create_task(asyncio.sleep(86_400.0)))


if __name__ == "__main__":
    asyncio.run(Talk({"async def": as_task, "def": order_def}, sleep).serve())
