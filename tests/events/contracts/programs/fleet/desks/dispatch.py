"""Who sends cars: objects whose methods are handlers, and a mixin that some of them share."""

import functools
from collections.abc import Callable

from dalsegno import Service
from fleet import events as e


class Noting:
    """What all desks can do."""

    prefix = "desk"

    def note(self, about: e.OfRide, what: str) -> e.Noted:
        return e.Noted(about.ride, f"{self.prefix}: {what}")


class Dispatch(Noting):
    """Offers rides and sends cars."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.kinds = {"yes": e.RideTaken, "no": e.RideUnwanted}
        self.send_car = functools.partial(self._answer, e.CarSent)
        service.on(name="offer")(self.offer)
        service.on(name="ask_driver")(self.ask_driver)
        service.on(name="send")(self.send)
        service.on(name="call_back", compensates=e.CarSent)(self.call_back)
        service.on(name="free", compensates=e.SeatBlocked)(self.free)
        service.on(name="block")(self.block)
        service.on(name="fail")(self.fail)
        service.on(name="fail_unwanted", compensates="none")(self.fail_unwanted)
        service.on(name="note_offer")(self.note_offer)

    def offer(self, ask: e.RideAsked) -> e.RideOffered:
        return e.RideOffered.after(ask)

    def ask_driver(self, offered: e.RideOffered) -> e.RideTaken | e.RideUnwanted:
        answer = "yes" if offered.ride else "no"
        return self.kinds[answer](offered.ride)

    def send(self, taken: e.SeatBlocked) -> e.CarSent | e.CarBroken:
        if taken.ride == "13":
            return self._answer(e.CarBroken, taken)
        return self.send_car(taken)

    def block(self, taken: e.RideTaken) -> e.SeatBlocked:
        return e.SeatBlocked.after(taken)

    def call_back(self, refused: e.CardRefused) -> e.CarCalledBack:
        return e.CarCalledBack(refused.ride)

    def free(self, broken: e.CarBroken | e.CarCalledBack) -> e.SeatFreed:
        return e.SeatFreed(broken.ride)

    def fail(self, freed: e.SeatFreed) -> e.RideFailed:
        return e.RideFailed(freed.ride)

    def fail_unwanted(self, unwanted: e.RideUnwanted) -> e.RideFailed:
        return e.RideFailed(unwanted.ride)

    def note_offer(self, offered: e.RideOffered) -> e.Noted:
        return self.note(offered, "offered")

    @staticmethod
    def _answer(kind: Callable[[str], e.OfRide], about: e.OfRide) -> e.OfRide:
        return kind(about.ride)


class Road(Noting):
    """What happens on the way."""

    prefix = "road"

    def __init__(self, service: Service) -> None:
        for name in ("pick_up", "set_down", "see", "explain", "look_again"):
            service.on(name=name)(getattr(self, name))

    def pick_up(self, sent: e.CarSent) -> e.GuestIn:
        return e.GuestIn(sent.ride)

    def set_down(self, guest: e.GuestIn) -> tuple[e.GuestOut, e.Noted]:
        out = e.GuestOut(guest.ride)
        return out, self.note(guest, "out")

    def see(self, seen: e.PositionSeen) -> e.DetourSeen | None:
        if not seen.ride:
            return None
        return e.DetourSeen(seen.ride)

    def explain(self, seen: e.DetourSeen) -> e.DetourExplained:
        def explained(ride: str) -> e.DetourExplained:
            return e.DetourExplained(ride)

        return explained(seen.ride)

    def look_again(self, explained: e.DetourExplained) -> list[e.DetourSeen]:
        return [e.DetourSeen(ride) for ride in explained.ride.split()]


dispatching = Service("dispatching")
road = Service("road")
desk = Dispatch(dispatching)
on_the_road = Road(road)
