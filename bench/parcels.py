"""The cases that ``bench/live_cases.py`` looks at: a parcel that two services see off, scanned until it arrives."""

from __future__ import annotations

from dataclasses import dataclass

from dalsegno import Process, Service, event


@event(key="parcel")
@dataclass
class Ordered:
    parcel: str


@event(key="parcel")
@dataclass
class Packed:
    parcel: str


@event(key="parcel")
@dataclass
class Collected:
    parcel: str


@event(key="parcel", nobody=True)
@dataclass
class Scanned:
    parcel: str
    depot: int


@event(key="parcel")
@dataclass
class Arrived:
    parcel: str


SCANS = 7
EVENTS = 3 + SCANS  # of one case that is under way

parcels = Process("parcel", starts=Ordered, ends=Arrived, due="1h")
warehouse, carrier = Service("warehouse"), Service("carrier")


@warehouse.on()
async def pack(e: Ordered) -> Packed:
    return Packed(e.parcel)


@carrier.on()
async def collect(e: Packed) -> Collected:
    return Collected(e.parcel)


SERVICES = (warehouse, carrier)
KINDS = (Scanned, Arrived)
