"""Who looks on: handlers made in a loop, one for each event that is worth a count."""

from collections import Counter
from typing import Any

from dalsegno import Service
from fleet import events

watch, reports = Service("watch"), Service("reports")
counts: Counter[str] = Counter()

WATCHED = [
    events.RideAsked, events.RideOffered, events.RideTaken, events.RideUnwanted, events.CarSent,
    events.CarBroken, events.CarCalledBack, events.GuestIn, events.GuestOut, events.RideEnded,
    events.RideFailed, events.SeatBlocked, events.SeatFreed, events.FareSet, events.CardCharged,
    events.CardRefused, events.CashAsked, events.Paid, events.ShiftCounted, events.BonusEarned,
]  # fmt: skip


def watcher(kind: type[Any]) -> None:
    @watch.on(name=f"count_{kind.__name__}")
    def count(event: kind) -> None:  # type: ignore[valid-type]
        counts[kind.__name__] += 1


for each in WATCHED:
    watcher(each)


class Report:
    """Writes notes of what was counted."""

    def __init__(self, about: type[Any], text: str) -> None:
        self.about = about
        self.text = text
        reports.on(name=f"report_{about.__name__}")(self.handler())

    def handler(self) -> Any:
        about = self.about

        def report(event: about) -> events.Noted:  # type: ignore[valid-type]
            return self.written(event.ride)

        return report

    def written(self, ride: str) -> events.Noted:
        return events.Noted(ride, self.text)


ended = Report(events.RideEnded, "ended")
failed = Report(events.RideFailed, "failed")
refused = Report(events.CardRefused, "refused")
earned = Report(events.BonusEarned, "earned")
filed = Report(events.TaxFiled, "filed")
