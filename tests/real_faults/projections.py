"""Services that fold real logs into a state per key, and a worker process for them: ``projections.py STORE``."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field

from dalsegno import App, Service, event, keep

# -- a log of cases: each event has one key


@event(key="case")
@dataclass
class Activity:
    """Something was done for a permit."""

    case: str
    name: str
    resource: str
    at: str


@dataclass
class Permit:
    """What a permit looks like: all that was done, in order, by whom, and when last."""

    trace: list[str] = field(default_factory=list)
    resources: dict[str, int] = field(default_factory=dict)
    last_at: str = ""


permits = Service("permits", state=Permit, partitions=16)


@permits.on()
def follow(e: Activity, state: Permit | None) -> None:
    permit = state or Permit()
    permit.trace.append(e.name)
    permit.resources[e.resource] = permit.resources.get(e.resource, 0) + 1
    permit.last_at = e.at
    keep(permit)


# -- a log of objects: what happened once concerns orders, items and packages, each of which has a key


@event(key="log")
@dataclass
class Happened:
    """One line of the log; all lines have one key, so that what follows keeps their order."""

    activity: str
    at: str
    orders: list[str]
    items: list[str]
    packages: list[str]
    log: str = "orders"


@dataclass
class Touched:
    """What a line of the log says of one object."""

    id: str
    activity: str
    at: str


@event(key="id")
class OrderTouched(Touched): ...


@event(key="id")
class ItemTouched(Touched): ...


@event(key="id")
class PackageTouched(Touched): ...


@dataclass
class Thing:
    """What became of an order, an item or a package."""

    trace: list[str] = field(default_factory=list)
    last_at: str = ""


splitter = Service("splitter", partitions=1)
orders = Service("orders", state=Thing, partitions=16)
items = Service("items", state=Thing, partitions=16)
packages = Service("packages", state=Thing, partitions=16)
OBJECTS = {"orders": OrderTouched, "items": ItemTouched, "packages": PackageTouched}


@splitter.on()
async def split(e: Happened) -> list[OrderTouched | ItemTouched | PackageTouched]:
    return [kind(one, e.activity, e.at) for name, kind in OBJECTS.items() for one in getattr(e, name)]


def _touch(e: Touched, state: Thing | None) -> None:
    thing = state or Thing()
    thing.trace.append(e.activity)
    thing.last_at = e.at
    keep(thing)


@orders.on()
def touch_order(e: OrderTouched, state: Thing | None) -> None:
    _touch(e, state)


@items.on()
async def touch_item(e: ItemTouched, state: Thing | None) -> None:
    _touch(e, state)


@packages.on()
def touch_package(e: PackageTouched, state: Thing | None) -> None:
    _touch(e, state)


def app(store: str) -> App:
    """Make the app of the worker, and of who asks."""
    return App("projections", include=[sys.modules[__name__]], store=store, lease="1s")


async def main() -> None:
    async with app(sys.argv[1]):
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
