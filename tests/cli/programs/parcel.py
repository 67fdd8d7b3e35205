"""A parcel that somebody outside has to hand over, and a courier who may be told what to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dalsegno import App, Process, Service, all_of, event, receive, workflow


@event(key="parcel")
@dataclass
class Packed:
    parcel: str


@event(key="parcel", nobody=True)
@dataclass
class HandedOver:
    parcel: str


@event(key="parcel")
@dataclass
class Stamped:
    parcel: str


@event(key="parcel")
@dataclass
class Sent:
    parcel: str


@event(key="parcel")
@dataclass
class Refused:
    parcel: str


parcel = Process("parcel", starts=Packed, ends=Sent, cancel=Refused)
desk, couriers = Service("desk"), Service("couriers")


@desk.on(attempts=1)
def stamp(e: Packed) -> Stamped:
    if e.parcel == "torn" and not Path("glue").exists():
        raise ValueError("it is torn")
    return Stamped(e.parcel)


@couriers.on(all_of(HandedOver, Stamped))
def send(handed: HandedOver, stamped: Stamped) -> Sent:
    return Sent(handed.parcel)


@workflow
def inspect(parcel: str) -> str:
    return receive(str, name="verdict").result()


app = App("parcels", lease="1s")
