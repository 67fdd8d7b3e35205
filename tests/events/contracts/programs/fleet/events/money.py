"""Events of money, as dataclasses in two versions."""

from dataclasses import dataclass

from dalsegno import downcast, event


@event("FareSet", version=1, key="ride")
@dataclass
class FareSetV1:
    ride: str
    euros: float


@event("FareSet", version=2, key="ride")
@dataclass
class FareSet:
    ride: str
    cents: int


@event(key="ride")
@dataclass
class CardCharged:
    ride: str


@event(key="ride", failure=True)
@dataclass
class CardRefused:
    ride: str


@event(key="ride")
@dataclass
class CashAsked:
    ride: str


@event(key="ride")
@dataclass
class Paid:
    ride: str


@event(key="ride")
@dataclass
class ShiftCounted:
    ride: str


@event(key="ride")
@dataclass
class BonusEarned:
    ride: str


@event(key="ride")
@dataclass
class TaxDue:
    ride: str


@event(key="ride")
@dataclass
class TaxFiled:
    ride: str


@downcast
def to_v1(new: FareSet) -> FareSetV1:
    return FareSetV1(new.ride, new.cents / 100)
