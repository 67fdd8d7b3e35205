"""The four steps in dalsegno, as ``bench/orders.py`` has them: ``ours.py FOLDER``."""

from __future__ import annotations

import asyncio
import sys

import orders
from programs.talk import Order, Talk

from dalsegno import App, workflow


@workflow
async def nap(number: int) -> int:
    await asyncio.sleep(86_400.0)
    return number


async def main(folder: str) -> None:
    app = App("bench", include=[orders, nap], store=f"sqlite:///{folder}/bench.db")
    async with app as client:

        async def run_async(order: Order) -> object:
            return await (await client.start(orders.order_async, order, id=f"o-{order['id']}")).result()

        async def run_def(order: Order) -> object:
            return await (await client.start(orders.order_def, order, id=f"o-{order['id']}")).result()

        async def sleep(number: int) -> object:
            return await client.start(nap, number, id=f"nap-{number}")

        await Talk({"async def": run_async, "def": run_def}, sleep).serve()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
