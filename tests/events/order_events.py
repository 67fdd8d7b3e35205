"""Events of an order, each with its key and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from dalsegno import event


@event(key="order")
@dataclass
class Placed:
    order: str


@event(key="order")
@dataclass
class Paid:
    order: str


@event(key="order")
@dataclass
class Declined:
    order: str


@event(key="order")
@dataclass
class Reserved:
    order: str


@event(key="order")
@dataclass
class Shipped:
    order: str


@event(key="order")
@dataclass
class Refunded:
    order: str


@event(key="order")
@dataclass
class CalledOff:
    order: str
