"""Who counts the money: factories of handlers, closures over tables, and a decorator of our own."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from dalsegno import Process, Service, all_of
from fleet.events import (
    BonusEarned,
    CardCharged,
    CardRefused,
    CashAsked,
    FareSet,
    FareSetV1,
    GuestIn,
    GuestOut,
    Paid,
    RideAsked,
    RideEnded,
    RideFailed,
    ShiftCounted,
    TaxDue,
    TaxFiled,
)

billing, taxes = Service("billing"), Service("taxes")

ride = Process("ride", starts=RideAsked, ends=RideEnded | RideFailed)

_OUTCOMES: dict[str, type[Any]] = {"ok": CardCharged, "no": CardRefused, "cash": CashAsked}


def counted(function: Callable[..., Any]) -> Callable[..., Any]:
    calls = [0]

    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        calls[0] += 1
        return function(*args)

    return wrapper


def follows(service: Service, name: str, taken: type[Any], given: type[Any]) -> Callable[[Any], Any]:
    """Make a handler that lets one event follow another."""

    @service.on(name=name)
    def react(event: taken) -> given:  # type: ignore[valid-type]
        return given(event.ride)

    return react


@billing.on()
@counted
def set_fare(event: GuestIn) -> FareSet:
    first = FareSet(event.ride, 0)
    return dataclasses.replace(first, cents=1_200)


@billing.on()
def charge(event: FareSet) -> CardCharged | CardRefused | CashAsked:
    answer = "ok" if event.cents else "cash"
    return _OUTCOMES.get(answer, CardRefused)(event.ride)


paid_by_card = follows(billing, "paid_by_card", CardCharged, Paid)
paid_in_cash = follows(billing, "paid_in_cash", CashAsked, Paid)
count_shift = follows(billing, "count_shift", Paid, ShiftCounted)
file_tax = follows(taxes, "file_tax", TaxDue, TaxFiled)


@billing.on(all_of(GuestOut, Paid))
def end(out: GuestOut, paid: Paid) -> RideEnded:
    ended = {"ride": lambda: RideEnded(out.ride), "never": lambda: RideEnded(paid.ride)}
    return ended["ride"]()


@billing.on()
def bonus(event: ShiftCounted) -> BonusEarned | None:
    return BonusEarned(event.ride) if len(event.ride) > 3 else None


@taxes.on()
def tax(event: BonusEarned) -> TaxDue:
    made = [BonusEarned(event.ride)]
    assert made
    return TaxDue(ride=event.ride)


@taxes.on()
def old_ledger(event: FareSetV1) -> None:
    print(event.euros)


@taxes.on()
def filed(event: TaxFiled) -> None:
    print(event.ride)
