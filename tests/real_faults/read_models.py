"""Read models of the same real logs, and a worker process for them: ``read_models.py STORE``."""

from __future__ import annotations

import asyncio
import sys

from dalsegno import App, Projection
from tests.real_faults.projections import (
    Activity,
    ItemTouched,
    OrderTouched,
    PackageTouched,
    Permit,
    Thing,
    Touched,
    splitter,
)

permit_rows = Projection("permit-rows", state=Permit)


@permit_rows.on
def follow(e: Activity, state: Permit | None) -> Permit:
    permit = state or Permit()
    permit.trace.append(e.name)
    permit.resources[e.resource] = permit.resources.get(e.resource, 0) + 1
    permit.last_at = e.at
    return permit


def _touched(e: Touched, state: Thing | None) -> Thing:
    thing = state or Thing()
    thing.trace.append(e.activity)
    thing.last_at = e.at
    return thing


order_rows = Projection("order-rows", state=Thing)
item_rows = Projection("item-rows", state=Thing)
package_rows = Projection("package-rows", state=Thing)
OBJECTS = {"orders": order_rows, "items": item_rows, "packages": package_rows}


@order_rows.on
def order_touched(e: OrderTouched, state: Thing | None) -> Thing:
    return _touched(e, state)


@item_rows.on
def item_touched(e: ItemTouched, state: Thing | None) -> Thing:
    return _touched(e, state)


@package_rows.on
def package_touched(e: PackageTouched, state: Thing | None) -> Thing:
    return _touched(e, state)


def app(store: str) -> App:
    """Make the app of the worker, and of who asks."""
    return App("read-models", include=[splitter, permit_rows, *OBJECTS.values()], store=store, lease="1s")


async def main() -> None:
    async with app(sys.argv[1]):
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
