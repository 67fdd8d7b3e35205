"""Events of rides, as attrs classes; some are made by a factory."""

from typing import Any

import attrs

from dalsegno import event


@attrs.frozen
class OfRide:
    ride: str

    @classmethod
    def after(cls, other: "OfRide") -> Any:
        return cls(other.ride)


@event(key="ride", outside=True)
@attrs.frozen
class RideAsked(OfRide):
    place: str = ""


@event(key="ride")
@attrs.frozen
class RideOffered(OfRide): ...


@event(key="ride")
@attrs.frozen
class RideTaken(OfRide):
    driver: str = "nobody"


@event(key="ride", failure=True)
@attrs.frozen
class RideUnwanted(OfRide): ...


@event(key="ride")
@attrs.frozen
class CarSent(OfRide): ...


@event(key="ride", failure=True)
@attrs.frozen
class CarBroken(OfRide): ...


@event(key="ride")
@attrs.frozen
class CarCalledBack(OfRide): ...


@event(key="ride")
@attrs.frozen
class GuestIn(OfRide): ...


@event(key="ride")
@attrs.frozen
class GuestOut(OfRide): ...


@event(key="ride")
@attrs.frozen
class RideEnded(OfRide): ...


@event(key="ride")
@attrs.frozen
class RideFailed(OfRide): ...


@event(key="ride")
@attrs.frozen
class SeatBlocked(OfRide): ...


@event(key="ride")
@attrs.frozen
class SeatFreed(OfRide): ...


@event(key="ride", outside=True)
@attrs.frozen
class PositionSeen(OfRide): ...


@event(key="ride")
@attrs.frozen
class DetourSeen(OfRide): ...


@event(key="ride")
@attrs.frozen
class DetourExplained(OfRide): ...


@event(key="ride", nobody=True)
@attrs.frozen
class Noted(OfRide):
    what: str = ""
